"""Messages that have to come down: of forgotten pets, answers that may have been posted at a second place, and progress
messages that a newer one replaces.

Knows: the table `strays`: messages by their ids, and messages that may exist, by the id of their delivery. Does not
know: which pet it was (nothing of it is left), or how a message is found and taken down.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from storage.database import Database, Transaction

MOST = 50  # at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Takedown:
    """A message of a forgotten pet, which has to come down. Times are Unix seconds."""

    id: int
    channel_id: int
    message_id: int | None  # None: sending was tried, and the message may exist
    mark: str  # the delivery's id, by which it is found; empty where the message is known
    since: float  # first try to send it
    forgotten: float
    tries: int  # at taking it down


class Takedowns:
    """The takedowns that are not done yet."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def due(self, now: float) -> list[Takedown]:
        """Messages to be taken down by `now`, the longest due first, at most MOST of them."""
        sql = "SELECT * FROM strays WHERE due <= ? ORDER BY due, id LIMIT ?"
        return [_takedown(row) for row in await self._db.all(sql, now, MOST)]

    async def retry(self, takedown: Takedown, due: float, tries: int) -> None:
        """Try again at `due`, after so many tries. No effect if its message has become known: it is due at once."""
        sql = "UPDATE strays SET due = ?, tries = ? WHERE id = ? AND message_id IS ?"
        async with self._db.write() as tx:
            await tx.run(sql, due, tries, takedown.id, takedown.message_id)

    async def close(self, takedown: Takedown) -> None:
        """The message is gone, or can never be taken down."""
        async with self._db.write() as tx:
            await tx.run("DELETE FROM strays WHERE id = ? AND message_id IS ?", takedown.id, takedown.message_id)


async def owe(tx: Transaction, pet_id: int, posts: Sequence[tuple[int, int]], now: float) -> None:
    """The pet is being forgotten: take down these (channel_id, message_id), and answers that may have been sent."""
    await owe_known(tx, posts, now)
    sql = """INSERT INTO strays (channel_id, mark, since, forgotten, due)
             SELECT o.channel_id, o.id, o.first_tried, ?2, ?2 FROM outbox o JOIN jobs j ON j.id = o.job_id
             WHERE j.pet_id = ?1 AND o.first_tried IS NOT NULL AND o.message_id IS NULL AND o.closed IS NULL"""
    await tx.run(sql, pet_id, now)


async def owe_known(tx: Transaction, posts: Sequence[tuple[int, int]], now: float, later: float = 0.0) -> None:
    """Take down these (channel_id, message_id), from so many seconds later on."""
    for channel_id, message_id in posts:
        sql = "INSERT INTO strays (channel_id, message_id, since, forgotten, due) VALUES (?1, ?2, ?3, ?3, ?3 + ?4)"
        await tx.run(sql, channel_id, message_id, now, later)


async def not_owed(tx: Transaction, message_id: int) -> None:
    """This message came down otherwise."""
    await tx.run("DELETE FROM strays WHERE message_id = ?", message_id)


async def owe_unseen(tx: Transaction, delivery_id: str, now: float) -> None:
    """The delivery moves on from a place where its message may be and nobody can look: if it is there, take it down."""
    sql = """INSERT INTO strays (channel_id, mark, since, forgotten, due)
             SELECT channel_id, id, first_tried, ?1, ?1 FROM outbox WHERE id = ?2 AND first_tried IS NOT NULL"""
    await tx.run(sql, now, delivery_id)


async def name_message(tx: Transaction, delivery_id: str, channel_id: int, message_id: int) -> None:
    """The message of a delivery that was forgotten while it was on its way has become known."""
    sql = "UPDATE strays SET message_id = ?, due = forgotten WHERE mark = ? AND channel_id = ?"
    await tx.run(sql, message_id, delivery_id, channel_id)


def _takedown(row: sqlite3.Row) -> Takedown:
    return Takedown(
        id=row["id"],
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        mark=row["mark"] or "",
        since=row["since"],
        forgotten=row["forgotten"],
        tries=row["tries"],
    )
