"""The rules of claims, attempts and fences, and what a job's end brings with it."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu.errors import Cancelled, TooFewPhotos, WorkerDied
from gpu.line import Journal
from gpu.types import JOB, Adapter, Cutout, Done, Enroll, Paint, Progress, Prompt, Wish
from storage.jobs import PetNotReady, new_job_id
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


@pytest.mark.parametrize("how", ["the child dies", "the bot dies"])
async def test_three_attempts_then_set_aside(house: House, how: str) -> None:
    row = await house.enroll()
    for attempt in (1, 2, 3):
        claim = await house.claim(row.id)
        if how == "the bot dies":
            await house.jobs.recover()
        else:
            assert await house.jobs.crashed(claim, WorkerDied().as_failed()) == (attempt < 3)
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
    assert (await house.row(row.id)).seconds == await house.jobs.durations("paint") == 7
    [owed] = [one for one in await house.outbox.due(house.clock.now) if one.kind == "painted"]
    assert isinstance(owed.letter.outcome, Done)
    assert owed.letter.outcome.seconds == 3 + painted(claim).seconds, "what the person reads"


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
