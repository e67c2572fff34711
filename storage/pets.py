"""The pets: what each is called, whose it is, and what was learnt of it.

Knows: the pets and photos tables, and what changes in the others when a thread comes or goes. Does not know: how a pet
is enrolled (jobs.py), learnt, or forgotten (erasure.py).
"""

import sqlite3
from dataclasses import dataclass
from time import time
from typing import Literal

from gpu.outcomes import Cause
from gpu.pets import ADAPTER, CUTOUTS, Adapter, Cutout, Photo
from storage.database import Database, Transaction
from storage.names import name_key

PETS = """SELECT pets.*, EXISTS (SELECT 1 FROM jobs WHERE pet_id = pets.id AND kept_until IS NOT NULL) AS failed,
                 EXISTS (SELECT 1 FROM jobs WHERE pet_id = pets.id AND state = 'looked') AS looked,
                 (SELECT max(learn_at) FROM jobs WHERE pet_id = pets.id) AS learn_at,
                 (SELECT max(kept_until) FROM jobs WHERE pet_id = pets.id) AS kept_until FROM pets"""
"""failed: nothing was learnt, or can be, and the photos are kept for a while. looked: its owner is asked."""
DROP = """UPDATE jobs SET body = '', kept_until = NULL, looked = NULL, learn_at = NULL,
          error = CASE state WHEN 'looked' THEN ?1 ELSE error END,
          state = CASE state WHEN 'looked' THEN 'failed' ELSE state END WHERE pet_id = ?2"""


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
    state: Literal["learning", "looked", "ready", "failed"]
    """looked: its owner is asked (looks.py). failed: nothing was learnt, and it can be tried again (failed.py)."""
    learn_at: float | None  # looked, Unix seconds: it is learnt by itself then; None: too few photos are good
    kept_until: float | None  # Unix seconds: nothing can be learnt, and its photos go then
    learnt: str | None  # with "ready": the adapter as JSON, parsed only on use, since lists of pets need none
    cut: str  # the cut-outs as JSON
    created: float  # Unix seconds

    @property
    def adapter(self) -> Adapter | None:
        """The adapter, once the pet is ready."""
        return ADAPTER.validate_json(self.learnt) if self.learnt else None

    @property
    def cutouts(self) -> tuple[Cutout, ...]:
        """The cut-outs that the adapter was learnt from."""
        return CUTOUTS.validate_json(self.cut)


class Pets:
    """The pets table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, pet_id: int) -> Pet | None:
        """The pet, or None if it is unknown or forgotten."""
        row = await self._db.one(f"{PETS} WHERE id = ?", pet_id)
        return _pet(row) if row else None

    async def of_guild(self, guild_id: int) -> list[Pet]:
        """All pets of a guild, by name."""
        sql = f"{PETS} WHERE guild_id = ? ORDER BY name_key, id"
        return [_pet(row) for row in await self._db.all(sql, guild_id)]

    async def of_owner(self, guild_id: int, owner_id: int) -> list[Pet]:
        """A person's pets in a guild, by name."""
        sql = f"{PETS} WHERE guild_id = ? AND owner_id = ? ORDER BY name_key"
        return [_pet(row) for row in await self._db.all(sql, guild_id, owner_id)]

    async def count_photos(self, pet_id: int) -> int:
        """How many photos are kept of a pet."""
        [(count,)] = await self._db.all("SELECT count(*) FROM photos WHERE pet_id = ?", pet_id)
        return count

    async def set_thread(self, pet_id: int, thread_id: int) -> None:
        """Note the pet's thread: its answers go there, that of its enrolment too unless it was tried elsewhere."""
        async with self._db.write() as tx:
            await tx.run("UPDATE pets SET thread_id = ? WHERE id = ?", thread_id, pet_id)
            await tx.run("UPDATE jobs SET thread_id = ? WHERE pet_id = ? AND thread_id IS NULL", thread_id, pet_id)
            sql = """UPDATE outbox SET channel_id = ? WHERE first_tried IS NULL AND job_id IN
                     (SELECT id FROM jobs WHERE pet_id = ? AND kind = 'enroll')"""
            await tx.run(sql, thread_id, pet_id)

    async def leave_thread(self, thread_id: int) -> None:
        """This thread was deleted: its pets, and their jobs that are not over, go on in the channel above it.

        The portraits in it are gone for people, so they are deleted here too; the nightly pass removes their files.
        """
        async with self._db.write() as tx:
            await tx.run("UPDATE pets SET thread_id = channel_id WHERE thread_id = ?", thread_id)
            sql = """UPDATE jobs SET thread_id = channel_id, progress_message_id = NULL
                     WHERE thread_id = ? AND state IN ('waiting', 'running', 'looked')"""
            await tx.run(sql, thread_id)
            sql = """UPDATE portraits SET deleted = ? WHERE channel_id = ? AND message_id IS NOT NULL
                     AND deleted IS NULL"""
            await tx.run(sql, time(), thread_id)


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
    await check_count(tx, guild_id, owner_id, most)
    sql = """INSERT INTO pets (guild_id, owner_id, name, name_key, class_word, channel_id, created)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"""
    row = await tx.one(sql, guild_id, owner_id, name, name_key(name), class_word, channel_id, now)
    if row is None:
        raise NameTaken(NameTaken.__doc__)
    for photo, given in zip(photos, names, strict=True):
        await add_photo(tx, row["id"], photo, given)
    return row["id"]


async def add_photo(tx: Transaction, pet_id: int, photo: Photo, name: str) -> None:
    """A photo of this pet, which is called so."""
    sql = "INSERT INTO photos (pet_id, sha256, name, path, width, height) VALUES (?, ?, ?, ?, ?, ?)"
    await tx.run(sql, pet_id, photo.sha256, name, str(photo.path), photo.width, photo.height)


async def drop(tx: Transaction, pet_id: int) -> list[str]:
    """Of this pet nothing was learnt, and nothing is to be kept: it goes with its photos' rows.

    Returns its jobs: their folders, which hold the photos, go once this is committed. Their rows stay, for the answers.
    """
    jobs = await tx.all("SELECT id FROM jobs WHERE pet_id = ?", pet_id)
    await tx.run(DROP, Cause.TOO_FEW_PHOTOS, pet_id)
    await tx.run("DELETE FROM pets WHERE id = ?", pet_id)
    return [job["id"] for job in jobs]


async def drop_failed(tx: Transaction, guild_id: int, owner_id: int, name: str) -> list[str]:
    """Make room for an enrolment under the name of one that failed: drop() it, if there is one."""
    sql = f"SELECT id FROM ({PETS} WHERE guild_id = ? AND owner_id = ? AND name_key = ?) WHERE failed"
    row = await tx.one(sql, guild_id, owner_id, name_key(name))
    return await drop(tx, row["id"]) if row else []


async def check_count(rows: Database | Transaction, guild_id: int, owner_id: int, most: int) -> None:
    """Raises TooManyPets where the owner has `most` in this server. Those that failed do not count.

    Those whose owner is asked do, also where too few photos are good: any photos come so far, and each set is kept.
    """
    sql = f"SELECT count(*) FROM ({PETS} WHERE guild_id = ? AND owner_id = ?) WHERE looked OR NOT failed"
    [(count,)] = await rows.all(sql, guild_id, owner_id)
    if count >= most:
        raise TooManyPets(count)


def _pet(row: sqlite3.Row) -> Pet:
    return Pet(
        id=row["id"],
        guild_id=row["guild_id"],
        owner_id=row["owner_id"],
        name=row["name"],
        class_word=row["class_word"],
        channel_id=row["channel_id"],
        thread_id=row["thread_id"],
        state="looked" if row["looked"] else "failed" if row["failed"] else row["state"],
        learn_at=row["learn_at"],
        kept_until=row["kept_until"],
        learnt=row["adapter"],
        cut=row["cutouts"],
        created=row["created"],
    )
