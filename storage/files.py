"""Where files lie: one folder per job below one root, written whole or not at all.

Knows: paths, and how files come (gpu/durable.py) and go.
Does not know: the database, what is in a file, or who asks. A pet has no folder of its own: its photos, cut-outs
and adapter lie in the folder of the job that enrolled it, so two pets never share a file.

    <root>/jobs/<job id>/photos/<sha256>.jpg      intake
    <root>/jobs/<job id>/cutouts/cut.json         the studio: what was cut out; while it is there, nothing is cut again
    <root>/jobs/<job id>/export/<name>.zip        what was learnt, for its owner (cogs/exports.py)
    <root>/jobs/<job id>/...                      whatever the studio makes there
"""

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gpu.durable import whole
from gpu.pets import Photo

JOB_ID = re.compile(r"[0-9a-f]{12}")


class Files:
    """The data folder. `root` is kept as given: a relative one lets the folder move together with the bot.

    All methods block for as long as the disk takes; big trees are removed in a thread by the callers.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._jobs = root / "jobs"

    def job_folder(self, job_id: str) -> Path:
        """The job's folder, which need not exist yet. Raises ValueError for anything that is not a job id."""
        if not JOB_ID.fullmatch(job_id):
            raise ValueError(f"not a job id: {job_id!r}")
        return self._jobs / job_id

    def photo_folder(self, job_id: str) -> Path:
        """Where the photos of an enrolment lie."""
        return self.job_folder(job_id) / "photos"

    def export_folder(self, job_id: str) -> Path:
        """Where a zip of what an enrolment has learnt lies, while somebody fetches it."""
        return self.job_folder(job_id) / "export"

    def keep(self, data: bytes, folder: Path, suffix: str) -> tuple[Path, str]:
        """Write `data` under the name of its SHA-256; gives path and hash. The same bytes twice are one file."""
        sha256 = hashlib.sha256(data).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{sha256}{suffix}"
        with whole(path, suffix=f".{secrets.token_hex(4)}") as fresh:  # the same photo may come twice at once
            fresh.write_bytes(data)
        return path, sha256

    def share(self, job_id: str, other_id: str, parts: Collection[str]) -> None:
        """Let another job's folder hold the same files in these folders, without a copy: ours are never written twice.

        Raises FileNotFoundError where the job has no photos, or something goes meanwhile.
        """
        ours, theirs = self.job_folder(job_id), self.job_folder(other_id)
        if not self.photo_folder(job_id).is_dir():
            raise FileNotFoundError(f"no photos are kept of job {job_id}")
        theirs.mkdir(parents=True)
        for part in parts:
            for folder, _, names in os.walk(ours / part):  # copytree() would say of any error only that there was one
                fresh = theirs / Path(folder).relative_to(ours)
                fresh.mkdir(parents=True)
                for name in names:
                    os.link(Path(folder, name), fresh / name)

    def add_photos(self, job_id: str, photos: tuple[Photo, ...]) -> tuple[Photo, ...]:
        """Let a job's folder hold these photos of another's too, without a copy; the photos as they lie there.

        Raises FileNotFoundError where the job has no photos, or they go meanwhile.
        """
        folder = self.photo_folder(job_id)
        added = tuple(replace(photo, path=folder / photo.path.name) for photo in photos)
        for theirs, ours in zip(photos, added, strict=True):
            with suppress(FileExistsError):  # a name is a hash: it is the same photo
                os.link(theirs.path, ours.path)
        return added

    def remove(self, job_id: str) -> int:
        """Remove a job's folder; the number of files that were in it. 0 if there is none."""
        folder = self.job_folder(job_id)
        count = sum(len(names) for _, _, names in os.walk(folder))  # unlike rglob() it lets a folder go meanwhile
        shutil.rmtree(folder, ignore_errors=True)  # a worker may still be writing: sweep() finds what it leaves
        return count

    def remove_photos(self, job_id: str) -> None:
        """Remove the photos of an enrolment; what was made of them stays."""
        shutil.rmtree(self.photo_folder(job_id), ignore_errors=True)

    def remove_portraits(self, job_ids: Collection[str]) -> int:
        """Remove the portraits of these jobs, whatever else lies in their folders; of how many there were any."""
        folders = [folder for job_id in job_ids if (folder := self.job_folder(job_id) / "portraits").exists()]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        return len(folders)

    def remove_photos_but(self, job_id: str, names: Collection[str]) -> None:
        """Remove the photos of an enrolment whose files are not called so."""
        for path in self.photo_folder(job_id).glob("*"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def remove_cut(self, job_id: str) -> None:
        """Have the photos of an enrolment cut out anew."""
        (self.job_folder(job_id) / "cutouts" / "cut.json").unlink(missing_ok=True)

    def remove_exports(self, rested_s: float) -> int:
        """Remove the zips that have lain there for so long, and what a kill left of one; how many folders that was."""
        latest = time.time() - rested_s
        old = [folder for folder in self._jobs.glob("*/export") if _changed(folder) <= latest]
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)
        return len(old)

    def found(self) -> set[str]:
        """The ids of all jobs that have a folder."""
        return {path.name for path in self._jobs.glob("*") if JOB_ID.fullmatch(path.name)}

    def sweep(self, known: Collection[str], rested_s: float = 0.0) -> list[str]:
        """Remove the folders of all jobs but the known ones; the ids that were removed.

        While people enrol, some folders belong to jobs that are not known yet: `rested_s` spares those to which
        something was added in the last so many seconds.
        """
        latest = time.time() - rested_s
        orphans = [job_id for job_id in self.found() - set(known) if _changed(self.job_folder(job_id)) <= latest]
        for job_id in orphans:
            self.remove(job_id)
        return orphans


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # it went meanwhile
        return float("inf")
