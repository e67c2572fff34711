"""A database from before looks: jobs in every state and answers of every kind come over as they were.

Knows: the tables of that version, and what SQLite says of its own. Does not know: values in JSON (test_older_rows.py).
"""

import shutil
import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from storage.database import MIGRATIONS, Database, MigrationFailed
from tests.helpers.storage_env import StorageEnv

BEFORE = 6
FORGOTTEN = 999  # id of a pet that was there
DROPPED = "pictures"  # a column that nobody read
STATES = ("waiting", "running", "done", "failed", "cancelled")
CASES = tuple(enumerate(product(("enroll", "paint"), STATES, range(3)), start=1))
TABLES = ("pets", "photos", "jobs", "portraits", "outbox", "presses", "reactions", "moves")
PET = """INSERT INTO pets (id, guild_id, owner_id, name, name_key, class_word, channel_id, created)
         VALUES (?1, 10, 2, 'Dog ' || ?1, 'dog ' || ?1, 'dog', 3, 5)"""
PHOTO = "INSERT INTO photos VALUES (?1, 'ab', 'a.jpg', 'data/jobs/a.jpg', 9, 9)"
JOB = """INSERT INTO jobs (rowid, id, kind, body, created, pet_id, pet_name, guild_id, user_id, channel_id, thread_id,
         ack_channel_id, ack_message_id, progress_message_id, reply_to, locale, state, attempts, charged, fence,
         checkpoint, started, claimed, finished, seconds, error, alive, kills, doomed, pictures, learnt, kept_until)
         VALUES (?1, ?2, ?3, '{}', ?1, ?4, 'Dog', 10, 2, 3, 4, 5, 6, 7, 8, 'ko', ?5, 2, 1, 3, 40, 11, 12, 13, 1.5,
                 'Internal', 14, 4, 1, 2, '{}', 99)"""
PORTRAIT = """INSERT INTO portraits (job_id, pet_id, requester_id, channel_id, wish, portrait)
              VALUES (?1, ?2, 2, 3, '{}', '{}')"""
ANSWER = """INSERT INTO outbox (rowid, id, job_id, part, nonce, channel_id, kind, payload, first_tried, tries, due,
            message_id, closed, home) VALUES (?1, ?2 || '-0', ?2, 0, ?2 || '-0', 3, ?3, '{}', 1, 2, 3, 4, 'gone', 1)"""


def job_id(number: int) -> str:
    return f"{number:012x}"


async def older(path: Path) -> None:
    """A database of the version before, in use: rows have come and gone."""
    steps = path.parent / "older"
    shutil.copytree(MIGRATIONS, steps)
    for newer in sorted(steps.glob("*.sql"))[BEFORE:]:
        newer.unlink()
    async with await Database.open(path, steps) as db, db.write() as tx:
        for number, (kind, state, _) in CASES:
            await tx.run(PET, number)
            await tx.run(PHOTO, number)
            await tx.run(JOB, 7 * number, job_id(number), kind, number, state)
            await tx.run(PORTRAIT, job_id(number), number)
            answer = {"done": "enrolled" if kind == "enroll" else "painted"}.get(state, state)
            if state not in ("waiting", "running"):
                await tx.run(ANSWER, 1000 - number, job_id(number), answer)
            await tx.run("INSERT INTO presses VALUES (?, ?)", number, job_id(number))
        await tx.run(PET, FORGOTTEN)
        await tx.run("DELETE FROM pets WHERE id = ?", FORGOTTEN)
        await tx.run("INSERT INTO reactions SELECT id, 2, '!' FROM portraits")
        for number, (_, _, copy) in CASES:
            if copy == 1:  # so that rowids have gaps
                await tx.run("DELETE FROM jobs WHERE id = ?", job_id(number))


def contents(path: Path) -> dict[str, list[dict[str, object]]]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        found = {table: db.execute(f"SELECT {_rowid(table)} * FROM {table}").fetchall() for table in TABLES}
        return {table: [dict(row) for row in rows] for table, rows in found.items()}


def _rowid(table: str) -> str:
    return "" if table in ("photos", "reactions") else "rowid AS at,"


async def test_every_row_comes_over_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bot.sqlite"
    await older(path)
    before = contents(path)
    assert len(before["jobs"]) == 20 and len(before["outbox"]) == 12 and len(before["reactions"]) == 20
    async with await Database.open(path) as db:
        after = contents(path)
        assert await db.all("PRAGMA foreign_key_check") == []
        row = await db.one("PRAGMA integrity_check")
        assert row and row[0] == "ok"
    for table, rows in before.items():
        was = [{name: value for name, value in row.items() if name != DROPPED} for row in rows]
        kept = [{name: row[name] for name in was[0]} for row in after[table]]
        assert kept == was, table
    assert DROPPED in before["jobs"][0] and DROPPED not in after["jobs"][0]
    assert {(row["look"], row["looks"], row["looked"], row["learn_at"]) for row in after["jobs"]} == {
        (0, 0, None, None)
    }
    assert (tmp_path / "backups" / f"before-{BEFORE + 1:04}.db").exists()


async def test_what_hangs_on_a_job_still_does(tmp_path: Path) -> None:
    await older(tmp_path / "bot.sqlite")
    async with await Database.open(tmp_path / "bot.sqlite") as db:
        env = StorageEnv.on(tmp_path, db)
        waiting = {ticket.job_id for ticket in await env.journal.waiting()}
        assert waiting == {job_id(n) for n, (_, state, copy) in CASES if state == "waiting" and copy != 1}
        assert [one.id for one in await env.outbox.due(99)] == []
        gone = next(number for number, (_, state, copy) in CASES if state == "waiting" and copy == 0)
        async with db.write() as tx:
            await tx.run("DELETE FROM jobs WHERE id = ?", job_id(gone))
            await tx.run("UPDATE jobs SET state = 'done' WHERE id = ?", job_id(gone + 2))
        assert {ticket.job_id for ticket in await env.journal.waiting()} == waiting - {job_id(gone), job_id(gone + 2)}
        for table in ("portraits", "outbox", "presses"):
            assert await db.all(f"SELECT 1 FROM {table} WHERE job_id = ?", job_id(gone)) == [], table
        async with db.write() as tx:
            await tx.run("DELETE FROM pets")
        assert {row["pet_id"] for row in await db.all("SELECT pet_id FROM jobs")} == {None}


async def test_the_id_of_a_forgotten_pet_is_never_used_again(tmp_path: Path) -> None:
    await older(tmp_path / "bot.sqlite")
    async with await Database.open(tmp_path / "bot.sqlite") as db:
        row = await StorageEnv.on(tmp_path, db).enroll()
        assert row.pet_id == FORGOTTEN + 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE jobs SET state = 'nonsense'",
        "UPDATE jobs SET state = 'looked'",  # without what was seen
        "UPDATE outbox SET kind = 'nonsense'",
        "UPDATE outbox SET job_id = 'nobody'",
        "UPDATE jobs SET pet_id = 9999",
    ],
)
async def test_what_may_not_be_written_still_may_not(tmp_path: Path, sql: str) -> None:
    await older(tmp_path / "bot.sqlite")
    async with await Database.open(tmp_path / "bot.sqlite") as db:
        with pytest.raises(sqlite3.IntegrityError):
            async with db.write() as tx:
                await tx.run(sql)


async def test_a_step_that_loses_rows_of_others_is_taken_back(tmp_path: Path) -> None:
    await older(tmp_path / "bot.sqlite")
    before = contents(tmp_path / "bot.sqlite")
    steps = tmp_path / "newer"
    shutil.copytree(MIGRATIONS, steps)
    (steps / "9999_bad.sql").write_text("DELETE FROM jobs;")
    with pytest.raises(MigrationFailed, match="name others that are not there"):
        await Database.open(tmp_path / "bot.sqlite", steps)
    assert contents(tmp_path / "bot.sqlite") == before
