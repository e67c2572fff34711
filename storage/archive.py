"""All of a data folder in one file, made while the bot runs, and put back into an empty folder.

Knows: which tables hold paths, how a database that is in use is copied, which folders go with it. Does not know: where
the bot's data lies, or how a person is told (cogs/ops/archive.py).

An archive is a tar of manifest.json, pawtrait.db and jobs/. The database is copied first, then the folders of its jobs:
whatever a row names was written before the row, so it is there. If a job's row goes meanwhile (somebody forgot a dog),
all is begun again: no archive holds a dog that was forgotten before the archive was done.
Inside are paths of the folder that was saved; put back elsewhere, they are changed to the new folder's.
"""

import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter

from gpu.durable import whole
from storage.database import DATABASE, MIGRATIONS, TooNew

TRIES = 10  # of a backup, in each of which somebody forgot a dog
TEXTS = {
    "pets": ("adapter", "cutouts"),
    "jobs": ("body", "learnt", "looked"),
    "portraits": ("portrait",),
    "outbox": ("payload",),
}
"""Columns of JSON that may hold paths; photos.path is one itself."""


class ArchiveRefused(Exception):
    """What cannot be saved or put back, and what to do about it, in a sentence."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself."""

    data: str  # the folder that was saved, as the bot's settings named it: paths inside begin with it
    version: int  # of the database's tables
    dogs: int
    files: int


MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)


def save(data: Path, target: Path) -> Manifest:
    """Write all of the bot's data to `target`, whole or not at all. Blocks. Raises ArchiveRefused or OSError."""
    database = data / DATABASE
    if not database.exists():
        raise ArchiveRefused(f"There is no bot's data in {data}: DATA in .env names the folder.")
    for _ in range(TRIES):
        try:
            with suppress(_RowsWent), whole(target) as fresh:
                return _write(data, fresh)
        except sqlite3.Error as error:
            raise ArchiveRefused(f"{database} cannot be read: {error}") from error
    raise ArchiveRefused("Dogs were being forgotten all the while: try again in a minute.")


def restore(source: Path, data: Path) -> Manifest:
    """Put an archive back as the folder `data`, which is empty or not there. Blocks.

    Raises ArchiveRefused, TooNew where a newer bot made it, or OSError; then nothing has changed.
    """
    if data.exists() and any(data.iterdir()):
        raise ArchiveRefused(f"{data} is not empty: stop the bot, move the folder away, and try again.")
    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(source) as tar, whole(data, suffix=".restored") as fresh:
            _extract(tar, fresh)
            manifest = MANIFEST.validate_json((fresh / "manifest.json").read_bytes())
            (fresh / "manifest.json").unlink()
            _check(fresh / DATABASE)
            if manifest.data != str(data):
                _move_paths(fresh, manifest.data, str(data))
    except (tarfile.TarError, ValueError, FileNotFoundError, sqlite3.Error) as error:
        raise ArchiveRefused(f"{source} is no backup of this bot, or is damaged: {error}") from error
    return manifest


class _RowsWent(Exception):
    """A dog was forgotten while its files were copied."""


def _write(data: Path, target: Path) -> Manifest:
    """Write the archive. Raises _RowsWent."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(target, "w") as tar:
        target.chmod(0o600)
        copy = Path(folder) / DATABASE
        with closing(_read_only(data / DATABASE)) as live, closing(sqlite3.connect(copy)) as saved:
            live.backup(saved)
            saved.execute("PRAGMA journal_mode = DELETE")  # it came with WAL, which is two files more
            jobs, version, dogs = _jobs(saved), _version(saved), _count(saved, "pets")
            tar.add(copy, DATABASE)
            files = sum(_add(tar, path, Path("jobs") / path.relative_to(data / "jobs")) for path in _files(data, jobs))
            if not jobs <= _jobs(live):
                raise _RowsWent
        manifest = Manifest(str(data), version, dogs, files)
        _add_bytes(tar, "manifest.json", MANIFEST.dump_json(manifest))
        return manifest


def _files(data: Path, jobs: set[str]) -> Iterator[Path]:
    for job in sorted(jobs):
        for folder, _, names in os.walk(data / "jobs" / job):
            yield from (Path(folder, name) for name in names)


def _add(tar: tarfile.TarFile, path: Path, name: Path) -> bool:
    """Add a file by its open handle: it may be replaced by a newer one meanwhile. False: it is gone."""
    try:
        with path.open("rb") as file:
            tar.addfile(tar.gettarinfo(arcname=str(name), fileobj=file), file)
    except FileNotFoundError:  # half a file, or one that was taken down: no row says that it is there
        return False
    return True


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Write the files of an archive into this folder. Raises ValueError for anything that save() does not write.

    By hand: extractall() has filters only since Python 3.11.4, and Debian 12 comes with 3.11.2.
    """
    for member in tar:
        name = PurePosixPath(member.name)
        if not member.isfile() or name.is_absolute() or ".." in name.parts:
            raise ValueError(f"{member.name} does not belong in one")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = tar.extractfile(member)
        assert content is not None  # it is a file
        with content, target.open("wb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(member.mode & 0o644 | 0o600)  # as private as it was, and nothing to be run


def _check(database: Path) -> None:
    """Raises TooNew, and sqlite3.Error or ValueError where it is damaged."""
    with closing(_read_only(database)) as copy:
        if (found := copy.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            raise ValueError(found)
        known = len(list(MIGRATIONS.glob("[0-9]*.sql")))
        if _version(copy) > known:
            raise TooNew(f"{TooNew.__doc__} (it is at {_version(copy)}, this bot knows {known})")


def _move_paths(folder: Path, old: str, new: str) -> None:
    """Change the paths in the rows, and in the one file that holds some (gpu/studio/studio.py: cut.json)."""
    before, after = _quoted(old), _quoted(new)
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        for table, columns in TEXTS.items():
            there = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}  # an older version has fewer
            changes = ", ".join(f"{column} = replace({column}, ?1, ?2)" for column in columns if column in there)
            database.execute(f"UPDATE {table} SET {changes}", (before, after))
        sql = "UPDATE photos SET path = ?2 || substr(path, length(?1) + 1) WHERE path LIKE ?1 || '/jobs/%'"
        database.execute(sql, (old, new))
    for path in (folder / "jobs").glob("*/cutouts/cut.json"):
        path.write_text(path.read_text("utf-8").replace(before, after), "utf-8")


def _quoted(data: str) -> str:
    """How a path below this folder begins in JSON: "data/jobs/ with its opening quote, and letters as they are."""
    return json.dumps(f"{data}/jobs/", ensure_ascii=False)[:-1]


def _read_only(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)


def _jobs(database: sqlite3.Connection) -> set[str]:
    return {row[0] for row in database.execute("SELECT id FROM jobs")}


def _count(database: sqlite3.Connection, table: str) -> int:
    return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def _version(database: sqlite3.Connection) -> int:
    return database.execute("PRAGMA user_version").fetchone()[0]
