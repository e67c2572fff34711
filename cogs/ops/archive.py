"""`make backup` and `make restore`: all that the bot keeps, in one file and back.

Knows: the operator's command line, which folder is the bot's. Does not know: what an archive is (storage/archive.py).
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from cogs.ops.settings import Settings, explain
from storage.archive import ArchiveRefused, restore, save
from storage.database import TooNew

MISUSED = 2  # exit status: the operator has to change something


def main(*arguments: str) -> int:
    """The exit status: 0, or 2 if the operator has to change something."""
    parser = argparse.ArgumentParser(prog="archive", description="All of the bot's data in one file, and back.")
    parser.add_argument("what", choices=("save", "restore"))
    parser.add_argument("file", nargs="?", type=Path, help="save: default pawtrait-<date>-<time>.tar here")
    options = parser.parse_args(arguments)
    try:
        data = Settings(discord_token="none is needed").data  # pyright: ignore[reportArgumentType, reportCallIssue]
    except ValidationError as error:
        return _refuse(explain(error))
    try:
        print(_restored(options.file, data) if options.what == "restore" else _saved(options.file, data))
    except (ArchiveRefused, TooNew, OSError) as error:
        return _refuse(str(error))
    return 0


def _saved(file: Path | None, data: Path) -> str:
    target = file or Path(f"pawtrait-{datetime.now().astimezone():%Y%m%d-%H%M%S}.tar")
    if target.exists():
        raise ArchiveRefused(f"{target} is there already: name another file, or remove it.")
    found = save(data, target)
    size = target.stat().st_size / 1e6
    return f"{target}: dogs {found.dogs}, files {found.files}, {size:.0f} MB. Keep it as safe as the photos in it."


def _restored(file: Path | None, data: Path) -> str:
    if file is None:
        raise ArchiveRefused("Which backup? make restore FROM=pawtrait-….tar")
    found = restore(file, data)
    counts = f"dogs {found.dogs}, files {found.files}"
    return f"{data}: {counts}. Dogs that were forgotten since are back: forget them again."


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return MISUSED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
