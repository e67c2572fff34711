"""Fetches what is missing of a profile's models into the hub's cache, and makes the segmenter's folder.

Knows: the hub's errors, and what the operator can do about each; the disk that is needed. Does not know: settings
(cogs/ops/models.py, which is `make models`), which files a model has (sources.py), torch: what reads a foreign
checkpoint is a child (gpu/studio/convert.py). Nothing here is part of a job.

huggingface_hub shows the bars, goes on within a file that was cut off, and keeps every file that came whole: to be
stopped, or killed, costs the files that were on their way.
"""

import errno
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import (
    HfApi,
    constants,
    get_hf_file_metadata,  # pyright: ignore[reportUnknownVariableType]
    hf_hub_download,  # pyright: ignore[reportUnknownVariableType]
    hf_hub_url,
    snapshot_download,  # pyright: ignore[reportUnknownVariableType]
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import RepoFile

from gpu.profile import Profile
from gpu.sources import Source, missing, needed, sources
from gpu.weights import FETCH, find, problem

AGAIN = f"then `{FETCH}` again"
LEFT_S = 3600.0  # seconds since anybody wrote to it, from which half a file is nobody's
Say = Callable[[str], None]


class Refused(Exception):
    """Something that the operator has to do first: the sentence says what."""


class Unreachable(Refused):
    """Nothing else can come either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Which hub, as whom, and where to. None: what huggingface_hub takes of itself."""

    cache: Path | None = None
    endpoint: str | None = None
    token: str | None = None

    @property
    def address(self) -> str:
        return (self.endpoint or constants.ENDPOINT).rstrip("/")


def fetch(profile: Profile, hub: Hub, say: Say) -> None:
    """Fetch what is not there or not whole. Raises Refused when all that can be fetched is there."""
    files: dict[Source, dict[str, int]] = {}
    wanted = [source for source in sources(profile) if source.is_of_the_hub and problem(source, hub.cache)]
    refused: list[str] = []
    for source in wanted:
        with _noting(refused):
            files[source] = listing(source, hub)
    try:
        with _noting(refused):
            _check_disk(files, hub, say)
            for source, sizes in files.items():
                with _noting(refused):
                    _download(source, list(sizes), hub)
                    say(f"{source} is whole.")
    except Unreachable as error:
        raise Unreachable("\n".join([*refused, str(error)])) from error
    if refused:
        raise Refused("\n".join(refused))


@contextmanager
def _noting(refused: list[str]) -> Generator[None]:
    """What is refused inside is said in the end; the others may come meanwhile."""
    try:
        yield
    except Unreachable:
        raise
    except Refused as error:
        refused.append(str(error))


def listing(source: Source, hub: Hub) -> dict[str, int]:
    """The files that are still to come, and their bytes. Raises Refused if the hub would not give them to us."""
    try:
        api = HfApi(endpoint=hub.address, token=hub.token)
        listed = api.list_repo_tree(source.model, recursive=True, revision=source.revision)
        sizes = {file.path: file.size for file in listed if isinstance(file, RepoFile)}
        if lacking := missing(source, sizes):
            raise Refused(f"{source} has no {lacking[0]}: name another model in {source.setting} in .env, {AGAIN}.")
        names = needed(source, sizes)
        url = hf_hub_url(source.model, names[0], revision=source.revision, endpoint=hub.address)
        get_hf_file_metadata(url, token=hub.token, endpoint=hub.address)  # a licence that was not accepted shows now
    except (OSError, httpx2.HTTPError) as error:
        raise refusal(source, error, hub) from error
    here = find(source, hub.cache)
    return {name: sizes[name] for name in names if not (here and (here / name).is_file())}


def _check_disk(files: Mapping[Source, Mapping[str, int]], hub: Hub, say: Say) -> None:
    """Say how much is to come, and refuse to begin what cannot be ended."""
    folder = _cache(hub)
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(there).free
    for source, sizes in files.items():
        say(f"{source.name}: {source}, {gigabytes(sum(sizes.values()))} in {len(sizes)} files")
    total = sum(size for sizes in files.values() for size in sizes.values())
    if files:
        say(f"{gigabytes(total)} to fetch into {folder}, where {gigabytes(free)} are free.")
    if total > free:
        raise Refused(
            f"The disk is too small: {gigabytes(total - free)} more have to be free in {there}."
            f" Make room, or set HF_HOME in .env to a folder on another disk, {AGAIN}."
        )


def _download(source: Source, names: list[str], hub: Hub) -> None:
    """Fetch these files of the model, and anew each that lies there damaged. Raises Refused."""
    kinds: dict[str, Any] = {
        "revision": source.revision,
        "cache_dir": hub.cache,
        "token": hub.token,
        "endpoint": hub.address,
    }
    _tidy(source, hub)
    try:
        if names:
            snapshot_download(source.model, allow_patterns=names, **kinds)
        tried: set[Path] = set()
        while (wrong := problem(source, hub.cache)) and wrong.file and wrong.file not in tried:
            tried.add(wrong.file)
            folder = find(source, hub.cache)
            assert folder
            hf_hub_download(source.model, wrong.file.relative_to(folder).as_posix(), force_download=True, **kinds)
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise refusal(source, error, hub) from error
    if wrong:
        raise Refused(f"{wrong.wrong}, although it was fetched: {source} may be damaged at the hub.")


def _tidy(source: Source, hub: Hub) -> None:
    """Remove what a download left that was killed: huggingface_hub does not, and never goes on with it."""
    folder = _cache(hub) / repo_folder_name(repo_id=source.model, repo_type="model") / "blobs"
    for file in folder.glob("*.incomplete"):
        with suppress(OSError):  # another `make models` ends at this moment
            if time.time() - file.stat().st_mtime > LEFT_S:
                file.unlink()


def _cache(hub: Hub) -> Path:
    return hub.cache or Path(constants.HF_HUB_CACHE)


def refusal(source: Source, error: Exception, hub: Hub) -> Refused:
    """What the operator can do about an error of the hub, the network or the disk, in a sentence."""
    match error:
        case HfHubHTTPError() if error.response.status_code < 500:
            return Refused(_no(source, error, hub))
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return Unreachable(f"The disk is full: make room, {AGAIN}. What came whole is kept.")
        case PermissionError():
            return Refused(f"{error.filename} may not be written: give it to the user who runs this, {AGAIN}.")
        case OfflineModeIsEnabled():
            return Unreachable(f"HF_HUB_OFFLINE is set, so {hub.address} cannot be asked: unset it, {AGAIN}.")
        case httpx2.HTTPError() | LocalEntryNotFoundError() | ConnectionError():  # and what the hub says from 500 up
            return Unreachable(f"{hub.address} gives no answer just now ({_first(error)}): wait a little, {AGAIN}.")
        case _:
            return Refused(f"{source} was not fetched ({_first(error)}): look at the network and the disk, {AGAIN}.")


def _no(source: Source, error: HfHubHTTPError, hub: Hub) -> str:
    """What the hub itself means by its no."""
    model, page, status = source.model, f"{hub.address}/{source.model}", error.response.status_code
    match error:
        case GatedRepoError() if status == 401:  # is a RepositoryNotFoundError, so it comes first
            cure = f"log in at {page} and accept its licence, make a token that may read it and set HF_TOKEN in .env"
            return f"{model} wants to know who you are: {cure}, {AGAIN}."
        case GatedRepoError():
            cure = f"accept its licence at {page} (an answer may take a while)"
            return f"The account of your HF_TOKEN may not read {model} yet: {cure}, {AGAIN}."
        case RevisionNotFoundError():
            return f"{model} has no revision {source.revision}: correct {source.setting} in .env, {AGAIN}."
        case _ if isinstance(error, RepositoryNotFoundError) or (status == 401 and hub.token is None):
            cure = f"correct {source.setting} in .env, or set HF_TOKEN there to a token that may read it"
            return f"The hub has no {model}, or keeps it private: {cure}, {AGAIN}."
        case _ if status in (401, 403):
            return f"The hub does not accept your HF_TOKEN for {model}: make a new one, set it in .env, {AGAIN}."
        case _:
            return f"The hub does not give {source} ({_first(error)}): wait a little, {AGAIN}."


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def make_segmenter(folder: Path, checkpoint: Path | None, environment: Mapping[str, str]) -> None:
    """Make a segmenter's folder of an ultralytics checkpoint; None: ultralytics' own of that name. Raises Refused.

    A checkpoint is a pickle: a child of its own reads it, which is told no secret.
    """
    if checkpoint and not checkpoint.is_file():
        raise Refused(f"The segmenter {folder} was not made: there is no file {checkpoint}")
    command = (sys.executable, "-m", "gpu.studio.convert", str(folder), *([str(checkpoint)] if checkpoint else ()))
    done = subprocess.run(
        command, env=dict(environment), stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2] or f"it ended with status {done.returncode}"
        raise Refused(f"The segmenter {folder} was not made: {last}")
