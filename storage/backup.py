"""Copies of the database from before each migration, and how forgotten pets are deleted from them.

Knows: where the copies lie, how one is made while the database is open, and that a pet which is not in the database
must be in no copy. Does not know: what a migration does, or who asked to forget.

A pet's rows are deleted from a copy, with the foreign keys of the copy's own schema. Removing every copy that holds
the pet would be simpler, but then one forgotten dog in the week after an update takes everybody's way back.
A copy in which the rows cannot be deleted (it is broken, or its tables have other names) is removed: when in doubt, the
dog is forgotten. Always all pets but the present ones are deleted, so that it does not matter what a crash left undone.
"""

import json
import logging
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import aiosqlite

from gpu.durable import whole

log = logging.getLogger(__name__)

KEPT = 3  # copies, the newest

GONE = "NOT IN (SELECT value FROM json_each(?))"  # false for NULL: a job without a pet holds nothing of one


class Backups:
    """The copies, named after the migration that each was made for: before-0002.db."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def make(self, connection: aiosqlite.Connection, number: int) -> Path:
        """Copy the open database before migration `number`; the copy is one file, safe on disk.

        Raises sqlite3.Error or OSError.
        """
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"before-{number:04}.db"
        with whole(path, suffix=".half") as fresh:
            async with aiosqlite.connect(fresh) as copy:
                await connection.backup(copy)
                await copy.execute_fetchall("PRAGMA journal_mode = DELETE")  # it came with WAL, which is two files more
        for old in self._all()[:-KEPT]:
            old.unlink()
        return path

    def forget_all_but(self, living: Iterable[int]) -> int:
        """Delete all pets but these ids from every copy, bytes and all; the number of deleted pets. Blocks."""
        ids = json.dumps(list(living))
        return sum(_forget_all_but(path, ids) for path in self._all())

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob("before-*.db"))


def _forget_all_but(path: Path, living: str) -> int:
    try:
        with closing(sqlite3.connect(path)) as copy, copy:
            copy.executescript("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;")
            copy.execute(f"DELETE FROM jobs WHERE pet_id {GONE}", [living])
            return copy.execute(f"DELETE FROM pets WHERE id {GONE}", [living]).rowcount
    except sqlite3.Error:
        log.exception("Pets cannot be deleted from %s, so it is removed", path)
        for file in path.parent.glob(f"{path.name}*"):  # a journal would hold what was deleted
            file.unlink()
        return 0
