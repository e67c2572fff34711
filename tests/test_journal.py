"""The journal of jobs: claims, attempts, fences, leases, and who waits."""

import asyncio
import shutil
from pathlib import Path
from typing import Literal

import pytest

from gpu.errors import WorkerDied
from gpu.line.journal import Journal
from gpu.types import Done, Progress
from storage.database import MIGRATIONS, Database
from storage.jobs import new_job_id
from tests.house import GUILD, OWNER, House, enrolled, house, painted
from tests.journal_contract import JournalContract

__all__ = ["house"]  # a fixture


class TestJobJournal(JournalContract):
    @pytest.fixture(autouse=True)
    def _move_in(self, house: House) -> None:
        self.house = house

    @pytest.fixture
    async def journal(self, house: House) -> Journal:
        return house.journal

    async def accept(self, journal: Journal, kind: Literal["enroll", "paint"]) -> str:
        self.house.clock.now += 1
        name = f"Dog {self.house.clock.now}"
        if kind == "enroll":
            return (await self.house.enroll(name, text="")).id
        pet = await self.house.pets.by_name(GUILD, OWNER, "Painted") or await self.house.ready("Painted")
        return (await self.house.paint(pet)).id

    async def state(self, journal: Journal, job_id: str) -> str:
        return (await self.house.row(job_id)).state

    async def answers(self, journal: Journal, job_id: str) -> int:
        return len([owed for owed in await self.house.outbox.due(self.house.clock.now) if owed.job_id == job_id])


async def test_waiting_is_in_order_and_a_pause_keeps_the_place(house: House) -> None:
    rows = [await house.enroll(name) for name in "ABC"]
    claim = await house.claim(rows[0].id)
    assert [ticket.job_id for ticket in await house.journal.waiting()] == [rows[1].id, rows[2].id]
    await house.journal.mark_paused(claim)
    assert [ticket.job_id for ticket in await house.journal.waiting()] == [row.id for row in rows]


async def test_a_job_is_claimed_once(house: House) -> None:
    row = await house.enroll()
    claims = await asyncio.gather(*(house.journal.claim(row.id) for _ in range(5)))
    assert len([claim for claim in claims if claim]) == 1
    assert await house.journal.claim("000000000000") is None


async def test_a_stale_claim_changes_nothing(house: House) -> None:
    row = await house.enroll()
    stale = await house.claim(row.id)
    await house.journal.recover()
    fresh = await house.claim(row.id)
    before = await house.row(row.id)
    assert not await house.journal.settle(stale, enrolled(house.files.job_folder(row.id)))
    await house.journal.note_checkpoint(stale, Progress(phase="learning", checkpoint=50))
    await house.journal.mark_paused(stale)
    assert not await house.journal.mark_crashed(stale, WorkerDied().as_failed())
    assert await house.row(row.id) == before
    assert await house.outbox.due(house.clock.now) == []
    assert await house.journal.settle(fresh, enrolled(house.files.job_folder(row.id)))


async def test_attempts_are_charged_and_refunded_once(house: House) -> None:
    row = await house.enroll()

    async def attempts() -> int:
        return (await house.row(row.id)).attempts

    claim = await house.claim(row.id)
    assert await attempts() == 1
    await house.journal.note_checkpoint(claim, Progress(phase="learning", step=1))
    assert await attempts() == 1
    await house.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=40))
    await house.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=80))
    assert await attempts() == 0
    await house.journal.mark_paused(claim)
    assert await attempts() == 0
    assert await house.journal.mark_crashed(await house.claim(row.id), WorkerDied().as_failed())
    again = await house.claim(row.id)
    await house.journal.note_checkpoint(again, Progress(phase="learning", checkpoint=80))  # no further than before
    assert await attempts() == 2
    await house.journal.mark_paused(again)
    assert await attempts() == 1
    assert (await house.row(row.id)).checkpoint == 80


@pytest.mark.parametrize(("how", "times"), [("the child dies", 3), ("the bot dies", 25)])
async def test_some_deaths_then_set_aside(house: House, how: str, times: int) -> None:
    row = await house.enroll()
    for attempt in range(1, times + 1):
        claim = await house.claim(row.id)
        if how == "the bot dies":
            await house.journal.recover()
        else:
            assert await house.journal.mark_crashed(claim, WorkerDied().as_failed()) == (attempt < times)
    after = await house.row(row.id)
    assert (after.state, after.error, after.pet_id) == ("failed", "WorkerDied", None)
    [owed] = await house.outbox.due(house.clock.now)
    assert owed.kind == "failed"
    assert not house.files.job_folder(row.id).exists()


async def test_seconds_count_running_time_only(house: House) -> None:
    pet = await house.ready()
    row = await house.paint(pet)
    claim = await house.claim(row.id)
    house.clock.now += 3
    await house.journal.mark_paused(claim)
    house.clock.now += 1000
    claim = await house.claim(row.id)
    house.clock.now += 4
    await house.journal.settle(claim, painted(claim))
    assert (await house.row(row.id)).seconds == 7
    assert await house.jobs.durations("paint") == 3.5, "for each of two pictures"
    [owed] = [one for one in await house.outbox.due(house.clock.now) if one.kind == "painted"]
    assert isinstance(owed.letter.outcome, Done)
    assert owed.letter.outcome.seconds == 3 + painted(claim).seconds, "what the person reads"


async def test_a_lease_says_how_long_a_killed_run_lasted(house: House) -> None:
    row = await house.enroll()
    claim = await house.claim(row.id)
    house.clock.now += 20
    await house.journal.renew(claim)
    house.clock.now += 1
    assert (await house.row(row.id)).seconds == 21, "so far"
    house.clock.now += 3600  # nobody was there
    await house.journal.recover()
    assert (await house.row(row.id)).seconds == 20
    claim = await house.claim(row.id)
    house.clock.now += 5
    await house.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=40))
    house.clock.now += 3600
    await house.journal.recover()
    assert (await house.row(row.id)).seconds == 25


async def test_a_forgotten_pet_waits_no_more(house: House) -> None:
    pet = await house.ready()
    row, other = await house.paint(pet), await house.enroll("Other")
    assert [ticket.job_id for ticket in await house.journal.waiting()] == [row.id, other.id]
    await house.erasure.forget(pet.id)
    assert [ticket.job_id for ticket in await house.journal.waiting()] == [other.id]


async def test_only_what_moved_is_read_again(house: House) -> None:
    rows = [await house.enroll(f"Dog {number}") for number in range(20)]
    before = await house.journal.waiting()
    assert await house.journal.waiting() is before, "nothing moved"
    claim = await house.claim(rows[3].id)
    after = await house.journal.waiting()
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
    house = await House.open(tmp_path)
    async with house.db:
        assert [ticket.job_id for ticket in await house.journal.waiting()] == ["a" * 12]
        assert [(turn.kind, turn.at) for turn in await house.journal.turns()] == [("enroll", 6.0)]
        assert [(await house.row(name * 12)).pictures for name in "ab"] == [3, 1]


async def test_a_restart_keeps_jobs_and_clears_what_nobody_owns(tmp_path: Path) -> None:
    house = await House.open(tmp_path)
    running, waiting = await house.enroll("A"), await house.enroll("B")
    await house.claim(running.id)
    orphan = house.files.keep(b"taken in, never accepted", house.files.photo_folder(new_job_id()), ".jpg")[0]
    await house.db.close()
    house = await House.open(tmp_path)
    await house.journal.recover()
    assert {ticket.job_id for ticket in await house.journal.waiting()} == {running.id, waiting.id}
    assert not orphan.exists()
    assert house.files.job_folder(waiting.id).exists()
    await house.db.close()
