"""The rules of claims, attempts and fences, and what a job's end brings with it."""

import asyncio
import shutil
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu.errors import Cancelled, TooFewPhotos, WorkerDied
from gpu.line import Journal
from gpu.types import JOB, Adapter, Cutout, Done, Enroll, Paint, Progress, Prompt, Wish
from storage.database import MIGRATIONS, Database
from storage.jobs import Jobs, LineFull, PetNotReady, Room, TooManyJobs, new_job_id
from tests.house import CHANNEL, GUILD, MARKER, OWNER, THREAD, House, enrolled, house, painted, traces
from tests.journal_contract import JournalContract

__all__ = ["house"]  # a fixture


async def test_a_job_comes_back_as_it_went_in(house: House) -> None:
    row = await house.enroll()
    claim = await house.claim(row.id)
    assert isinstance(claim.job, Enroll)
    assert (claim.job.job_id, claim.job.seed, claim.job.wish) == (row.id, 7, Wish(style="ukiyo-e", text=MARKER))
    assert claim.job.folder == house.files.job_folder(row.id)
    assert all(photo.path.is_file() for photo in claim.job.photos)
    assert row.ack == (CHANNEL, 77)


paths = st.text("abcxyz/", min_size=1, max_size=20).map(Path)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
prompts = st.builds(Prompt, text=texts, box=st.none() | st.tuples(*[st.floats(0, 1)] * 4))
cutouts = st.builds(Cutout, image=paths, mask=paths, photo=texts, share=st.floats(0, 1))
adapters = st.builds(
    Adapter,
    folder=paths,
    tokens=st.lists(texts, max_size=3).map(tuple),
    class_word=texts,
    base=texts,
    steps=st.integers(),
    likeness=st.floats(-1, 1),
)


@settings(max_examples=50)
@given(
    st.builds(
        Paint,
        job_id=texts,
        folder=paths,
        adapter=adapters,
        cutouts=st.lists(cutouts, max_size=3).map(tuple),
        wish=st.builds(Wish, style=texts, text=texts),
        seeds=st.lists(st.integers(0, 2**63), max_size=4).map(tuple),
        prompt=st.none() | prompts,
    )
)
def test_any_job_survives_json(job: Paint) -> None:
    assert JOB.validate_json(JOB.dump_json(job)) == job


class TestJobsIsAJournal(JournalContract):
    @pytest.fixture(autouse=True)
    def _move_in(self, house: House) -> None:
        self.house = house

    @pytest.fixture
    async def journal(self, house: House) -> Journal:
        return house.jobs

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
    assert [ticket.job_id for ticket in await house.jobs.waiting()] == [rows[1].id, rows[2].id]
    await house.jobs.paused(claim)
    assert [ticket.job_id for ticket in await house.jobs.waiting()] == [row.id for row in rows]


async def test_a_job_is_claimed_once(house: House) -> None:
    row = await house.enroll()
    claims = await asyncio.gather(*(house.jobs.claim(row.id) for _ in range(5)))
    assert len([claim for claim in claims if claim]) == 1
    assert await house.jobs.claim("000000000000") is None


async def test_a_settled_enrolment(house: House) -> None:
    row = await house.enroll()
    house.clock.now += 5
    claim = await house.claim(row.id)
    house.clock.now += 60
    outcome = enrolled(house.files.job_folder(row.id))
    assert await house.jobs.settle(claim, outcome)
    pet = await house.pets.by_name(GUILD, OWNER, "mochi")
    assert pet is not None
    assert (pet.state, pet.adapter, pet.cutouts) == ("ready", outcome.result.adapter, outcome.result.cutouts)
    assert await house.jobs.durations("enroll") == 60
    [owed] = await house.outbox.due(house.clock.now)
    assert (owed.kind, owed.channel_id, owed.tries) == ("enrolled", CHANNEL, 0)
    assert len(owed.nonce) <= 25
    [hung] = await house.portraits.of_job(row.id)
    assert owed.letter.portraits == (hung.id,)
    assert owed.letter.outcome == outcome
    assert owed.letter.photos[0][1].startswith(MARKER)
    assert (hung.portrait, hung.wish, hung.posted) == (
        outcome.result.portraits[0],
        Wish(style="ukiyo-e", text=MARKER),
        None,
    )
    assert not await house.jobs.settle(claim, outcome), "settled twice"
    assert len(await house.outbox.due(house.clock.now)) == 1


async def test_painting_and_its_delivery(house: House) -> None:
    pet = await house.ready()
    row = await house.paint(pet)
    claim = await house.claim(row.id)
    assert await house.jobs.settle(claim, painted(claim))
    [_, owed] = await house.outbox.due(house.clock.now)
    assert (owed.kind, owed.channel_id, owed.letter.reply_to) == ("painted", THREAD, 55)
    await house.outbox.tried(owed.id, 2000)
    await house.outbox.tried(owed.id, 2001)
    await house.outbox.retry(owed.id, 2010)
    assert [delivery.id for delivery in await house.outbox.due(2009)] != [owed.id]
    again = (await house.outbox.due(2010))[-1]
    assert (again.nonce, again.tries, again.first_tried) == (owed.nonce, 2, 2000)
    assert await house.outbox.sent(owed.id, THREAD, 99, owed.letter.portraits)
    shown = await house.portraits.by_message(99)
    assert [portrait.portrait.seed for portrait in shown] == [0, 1]
    await house.portraits.delete([shown[0].id])
    assert [portrait.id for portrait in await house.portraits.by_message(99)] == [shown[1].id]
    assert not shown[0].portrait.path.exists()
    assert shown[1].portrait.path.exists()


async def test_a_closed_delivery_is_not_due(house: House) -> None:
    row = await house.enroll()
    assert await house.jobs.cancelled(row.id)
    [owed] = await house.outbox.due(house.clock.now)
    await house.outbox.closed(owed.id, "channel is gone")
    assert await house.outbox.due(house.clock.now) == []


async def test_the_thread_that_came_late(house: House) -> None:
    row = await house.enroll()
    assert await house.jobs.cancelled(row.id)
    await house.jobs.set_progress_message(row.id, THREAD, 88)
    [owed] = await house.outbox.due(house.clock.now)
    assert owed.channel_id == THREAD
    assert (await house.row(row.id)).progress_message_id == 88


@pytest.mark.parametrize("how", ["failed", "cancelled while running", "cancelled while waiting"])
async def test_an_enrolment_that_comes_to_nothing_keeps_nothing(house: House, how: str) -> None:
    row = await house.enroll()
    if how == "cancelled while waiting":
        assert await house.jobs.cancelled(row.id)
    else:
        failed = (TooFewPhotos if how == "failed" else Cancelled)().as_failed()
        claim = await house.claim(row.id)
        assert not await house.jobs.cancelled(row.id), "it is running"
        assert await house.jobs.settle(claim, failed)
    assert await house.pets.of_guild(GUILD) == []
    assert await house.db.all("SELECT * FROM photos") == []
    assert not house.files.job_folder(row.id).exists()
    [owed] = await house.outbox.due(house.clock.now)
    assert (owed.kind, owed.letter.pet_id, owed.letter.pet_name) == (how.split()[0], None, "Mochi")
    assert (await house.row(row.id)).state == how.split()[0]
    await house.outbox.sent(owed.id, CHANNEL, 99, ())
    await house.db.checkpoint()
    assert traces(house.root, MARKER) == []
    await house.enroll("Mochi")  # the name is free again


async def test_a_stale_claim_changes_nothing(house: House) -> None:
    row = await house.enroll()
    stale = await house.claim(row.id)
    await house.jobs.recover()
    fresh = await house.claim(row.id)
    before = await house.row(row.id)
    assert not await house.jobs.settle(stale, enrolled(house.files.job_folder(row.id)))
    await house.jobs.progressed(stale, Progress(phase="learning", checkpoint=50))
    await house.jobs.paused(stale)
    assert not await house.jobs.crashed(stale, WorkerDied().as_failed())
    assert await house.row(row.id) == before
    assert await house.outbox.due(house.clock.now) == []
    assert await house.jobs.settle(fresh, enrolled(house.files.job_folder(row.id)))


async def test_attempts_are_charged_and_refunded_once(house: House) -> None:
    row = await house.enroll()

    async def attempts() -> int:
        return (await house.row(row.id)).attempts

    claim = await house.claim(row.id)
    assert await attempts() == 1
    await house.jobs.progressed(claim, Progress(phase="learning", step=1))
    assert await attempts() == 1
    await house.jobs.progressed(claim, Progress(phase="learning", checkpoint=40))
    await house.jobs.progressed(claim, Progress(phase="learning", checkpoint=80))
    assert await attempts() == 0
    await house.jobs.paused(claim)
    assert await attempts() == 0
    assert await house.jobs.crashed(await house.claim(row.id), WorkerDied().as_failed())
    again = await house.claim(row.id)
    await house.jobs.progressed(again, Progress(phase="learning", checkpoint=80))  # no further than before
    assert await attempts() == 2
    await house.jobs.paused(again)
    assert await attempts() == 1
    assert (await house.row(row.id)).checkpoint == 80


@pytest.mark.parametrize(("how", "times"), [("the child dies", 3), ("the bot dies", 25)])
async def test_some_deaths_then_set_aside(house: House, how: str, times: int) -> None:
    row = await house.enroll()
    for attempt in range(1, times + 1):
        claim = await house.claim(row.id)
        if how == "the bot dies":
            await house.jobs.recover()
        else:
            assert await house.jobs.crashed(claim, WorkerDied().as_failed()) == (attempt < times)
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
    await house.jobs.paused(claim)
    house.clock.now += 1000
    claim = await house.claim(row.id)
    house.clock.now += 4
    await house.jobs.settle(claim, painted(claim))
    assert (await house.row(row.id)).seconds == 7
    assert await house.jobs.durations("paint") == 3.5, "for each of two pictures"
    [owed] = [one for one in await house.outbox.due(house.clock.now) if one.kind == "painted"]
    assert isinstance(owed.letter.outcome, Done)
    assert owed.letter.outcome.seconds == 3 + painted(claim).seconds, "what the person reads"


async def test_a_lease_says_how_long_a_killed_run_lasted(house: House) -> None:
    row = await house.enroll()
    claim = await house.claim(row.id)
    house.clock.now += 20
    await house.jobs.renewed(claim)
    house.clock.now += 1
    assert (await house.row(row.id)).seconds == 21, "so far"
    house.clock.now += 3600  # nobody was there
    await house.jobs.recover()
    assert (await house.row(row.id)).seconds == 20
    claim = await house.claim(row.id)
    house.clock.now += 5
    await house.jobs.progressed(claim, Progress(phase="learning", checkpoint=40))
    house.clock.now += 3600
    await house.jobs.recover()
    assert (await house.row(row.id)).seconds == 25


async def test_a_forgotten_pet_waits_no_more(house: House) -> None:
    pet = await house.ready()
    row, other = await house.paint(pet), await house.enroll("Other")
    assert [ticket.job_id for ticket in await house.jobs.waiting()] == [row.id, other.id]
    await house.pets.forget(pet.id)
    assert [ticket.job_id for ticket in await house.jobs.waiting()] == [other.id]


async def test_only_what_moved_is_read_again(house: House) -> None:
    rows = [await house.enroll(f"Dog {number}") for number in range(20)]
    before = await house.jobs.waiting()
    assert await house.jobs.waiting() is before, "nothing moved"
    claim = await house.claim(rows[3].id)
    after = await house.jobs.waiting()
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
        assert [ticket.job_id for ticket in await house.jobs.waiting()] == ["a" * 12]
        assert [(turn.kind, turn.at) for turn in await house.jobs.turns()] == [("enroll", 6.0)]
        assert [(await house.row(name * 12)).pictures for name in "ab"] == [3, 1]


async def test_a_full_line_takes_one_of_two_that_come_at_once(house: House) -> None:
    house.jobs = Jobs(house.db, house.files, house.clock, Room(each=9, total=2))
    await house.enroll("First")
    both = await asyncio.gather(house.enroll("A"), house.enroll("B"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in both) == ["JobRow", "LineFull"]
    with pytest.raises(LineFull):
        await house.jobs.check_room(GUILD, OWNER + 1)
    assert len(await house.pets.of_guild(GUILD)) == 2, "nothing is kept of the other"
    assert [row[0] for row in await house.db.all("SELECT count(*) FROM photos")] == [6]
    await house.jobs.cancelled((await house.jobs.active())[0].id)
    await house.enroll("C")


async def test_one_person_has_so_many_jobs_in_a_server(house: House) -> None:
    pet = await house.ready()
    house.jobs = Jobs(house.db, house.files, house.clock, Room(each=2, total=9))
    both = await asyncio.gather(*(house.paint(pet) for _ in range(3)), return_exceptions=True)
    assert [type(one).__name__ for one in both] == ["JobRow", "JobRow", "TooManyJobs"]
    assert isinstance(both[2], TooManyJobs) and both[2].count == 2
    await house.claim((await house.jobs.active())[0].id)
    with pytest.raises(TooManyJobs):  # the one that runs counts too
        await house.jobs.check_room(GUILD, OWNER)
    await house.jobs.check_room(GUILD, OWNER + 1)
    await house.jobs.check_room(GUILD + 1, OWNER)


async def test_a_restart_keeps_jobs_and_clears_what_nobody_owns(tmp_path: Path) -> None:
    house = await House.open(tmp_path)
    running, waiting = await house.enroll("A"), await house.enroll("B")
    await house.claim(running.id)
    orphan = house.files.keep(b"taken in, never accepted", house.files.photo_folder(new_job_id()), ".jpg")[0]
    await house.db.close()
    house = await House.open(tmp_path)
    await house.jobs.recover()
    assert {ticket.job_id for ticket in await house.jobs.waiting()} == {running.id, waiting.id}
    assert not orphan.exists()
    assert house.files.job_folder(waiting.id).exists()
    await house.db.close()


async def test_only_a_learnt_pet_is_painted(house: House) -> None:
    await house.enroll()
    [pet] = await house.pets.of_guild(GUILD)
    with pytest.raises(PetNotReady):
        await house.paint(pet)
