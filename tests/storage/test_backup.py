"""Copies from before a migration: when they are made, that they open, and that they forget too."""

import shutil
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from storage import retention
from storage.backup import KEPT
from storage.database import MIGRATIONS, Database
from storage.pets import Pet
from tests.helpers.storage_env import MARKER, StorageEnv, painted, traces

NAME = f"M{MARKER}"


class Updates:
    """A bot that gets new migrations."""

    def __init__(self, folder: Path) -> None:
        self.root, self._steps = folder / "data", folder / "migrations"
        shutil.copytree(MIGRATIONS, self._steps)

    @property
    def version(self) -> int:
        return len(list(self._steps.glob("*.sql")))

    def update(self) -> None:
        number = self.version + 1
        (self._steps / f"9{number:03}_more.sql").write_text(f"CREATE TABLE more{number} (x INTEGER) STRICT;")

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[StorageEnv]:
        async with await Database.open(self.root / "bot.sqlite", self._steps) as db:
            yield StorageEnv.on(self.root, db)

    async def open_and_close(self) -> None:
        async with self.open():
            pass

    @property
    def copies(self) -> list[Path]:
        return sorted((self.root / "backups").glob("*"))


@pytest.fixture
def bot(tmp_path: Path) -> Updates:
    return Updates(tmp_path)


async def lived_in(bot: Updates) -> Pet:
    """A pet that has portraits and answers, and another one; the env is closed again."""
    async with bot.open() as env:
        pet = await env.ready(NAME)
        claim = await env.claim((await env.paint(pet)).id)
        await env.journal.settle(claim, painted(claim))
        await env.ready("Other")
    return pet


async def test_a_copy_is_made_only_before_a_migration(bot: Updates) -> None:
    await bot.open_and_close()
    pet = await lived_in(bot)
    assert not (bot.root / "backups").exists()
    before = bot.version
    bot.update()
    for _ in range(2):
        await bot.open_and_close()
    [copy] = bot.copies
    assert copy.name == f"before-{before + 1:04}.db"
    with closing(sqlite3.connect(copy)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert plain.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
        assert plain.execute("PRAGMA user_version").fetchall() == [(before,)]
        assert plain.execute("SELECT name FROM pets ORDER BY id").fetchall() == [(pet.name,), ("Other",)]


async def test_a_copy_is_a_database_to_go_back_to(bot: Updates) -> None:
    pet = await lived_in(bot)
    bot.update()
    await bot.open_and_close()
    shutil.copy(bot.copies[0], bot.root / "bot.sqlite")
    async with bot.open() as env:
        assert await env.pets.get(pet.id) == pet
        await env.ready("Third")


async def test_the_newest_copies_are_kept(bot: Updates) -> None:
    await lived_in(bot)
    for _ in range(KEPT + 2):
        bot.update()
        await bot.open_and_close()
    assert [path.name for path in bot.copies] == [f"before-{bot.version - n:04}.db" for n in reversed(range(KEPT))]


async def test_forgotten_is_gone_from_the_copies_too(bot: Updates) -> None:
    pet = await lived_in(bot)
    bot.update()
    async with bot.open() as env:
        assert pet.adapter is not None
        job_id = pet.adapter.folder.parent.name
        photo = next(env.files.photo_folder(job_id).iterdir())
        marks = (NAME, photo.stem, photo.read_text())
        assert {path.name for path in traces(bot.root, *marks)} >= {"bot.sqlite", bot.copies[0].name, photo.name}
        await env.erasure.forget(pet.id)
        assert traces(bot.root, *marks) == []
        with closing(sqlite3.connect(bot.copies[0])) as copy:
            assert copy.execute("SELECT name FROM pets").fetchall() == [("Other",)]
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
        assert await env.pet("Other")


@pytest.mark.parametrize("harm", ["broken", "other names"])
async def test_a_copy_that_cannot_forget_is_dropped(bot: Updates, harm: str) -> None:
    pet = await lived_in(bot)
    bot.update()
    async with bot.open() as env:
        [copy] = bot.copies
        if harm == "broken":
            copy.write_bytes(copy.read_bytes()[:5000])
        else:
            with closing(sqlite3.connect(copy)) as plain:
                plain.execute("ALTER TABLE pets RENAME TO animals")
        await env.erasure.forget(pet.id)
        assert bot.copies == []
        assert traces(bot.root, NAME) == []


async def test_a_reader_of_the_log_is_waited_for(bot: Updates, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as another program reads, deleted bytes stay in the log; they go when it has gone."""
    monkeypatch.setattr(retention, "BETWEEN_S", 0.01)
    pet = await lived_in(bot)
    async with bot.open() as env:
        await env.db.one("PRAGMA busy_timeout = 20")
        with closing(sqlite3.connect(bot.root / "bot.sqlite", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM pets").fetchall()
            await env.pets.set_thread(pet.id, 5)
            assert not await env.db.checkpoint()
            await env.erasure.forget(pet.id)
            assert traces(bot.root, NAME)
        await retention.scrub(env.db)
        assert traces(bot.root, NAME) == []
