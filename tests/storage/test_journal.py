"""The journal of jobs: claims, attempts, fences, leases, and who waits."""

import asyncio
import shutil
from pathlib import Path

import pytest

from gpu.errors import WorkerDied
from gpu.jobs import JobKind
from gpu.line.journal import Journal
from gpu.outcomes import Cause, Done, Progress
from storage.database import MIGRATIONS, Database
from storage.jobs import new_job_id
from storage.outbox import Part
from tests.contracts.journal import JournalContract
from tests.helpers.storage_env import StorageEnv, enrolled, painted


class TestJobJournal(JournalContract):
    @pytest.fixture(autouse=True)
    def _move_in(self, env: StorageEnv) -> None:
        self.env = env

    @pytest.fixture
    async def journal(self, env: StorageEnv) -> Journal:
        return env.journal

    async def accept(self, journal: Journal, kind: JobKind) -> str:
        self.env.clock.now += 1
        name = f"Dog {self.env.clock.now}"
        if kind != "paint":
            return (await self.env.enroll(name, text="", look=kind == "look")).id
        pet = await self.env.pet("Painted") or await self.env.ready("Painted")
        return (await self.env.paint(pet)).id

    async def state(self, journal: Journal, job_id: str) -> str:
        return (await self.env.row(job_id)).state

    async def answers(self, journal: Journal, job_id: str) -> int:
        owed = await self.env.outbox.due(self.env.clock.now)
        return len([one for one in owed if one.job_id == job_id and one.part is not Part.SHEET])


async def test_waiting_is_in_order_and_a_pause_keeps_the_place(env: StorageEnv) -> None:
    rows = [await env.enroll(name) for name in "ABC"]
    claim = await env.claim(rows[0].id)
    assert [ticket.job_id for ticket in await env.journal.waiting()] == [rows[1].id, rows[2].id]
    await env.journal.mark_paused(claim)
    assert [ticket.job_id for ticket in await env.journal.waiting()] == [row.id for row in rows]


async def test_a_job_is_claimed_once(env: StorageEnv) -> None:
    row = await env.enroll()
    claims = await asyncio.gather(*(env.journal.claim(row.id) for _ in range(5)))
    assert len([claim for claim in claims if claim]) == 1
    assert await env.journal.claim("000000000000") is None


async def test_a_stale_claim_changes_nothing(env: StorageEnv) -> None:
    row = await env.enroll()
    stale = await env.claim(row.id)
    await env.journal.recover()
    fresh = await env.claim(row.id)
    before = await env.row(row.id)
    assert not await env.journal.settle(stale, enrolled(env.files.job_folder(row.id)))
    await env.journal.note_checkpoint(stale, Progress(phase="learning", checkpoint=50))
    await env.journal.mark_paused(stale)
    assert not await env.journal.mark_crashed(stale, WorkerDied().as_failed())
    assert await env.row(row.id) == before
    assert await env.owed() == []
    assert await env.journal.settle(fresh, enrolled(env.files.job_folder(row.id)))


async def test_attempts_are_charged_and_refunded_once(env: StorageEnv) -> None:
    row = await env.enroll()

    async def attempts() -> int:
        return (await env.row(row.id)).attempts

    claim = await env.claim(row.id)
    assert await attempts() == 1
    await env.journal.note_checkpoint(claim, Progress(phase="learning", step=1))
    assert await attempts() == 1
    await env.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=40))
    await env.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=80))
    assert await attempts() == 0
    await env.journal.mark_paused(claim)
    assert await attempts() == 0
    assert await env.journal.mark_crashed(await env.claim(row.id), WorkerDied().as_failed())
    again = await env.claim(row.id)
    await env.journal.note_checkpoint(again, Progress(phase="learning", checkpoint=80))  # no further than before
    assert await attempts() == 2
    await env.journal.mark_paused(again)
    assert await attempts() == 1
    assert (await env.row(row.id)).checkpoint == 80


@pytest.mark.parametrize(("how", "times"), [("the child dies", 3), ("the bot dies", 25)])
async def test_some_deaths_then_set_aside(env: StorageEnv, how: str, times: int) -> None:
    row = await env.enroll()
    for attempt in range(1, times + 1):
        claim = await env.claim(row.id)
        if how == "the bot dies":
            await env.journal.recover()
        else:
            assert await env.journal.mark_crashed(claim, WorkerDied().as_failed()) == (attempt < times)
    after = await env.row(row.id)
    assert (after.state, after.cause, after.pet_id) == ("failed", Cause.WORKER_DIED, None)
    [owed] = await env.owed()
    assert owed.kind == "failed"
    assert not env.files.job_folder(row.id).exists()


async def test_seconds_count_running_time_only(env: StorageEnv) -> None:
    pet = await env.ready()
    row = await env.paint(pet)
    claim = await env.claim(row.id)
    env.clock.now += 3
    await env.journal.mark_paused(claim)
    env.clock.now += 1000
    claim = await env.claim(row.id)
    env.clock.now += 4
    await env.journal.settle(claim, painted(claim))
    assert (await env.row(row.id)).seconds == 7
    [past] = await env.jobs.past_paintings()
    assert (past.job, past.seconds, past.picture) == (claim.job, 7, 1), "two pictures, of a second each"
    [owed] = [one for one in await env.owed() if one.kind == "painted"]
    assert isinstance(owed.answer.outcome, Done)
    assert owed.answer.outcome.seconds == 3 + painted(claim).seconds, "what the person reads"


async def test_a_lease_says_how_long_a_killed_run_lasted(env: StorageEnv) -> None:
    row = await env.enroll()
    claim = await env.claim(row.id)
    env.clock.now += 20
    await env.journal.renew(claim)
    env.clock.now += 1
    assert (await env.row(row.id)).seconds == 21, "so far"
    env.clock.now += 3600  # nobody was there
    await env.journal.recover()
    assert (await env.row(row.id)).seconds == 20
    claim = await env.claim(row.id)
    env.clock.now += 5
    await env.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=40))
    env.clock.now += 3600
    await env.journal.recover()
    assert (await env.row(row.id)).seconds == 25


async def test_a_forgotten_pet_waits_no_more(env: StorageEnv) -> None:
    pet = await env.ready()
    row, other = await env.paint(pet), await env.enroll("Other")
    assert [ticket.job_id for ticket in await env.journal.waiting()] == [row.id, other.id]
    await env.erasure.forget(pet.id)
    assert [ticket.job_id for ticket in await env.journal.waiting()] == [other.id]


async def test_only_what_moved_is_read_again(env: StorageEnv) -> None:
    rows = [await env.enroll(f"Dog {number}") for number in range(20)]
    before = await env.journal.waiting()
    assert await env.journal.waiting() is before, "nothing moved"
    claim = await env.claim(rows[3].id)
    after = await env.journal.waiting()
    assert [ticket for ticket in before if ticket.job_id != claim.job.job_id] == after
    assert all(any(ticket is old for old in before) for ticket in after), "the others were not read again"


async def test_waiting_jobs_of_an_older_bot_are_seen(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    shutil.copy(MIGRATIONS / "0001_first.sql", old)
    async with await Database.open(tmp_path / "bot.sqlite", old) as db, db.write() as tx:
        sql = """INSERT INTO jobs (id, kind, body, state, created, started, pet_name, guild_id, user_id, channel_id,
                 locale) VALUES (?, ?, ?, ?, ?, ?, 'Mochi', 1, 2, 3, 'en')"""
        await tx.run(sql, "a" * 12, "paint", '{"seeds": [1, 2, 3]}', "waiting", 7.0, None)
        await tx.run(sql, "b" * 12, "enroll", "{}", "done", 5.0, 6.0)
    env = await StorageEnv.open(tmp_path)
    async with env.db:
        assert [ticket.job_id for ticket in await env.journal.waiting()] == ["a" * 12]
        assert [(turn.kind, turn.at) for turn in await env.journal.turns()] == [("enroll", 6.0)]
        assert [(await env.row(name * 12)).kind for name in "ab"] == ["paint", "enroll"]


async def test_a_restart_keeps_jobs_and_clears_what_nobody_owns(tmp_path: Path) -> None:
    env = await StorageEnv.open(tmp_path)
    running, waiting = await env.enroll("A"), await env.enroll("B")
    await env.claim(running.id)
    orphan = env.files.keep(b"taken in, never accepted", env.files.photo_folder(new_job_id()), ".jpg")[0]
    await env.db.close()
    env = await StorageEnv.open(tmp_path)
    await env.journal.recover()
    assert {ticket.job_id for ticket in await env.journal.waiting()} == {running.id, waiting.id}
    assert not orphan.exists()
    assert env.files.job_folder(waiting.id).exists()
    await env.db.close()
