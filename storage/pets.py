"""The pets: who they are to whom, and how one is forgotten.

Knows: the pets and photos tables, and everything that hangs on a pet when it goes.
Does not know: how a pet is enrolled (jobs.py) or learnt, or Discord: which posts have to come down it leaves to the
outbox's strays, in the transaction that forgets the pet.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from time import time
from typing import Literal

from gpu.types import ADAPTER, CUTOUTS, Adapter, Cutout, Photo
from storage.database import Database, Transaction, finish
from storage.files import Files
from storage.names import name_key
from storage.outbox import let_stray
from storage.retention import scrub

Stop = Callable[[Collection[str]], Awaitable[None]]  # gpu.line.line.Line.stop

ACTIVE = ("waiting", "running")


class NameTaken(Exception):
    """This person has a pet of that name here already."""


class TooManyPets(Exception):
    """This person has `count` pets in this server, which is as many as one may have."""

    def __init__(self, count: int) -> None:
        super().__init__(self.__doc__)
        self.count = count


@dataclass(frozen=True, slots=True, kw_only=True)
class Pet:
    """One dog of one person in one guild."""

    id: int
    guild_id: int
    owner_id: int
    name: str
    class_word: str
    channel_id: int
    thread_id: int | None
    state: Literal["learning", "ready"]
    learnt: str | None  # with "ready": the adapter as JSON, parsed for those who need it; lists of pets do not
    cut: str  # the cut-outs as JSON
    created: float  # Unix seconds

    @property
    def adapter(self) -> Adapter | None:
        """With "ready"."""
        return ADAPTER.validate_json(self.learnt) if self.learnt else None

    @property
    def cutouts(self) -> tuple[Cutout, ...]:
        """What was learnt from."""
        return CUTOUTS.validate_json(self.cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was removed with a pet."""

    photos: int
    portraits: int
    files: int
    posts: tuple[tuple[int, int], ...]  # (channel_id, message_id) of the bot's own messages, which still hang there


class Pets:
    """The pets table."""

    def __init__(self, db: Database, files: Files, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._files = files
        self._clock = clock

    async def get(self, pet_id: int) -> Pet | None:
        """The pet, or None if it is unknown or forgotten."""
        row = await self._db.one("SELECT * FROM pets WHERE id = ?", pet_id)
        return _pet(row) if row else None

    async def by_name(self, guild_id: int, owner_id: int | None, name: str) -> Pet | None:
        """The pet of that name, in whatever case; with owner None anybody's, the one enrolled first."""
        sql = """SELECT * FROM pets WHERE guild_id = ? AND name_key = ? AND (?3 IS NULL OR owner_id = ?3)
                 ORDER BY id"""
        row = await self._db.one(sql, guild_id, name_key(name), owner_id)
        return _pet(row) if row else None

    async def of_guild(self, guild_id: int) -> list[Pet]:
        """All pets of a guild, by name."""
        sql = "SELECT * FROM pets WHERE guild_id = ? ORDER BY name_key, id"
        return [_pet(row) for row in await self._db.all(sql, guild_id)]

    async def of_owner(self, guild_id: int, owner_id: int) -> list[Pet]:
        """A person's pets in a guild, by name."""
        sql = "SELECT * FROM pets WHERE guild_id = ? AND owner_id = ? ORDER BY name_key"
        return [_pet(row) for row in await self._db.all(sql, guild_id, owner_id)]

    async def set_thread(self, pet_id: int, thread_id: int) -> None:
        """The pet's thread, where its answers go."""
        async with self._db.write() as tx:
            await tx.run("UPDATE pets SET thread_id = ? WHERE id = ?", thread_id, pet_id)

    async def thread_gone(self, thread_id: int) -> None:
        """This thread was deleted: its pets, and their jobs that are not over, go on in the channel above it."""
        async with self._db.write() as tx:
            await tx.run("UPDATE pets SET thread_id = channel_id WHERE thread_id = ?", thread_id)
            sql = """UPDATE jobs SET thread_id = channel_id, progress_message_id = NULL
                     WHERE thread_id = ? AND state IN ('waiting', 'running')"""
            await tx.run(sql, thread_id)

    async def guilds(self) -> set[int]:
        """Every guild of which something is kept."""
        return {row[0] for row in await self._db.all("SELECT guild_id FROM pets UNION SELECT guild_id FROM jobs")}

    async def guild_left(self, guild_id: int, now: float) -> None:
        """We are not there any more, since `now` (Unix seconds) unless it was known before."""
        async with self._db.write() as tx:
            await tx.run("INSERT INTO left_guilds VALUES (?, ?) ON CONFLICT DO NOTHING", guild_id, now)

    async def guild_back(self, guild_id: int) -> None:
        """We are there, again or still."""
        async with self._db.write() as tx:
            await tx.run("DELETE FROM left_guilds WHERE guild_id = ?", guild_id)

    async def left_before(self, moment: float) -> list[int]:
        """The guilds that we left before this moment (Unix seconds)."""
        return [row[0] for row in await self._db.all("SELECT guild_id FROM left_guilds WHERE since < ?", moment)]

    async def guild_forgotten(self, guild_id: int) -> None:
        """Its pets are forgotten: let go of the jobs that had come to nothing, and of the guild."""
        async with self._db.write() as tx:
            await tx.run("DELETE FROM jobs WHERE guild_id = ?", guild_id)
            await tx.run("DELETE FROM left_guilds WHERE guild_id = ?", guild_id)

    async def forget(self, pet_id: int, *, with_posts: bool = False, stop: Stop | None = None) -> Receipt | None:
        """Remove a pet with its jobs, photos, adapter, portraits, recipes and owed answers; None if it is unknown.

        Afterwards none of its bytes is in the folder, the database, its log or its copies. `stop` ends the jobs with
        these ids, whose rows are gone by then: a job that ends before its rows do would take along which posts are its.
        What a worker that does not stop still makes is refused, and what it wrote goes then.
        With posts: the bot's messages of it, which still hang there, are strays from now on. Without: only those that
        would have been changed or taken down by an answer which is not sent any more.
        """
        async with self._db.write() as tx:
            if not await tx.one("SELECT 1 FROM pets WHERE id = ?", pet_id):
                return None
            photos = await _count(tx, "SELECT count(*) FROM photos WHERE pet_id = ?", pet_id)
            portraits = await _count(tx, "SELECT count(*) FROM portraits WHERE pet_id = ?", pet_id)
            posts = tuple((row[0], row[1]) for row in await tx.all(POSTS, pet_id))
            rows = await tx.all("SELECT id, state FROM jobs WHERE pet_id = ?", pet_id)
            jobs, active = [row["id"] for row in rows], [row["id"] for row in rows if row["state"] in ACTIVE]
            going = posts if with_posts else [(row[0], row[1]) for row in await tx.all(UNSAID, pet_id)]
            await let_stray(tx, pet_id, going, self._clock())
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


POSTS = """
SELECT ack_channel_id, ack_message_id FROM jobs WHERE pet_id = ?1 AND ack_message_id IS NOT NULL
UNION SELECT coalesce(thread_id, channel_id), progress_message_id FROM jobs
      WHERE pet_id = ?1 AND progress_message_id IS NOT NULL
UNION SELECT o.channel_id, o.message_id FROM outbox o JOIN jobs j ON j.id = o.job_id
      WHERE j.pet_id = ?1 AND o.message_id IS NOT NULL
UNION SELECT channel_id, message_id FROM portraits WHERE pet_id = ?1 AND message_id IS NOT NULL AND deleted IS NULL
"""

UNSAID = """
SELECT coalesce(thread_id, channel_id), progress_message_id FROM jobs
WHERE pet_id = ?1 AND progress_message_id IS NOT NULL AND NOT EXISTS
      (SELECT 1 FROM outbox o WHERE o.job_id = jobs.id AND (o.message_id IS NOT NULL OR o.closed IS NOT NULL))
"""


async def add(
    tx: Transaction,
    *,
    guild_id: int,
    owner_id: int,
    name: str,
    class_word: str,
    channel_id: int,
    photos: tuple[Photo, ...],
    names: tuple[str, ...],
    most: int,
    now: float,
) -> int:
    """A new pet with its photos, inside the transaction that accepts its enrolment; its id.

    Raises NameTaken, and TooManyPets where the owner has `most` in this server.
    """
    count = await _count(tx, "SELECT count(*) FROM pets WHERE guild_id = ? AND owner_id = ?", guild_id, owner_id)
    if count >= most:
        raise TooManyPets(count)
    sql = """INSERT INTO pets (guild_id, owner_id, name, name_key, class_word, channel_id, created)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"""
    row = await tx.one(sql, guild_id, owner_id, name, name_key(name), class_word, channel_id, now)
    if row is None:
        raise NameTaken(NameTaken.__doc__)
    for photo, given in zip(photos, names, strict=True):
        sql = "INSERT INTO photos (pet_id, sha256, name, path, width, height) VALUES (?, ?, ?, ?, ?, ?)"
        await tx.run(sql, row["id"], photo.sha256, given, str(photo.path), photo.width, photo.height)
    return row["id"]


async def _count(tx: Transaction, sql: str, *values: int) -> int:
    row = await tx.one(sql, *values)
    assert row is not None  # an aggregate always has a row
    return row[0]


def _pet(row: sqlite3.Row) -> Pet:
    return Pet(
        id=row["id"],
        guild_id=row["guild_id"],
        owner_id=row["owner_id"],
        name=row["name"],
        class_word=row["class_word"],
        channel_id=row["channel_id"],
        thread_id=row["thread_id"],
        state=row["state"],
        learnt=row["adapter"],
        cut=row["cutouts"],
        created=row["created"],
    )
