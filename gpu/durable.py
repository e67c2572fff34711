"""Files and folders that appear whole or not at all, whether the process is killed or the power fails.

Knows: the temporary name, fsync, rename. Does not know: what is written, or by whom. The standard library only.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path, suffix: str = ".tmp") -> Generator[Path]:
    """Gives the temporary path to write to, a file or a folder; after the block it is `path`, and safe on disk.

    A block that raises leaves what was there before, and nothing else. A kill leaves the temporary file, which the next
    attempt replaces; `suffix` is the end of its name, a unique one where the same file may be written twice at once.
    The folder around it is not made: FileNotFoundError is raised where there is none, or none any more.
    """
    fresh = path.with_suffix(suffix)
    _remove(fresh)
    try:
        yield fresh
        for folder, _, names in os.walk(fresh, topdown=False):  # nothing, if it is a file
            for name in names:
                _sync(Path(folder, name))
            _sync(Path(folder))
        if fresh.is_file():
            _sync(fresh)
        fresh.replace(path)
    except BaseException:
        _remove(fresh)
        raise
    _sync(path.parent)  # else a power failure may undo the rename


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
