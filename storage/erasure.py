"""How a pet is forgotten, with everything that belongs to it.

What goes: its photos, cut-outs, adapter, the portraits' files and recipes, its rows, its owed answers, and its bytes in
the database's log and backups; if asked, the bot's own posts of it too. The receipt says what was removed.
Knows: which rows, files and posts are a pet's. Does not know: Discord. Posts that have to come down are handed to
takedowns.py, in the transaction that forgets the pet.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from time import time

from storage import takedowns
from storage.database import Database, Transaction, finish
from storage.files import Files
from storage.retention import scrub

Stop = Callable[[Collection[str]], Awaitable[None]]  # gpu.line.line.Line.stop

ACTIVE = ("waiting", "running")

POSTS = """
SELECT ack_channel_id, ack_message_id FROM jobs WHERE pet_id = ?1 AND ack_message_id IS NOT NULL
UNION SELECT coalesce(thread_id, channel_id), progress_message_id FROM jobs
      WHERE pet_id = ?1 AND progress_message_id IS NOT NULL
UNION SELECT o.channel_id, o.message_id FROM outbox o JOIN jobs j ON j.id = o.job_id
      WHERE j.pet_id = ?1 AND o.message_id IS NOT NULL
UNION SELECT channel_id, message_id FROM portraits WHERE pet_id = ?1 AND message_id IS NOT NULL AND deleted IS NULL
"""

PROGRESS_POSTS = """
SELECT coalesce(thread_id, channel_id), progress_message_id FROM jobs
WHERE pet_id = ?1 AND progress_message_id IS NOT NULL AND (state IN ('waiting', 'running') OR NOT EXISTS
      (SELECT 1 FROM outbox o WHERE o.job_id = jobs.id AND (o.message_id IS NOT NULL OR o.closed IS NOT NULL)
              AND CASE jobs.state WHEN 'looked' THEN o.part = 10 + jobs.looks ELSE o.kind <> 'looked' END))
"""

UNSHARE = """
UPDATE jobs SET progress_message_id = NULL WHERE pet_id IS NOT ?1 AND progress_message_id IN
       (SELECT progress_message_id FROM jobs WHERE pet_id = ?1)
"""
"""A progress message shows every job of its thread: the others need a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was removed with a pet."""

    photos: int
    portraits: int
    files: int
    posts: tuple[tuple[int, int], ...]  # (channel_id, message_id) of the bot's own messages, still to be seen


class Erasure:
    """Forgets pets."""

    def __init__(self, db: Database, files: Files, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._files = files
        self._clock = clock

    async def forget(self, pet_id: int, *, with_posts: bool = False, stop: Stop | None = None) -> Receipt | None:
        """Remove a pet with its jobs, photos, adapter, portraits, recipes and owed answers; None if it is unknown.

        Afterwards none of its bytes is in the folder, the database, its log or its copies. `stop` ends its active jobs,
        given their ids, after their rows are gone: an enrolment that ends earlier would lose which posts are its own.
        If a worker does not stop, its outcome finds no row and is dropped, and its folder is removed then.
        With posts: all of the bot's messages of it have to come down. Without: only progress messages that an answer
        would have changed or removed, which is not sent any more.
        """
        async with self._db.write() as tx:
            if not await tx.one("SELECT 1 FROM pets WHERE id = ?", pet_id):
                return None
            photos = await _count(tx, "SELECT count(*) FROM photos WHERE pet_id = ?", pet_id)
            portraits = await _count(tx, "SELECT count(*) FROM portraits WHERE pet_id = ?", pet_id)
            posts = tuple((row[0], row[1]) for row in await tx.all(POSTS, pet_id))
            rows = await tx.all("SELECT id, state FROM jobs WHERE pet_id = ?", pet_id)
            jobs, active = [row["id"] for row in rows], [row["id"] for row in rows if row["state"] in ACTIVE]
            going = posts if with_posts else [(row[0], row[1]) for row in await tx.all(PROGRESS_POSTS, pet_id)]
            await takedowns.owe(tx, pet_id, going, self._clock())
            await tx.run(UNSHARE, pet_id)
            await tx.run("DELETE FROM jobs WHERE pet_id = ?", pet_id)  # portraits and outbox go with them
            await tx.run("DELETE FROM pets WHERE id = ?", pet_id)  # photos go with it
        try:
            if stop and active:
                await stop(active)
        finally:
            files = await finish(self._erase(jobs))  # a cancelled caller must not keep the bytes alive
        return Receipt(photos=photos, portraits=portraits, files=files, posts=posts)

    async def _erase(self, jobs: list[str]) -> int:
        files = sum([await asyncio.to_thread(self._files.remove, job_id) for job_id in jobs])
        await scrub(self._db)
        return files


async def _count(tx: Transaction, sql: str, *values: int) -> int:
    row = await tx.one(sql, *values)
    assert row is not None  # an aggregate always has a row
    return row[0]
