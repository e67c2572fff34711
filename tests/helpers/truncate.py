"""A power cut, simulated: the database's file as of its last checkpoint, and a log that ends at any byte.

Knows: real transactions of the storage classes, and how long the log is after each. Does not know: how SQLite does it.
The bar: exactly the transactions of which every byte is there are found again, each whole, and the database is sound.
`truncate(folder, 1000, seed)` is for `make torture`; test_storage.py does a slice of it.
"""

import random
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gpu.errors import TooFewPhotos
from gpu.outcomes import Progress
from storage.database import Database
from tests.helpers.storage_env import THREAD, StorageEnv, painted

DOGS = 6
FILE = "bot.sqlite"  # as storage_env.py names it


@dataclass(frozen=True, slots=True)
class Moment:
    """The database after a transaction."""

    log: int  # bytes of the log that hold it and all before it
    content: str  # hash of all tables and rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of the truncations."""

    truncations: int
    transactions: int  # in the log
    log_bytes: int
    prefixes: int  # different ones that were found


async def truncate(folder: Path, count: int, seed: int) -> Figures:
    """So many power cuts at random bytes. AssertionError names seed and byte of one that is not survived."""
    chance = random.Random(seed)
    before, log, moments = await _lived(folder / "life")
    found: set[str] = set()
    for number in range(count):
        length = chance.randint(0, len(log))
        expected = [moment for moment in moments if moment.log <= length][-1]
        content = await _opened(folder / f"cut {number % 2}", before, log[:length])
        assert content == expected.content, f"seed {seed}: log cut at byte {length} of {len(log)}"
        found.add(content)
    return Figures(truncations=count, transactions=len(moments) - 1, log_bytes=len(log), prefixes=len(found))


async def _lived(folder: Path) -> tuple[bytes, bytes, list[Moment]]:
    """The file of a database before some dogs' lives, the log with them, and the moments in between."""
    env, path = await StorageEnv.open(folder), folder / FILE
    await env.ready("First")
    await env.db.checkpoint()
    before, moments = path.read_bytes(), [_moment(path)]
    moments += [_moment(path) async for _ in _lives(env)]
    log = _log(path).read_bytes()
    assert path.read_bytes() == before, "a checkpoint came between"
    await env.db.close()
    return before, log, moments


async def _lives(env: StorageEnv) -> AsyncGenerator[None]:
    """Dogs are refused; one is painted, and its answer is sent. A step is one transaction."""
    pet = await env.pet("First")
    assert pet is not None
    for number in range(DOGS):
        row = await env.enroll(f"Dog {number}")
        yield
        claim = await env.claim(row.id)
        yield
        await env.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=50))
        yield
        await env.journal.settle(claim, TooFewPhotos().as_failed())
        yield
        row = await env.paint(pet)
        yield
        claim = await env.claim(row.id)
        yield
        await env.journal.settle(claim, painted(claim))
        yield
        owed = (await env.outbox.due(env.clock.now))[-1]
        await env.outbox.mark_tried(owed.id, owed.channel_id, env.clock.now)
        yield
        await env.outbox.mark_sent(owed.id, THREAD, 100 + number, owed.answer.portraits)
        yield


async def _opened(folder: Path, before: bytes, log: bytes) -> str:
    """What the bot finds after the power cut."""
    path = _left(folder, before, log)
    async with await Database.open(path) as db:
        assert [tuple(row) for row in await db.all("PRAGMA integrity_check")] == [("ok",)]
        assert await db.all("PRAGMA foreign_key_check") == []
    return _moment(path).content


def _left(folder: Path, before: bytes, log: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / FILE
    path.write_bytes(before)
    _log(path).write_bytes(log)
    return path


def _moment(path: Path) -> Moment:
    with closing(sqlite3.connect(path)) as reader:
        content = sha256("\n".join(reader.iterdump()).encode()).hexdigest()
        return Moment(_log(path).stat().st_size if _log(path).exists() else 0, content)


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
