"""The portraits: what was painted, from which recipe, in which message it was posted, and the reactions to it.

Knows: the portraits and reactions tables. Does not know: how a portrait gets a row (settlement.py) or a message
(outbox.py), or what follows from a reaction.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time

from pydantic import TypeAdapter

from gpu.portraits import PORTRAIT, Portrait, Wish
from storage.database import Database

WISH: TypeAdapter[Wish] = TypeAdapter(Wish)
POSTED = "UPDATE portraits SET channel_id = ?, message_id = ?, posted = ? WHERE id = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortraitRow:
    """One portrait, its recipe and where it was posted."""

    id: int
    job_id: str
    pet_id: int
    requester_id: int
    channel_id: int
    message_id: int | None
    portrait: Portrait
    wish: Wish
    posted: float | None  # Unix seconds
    deleted: float | None


class Portraits:
    """The portraits table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def by_message(self, message_id: int) -> list[PortraitRow]:
        """The portraits in a message, in their order; without deleted ones."""
        sql = "SELECT * FROM portraits WHERE message_id = ? AND deleted IS NULL ORDER BY id"
        return [_row(row) for row in await self._db.all(sql, message_id)]

    async def posted_since(self, since: float, most: int) -> list[tuple[int, int]]:
        """(channel_id, message_id) of the messages posted since then (Unix seconds), the newest first."""
        sql = """SELECT channel_id, message_id FROM portraits
                 WHERE posted > ? AND message_id IS NOT NULL AND deleted IS NULL
                 GROUP BY message_id ORDER BY max(posted) DESC LIMIT ?"""
        return [(row[0], row[1]) for row in await self._db.all(sql, since, most)]

    async def note_reaction(self, portrait_id: int, user_id: int, sign: str) -> bool:
        """Note a reaction to the message whose first portrait this is; False: it was noted, and answered, before."""
        sql = "INSERT INTO reactions (portrait_id, user_id, sign) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        async with self._db.write() as tx:
            return await tx.run(sql, portrait_id, user_id, sign) == 1

    async def forget_reaction(self, portrait_id: int, user_id: int, sign: str) -> None:
        """A reaction was removed: if it is made again, it counts as new."""
        sql = "DELETE FROM reactions WHERE portrait_id = ? AND user_id = ? AND sign = ?"
        async with self._db.write() as tx:
            await tx.run(sql, portrait_id, user_id, sign)

    async def reactors(self, portrait_id: int, sign: str) -> set[int]:
        """User ids of those whose reaction with this sign is noted."""
        sql = "SELECT user_id FROM reactions WHERE portrait_id = ? AND sign = ?"
        return {row[0] for row in await self._db.all(sql, portrait_id, sign)}

    async def of_job(self, job_id: str) -> list[PortraitRow]:
        """What a job painted, in its order; without deleted ones."""
        sql = "SELECT * FROM portraits WHERE job_id = ? AND deleted IS NULL ORDER BY id"
        return [_row(row) for row in await self._db.all(sql, job_id)]

    async def delete(self, ids: Sequence[int]) -> None:
        """Delete portraits: their files go; their rows stay, marked as deleted, until the pet is forgotten."""
        paths: list[Path] = []
        async with self._db.write() as tx:
            for portrait_id in ids:
                if row := await tx.one("SELECT * FROM portraits WHERE id = ? AND deleted IS NULL", portrait_id):
                    paths.append(_row(row).portrait.path)
                    await tx.run("UPDATE portraits SET deleted = ? WHERE id = ?", time(), portrait_id)
        for path in paths:
            path.unlink(missing_ok=True)


def _row(row: sqlite3.Row) -> PortraitRow:
    return PortraitRow(
        id=row["id"],
        job_id=row["job_id"],
        pet_id=row["pet_id"],
        requester_id=row["requester_id"],
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        portrait=PORTRAIT.validate_json(row["portrait"]),
        wish=WISH.validate_json(row["wish"]),
        posted=row["posted"],
        deleted=row["deleted"],
    )
