"""The database under cancellation and change, names, and that forgotten means gone."""

import asyncio
import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import MIGRATIONS, AlreadyRunning, Database, MigrationFailed, TooNew
from storage.files import Files
from storage.names import BadName, clean_name
from storage.pets import NameTaken
from tests.helpers.storage_env import CHANNEL, GUILD, MARKER, OWNER, THREAD, StorageEnv, painted, traces
from tests.helpers.truncate import truncate

# ---- the database ---------------------------------------------------------------------------------------------------


async def test_pragmas(env: StorageEnv) -> None:
    async def pragma(name: str) -> object:
        row = await env.db.one(f"PRAGMA {name}")
        assert row is not None
        return row[0]

    assert await pragma("journal_mode") == "wal"
    assert [await pragma(name) for name in ("synchronous", "foreign_keys", "secure_delete")] == [2, 1, 1]
    assert await pragma("user_version") == len(list(MIGRATIONS.glob("*.sql")))
    for table in await env.db.all(
        "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%'"
    ):
        assert table["strict"] == 1


async def test_a_second_bot_is_told_so(env: StorageEnv) -> None:
    with pytest.raises(AlreadyRunning):
        await Database.open(env.root / "bot.sqlite")
    await env.enroll()


async def test_a_closed_database_can_be_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        async with await Database.open(tmp_path / "bot.sqlite") as db:
            await db.one("SELECT 1")


async def test_migrations_happen_whole_or_not_at_all(tmp_path: Path) -> None:
    steps = tmp_path / "migrations"
    steps.mkdir()
    (steps / "0001_a.sql").write_text("CREATE TABLE a (x INTEGER) STRICT;")
    await (await Database.open(tmp_path / "bot.sqlite", steps)).close()
    (steps / "0002_b.sql").write_text("CREATE TABLE b (x INTEGER) STRICT;")
    (steps / "0003_c.sql").write_text("CREATE TABLE c (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(MigrationFailed, match=r"as it was.* lies in .*before-0002\.db.*nowhere"):
        await Database.open(tmp_path / "bot.sqlite", steps)
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (1,)
        assert plain.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    (steps / "0003_c.sql").write_text("CREATE TABLE c (x INTEGER) STRICT;")
    async with await Database.open(tmp_path / "bot.sqlite", steps) as db:
        assert await db.all("SELECT * FROM b") == await db.all("SELECT * FROM c") == []


async def test_the_first_migration_fails_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE a (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(MigrationFailed, match=r"as it was\. \(no such table"):
        await Database.open(tmp_path / "bot.sqlite", tmp_path)
    assert not (tmp_path / "backups").exists()
    (tmp_path / "0001_a.sql").write_text("CREATE TABLE a (x INTEGER) STRICT;")
    await (await Database.open(tmp_path / "bot.sqlite", tmp_path)).close()


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "bot.sqlite") as db:
        await db.one("PRAGMA user_version = 99")
    with pytest.raises(TooNew):
        await Database.open(tmp_path / "bot.sqlite")


async def test_an_error_rolls_back_and_lets_the_next_one_in(env: StorageEnv) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        async with env.db.write() as tx:
            await tx.run("UPDATE sqlite_sequence SET seq = seq")
            await tx.run("INSERT INTO photos VALUES (1, 'a', 'a', 'a', 1, 1)")  # of no pet
    await env.enroll()


@pytest.mark.parametrize("seed", range(8))
async def test_cancelled_writers_leave_all_or_nothing(tmp_path: Path, seed: int) -> None:
    """40 writers of two rows each, cancelled at random moments: rows come in pairs, and who finished is there."""
    chance = random.Random(seed)
    async with await Database.open(tmp_path / "bot.sqlite") as db:
        async with db.write() as tx:
            await tx.run("CREATE TABLE pairs (writer INTEGER, half INTEGER, PRIMARY KEY (writer, half)) STRICT")

        async def write(writer: int) -> None:
            async with db.write() as tx:
                await tx.run("INSERT INTO pairs VALUES (?, 1)", writer)
                await asyncio.sleep(chance.choice([0, 0, 0.001]))
                await tx.run("INSERT INTO pairs VALUES (?, 2)", writer)

        tasks = [asyncio.create_task(write(writer)) for writer in range(40)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(chance.uniform(0, 0.004))
            assert len(await db.all("SELECT * FROM pairs")) % 2 == 0
            chance.choice(tasks).cancel()
        rows = [row["writer"] for row in await db.all("SELECT writer FROM pairs")]
        finished = {writer for writer, task in enumerate(tasks) if not task.cancelled()}
        assert all(rows.count(writer) == 2 for writer in rows)
        assert finished <= set(rows)


async def test_a_power_cut_keeps_what_was_committed(tmp_path: Path) -> None:
    """A slice of what `make torture` does."""
    figures = await truncate(tmp_path, 50, seed=4)
    assert figures.transactions > 50
    assert figures.prefixes > 20, "the cuts were at different places"


# ---- names ----------------------------------------------------------------------------------------------------------


def test_names() -> None:
    assert clean_name("  Mo　chi ") == "Mo chi"
    assert clean_name("ﬁdo") == "fido"
    assert clean_name("뽀삐") == "뽀삐"
    for bad in ["", "  ", "x" * 33, "a\u202eb", "\u200d", "a\x00"]:
        with pytest.raises(BadName):
            clean_name(bad)


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_a_name_that_is_taken_is_clean(raw: str) -> None:
    try:
        name = clean_name(raw)
    except BadName:
        return
    assert clean_name(name) == name
    assert 1 <= len(name) <= 32


@pytest.mark.parametrize("sign", ["a", "김", "น้ำ", "की", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "e\u0301\u0302"])
async def test_a_name_that_is_clean_can_be_kept_however_long(env: StorageEnv, sign: str) -> None:
    longest = next(sign * count for count in range(32, 0, -1) if _is_clean(sign * count))
    await env.enroll(longest)
    assert await env.pet(clean_name(longest))


def _is_clean(raw: str) -> bool:
    with suppress(BadName):
        return bool(clean_name(raw))
    return False


async def test_one_name_one_pet(env: StorageEnv) -> None:
    await env.enroll("Mochi")
    with pytest.raises(NameTaken):
        await env.enroll("ＭＯＣＨＩ")
    assert [pet.name for pet in await env.pets.of_owner(GUILD, OWNER)] == ["Mochi"]
    assert len(await env.jobs.active(GUILD, OWNER)) == 1


# ---- forgetting -----------------------------------------------------------------------------------------------------


async def test_forgotten_is_gone(env: StorageEnv) -> None:
    other = await env.ready("Other")
    pet = await env.ready(f"M{MARKER}")
    row = await env.paint(pet)
    claim = await env.claim(row.id)
    await env.journal.settle(claim, painted(claim))
    [_, first, second] = await env.owed()
    await env.outbox.mark_sent(second.id, THREAD, 99, second.answer.portraits)
    await env.jobs.set_progress_message([first.job_id], 88)
    await env.paint(pet)  # still waiting
    receipt = await env.erasure.forget(pet.id)
    assert receipt is not None
    assert (receipt.photos, receipt.portraits) == (3, 3)
    assert receipt.files == 3 + 1 + 1 + 2  # photos, adapter, portraits
    assert set(receipt.posts) == {(CHANNEL, 77), (CHANNEL, 88), (THREAD, 99)}
    assert await env.pets.get(pet.id) is None
    assert await env.jobs.active() == []
    assert [delivery.answer.pet_name for delivery in await env.owed()] == ["Other"]
    assert not await env.outbox.mark_sent(first.id, THREAD, 100, first.answer.portraits), "its post has to go"
    assert await env.erasure.forget(pet.id) is None
    assert traces(env.root, f"M{MARKER}", pet.adapter.folder.parent.name) == []
    assert (await env.pets.get(other.id)) == other
    assert len(list(env.files.photo_folder(other.adapter.folder.parent.name).iterdir())) == 3


@pytest.mark.parametrize("with_posts", [False, True])
async def test_what_may_hang_somewhere_is_noted_without_a_word_of_the_pet(env: StorageEnv, with_posts: bool) -> None:
    pet = await env.ready(f"M{MARKER}")
    for _ in range(3):
        claim = await env.claim((await env.paint(pet)).id)
        await env.journal.settle(claim, painted(claim))
    [first, untried, tried, sent] = await env.owed()
    await env.outbox.close(first.id, "gone")
    for delivery in (tried, sent):
        assert await env.outbox.mark_tried(delivery.id, delivery.channel_id, 900.0)
        await env.jobs.set_progress_message([delivery.job_id], 80 if delivery is tried else 81)
    assert await env.outbox.mark_sent(sent.id, THREAD, 99, sent.answer.portraits)
    await env.erasure.forget(pet.id, with_posts=with_posts)
    strays = await env.takedowns.due(env.clock.now)
    assert [(one.mark, one.since) for one in strays if one.message_id is None] == [(tried.id, 900.0)]
    known = [one.message_id for one in strays if one.message_id]
    assert sorted(known) == ([77, 80, 81, 99] if with_posts else [80]), "tried will not take its progress down any more"
    assert traces(env.root, MARKER) == []
    assert not await env.outbox.mark_tried(untried.id, untried.channel_id, 1000.0)
    assert not await env.outbox.mark_sent(tried.id, THREAD, 100, ())
    assert 100 in [one.message_id for one in await env.takedowns.due(env.clock.now)]


async def test_forgetting_many_of_many(env: StorageEnv) -> None:
    """Pages that split and merge keep no copy: each forgotten pet's marks are gone, each other pet's are there."""
    chance = random.Random(1)
    pets = [await env.ready(f"Pet{n}of{MARKER}") for n in range(24)]
    for pet in pets:
        claim = await env.claim((await env.paint(pet, count=4)).id)
        await env.journal.settle(claim, painted(claim))
    gone = chance.sample(pets, 16)
    for pet in gone:
        await env.erasure.forget(pet.id)
    for pet in pets:
        assert bool(traces(env.root, f"{pet.name} ", f'"{pet.name}"', pet.adapter.folder.parent.name)) == (
            pet not in gone
        )


async def test_a_result_that_comes_after_forgetting_is_refused_and_removed(env: StorageEnv) -> None:
    pet = await env.ready()
    claim = await env.claim((await env.paint(pet)).id)
    await env.erasure.forget(pet.id)
    outcome = painted(claim)  # the worker did not know
    assert not await env.journal.settle(claim, outcome)
    assert not claim.job.folder.exists()


async def test_two_pets_with_the_same_photos_keep_their_own(env: StorageEnv) -> None:
    first, second = [await env.enroll(name) for name in ("A", "B")]
    same = [env.files.keep(b"same", env.files.photo_folder(row.id), ".jpg")[0] for row in (first, second)]
    pet = await env.pet("A")
    assert pet is not None
    await env.erasure.forget(pet.id)
    assert [path.exists() for path in same] == [False, True]


def test_a_folder_is_a_job_folder(tmp_path: Path) -> None:
    for bad in ["../../etc", "", "0123456789AB", "0123456789ab/x"]:
        with pytest.raises(ValueError, match="job id"):
            Files(tmp_path).job_folder(bad)
