"""How jobs are accepted, and what their ends bring with them."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu.errors import Cancelled, TooFewPhotos
from gpu.jobs import JOB, Enroll, Paint
from gpu.pets import Adapter, Cutout
from gpu.portraits import Prompt, Wish
from storage.jobs import Jobs, LineFull, PetNotReady, QueueLimits, TooManyJobs
from storage.outbox import Part
from storage.pets import NameTaken, TooManyPets
from tests.helpers.storage_env import CHANNEL, GUILD, MARKER, OWNER, THREAD, StorageEnv, enrolled, painted, traces


async def test_a_job_comes_back_as_it_went_in(env: StorageEnv) -> None:
    row = await env.enroll()
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Enroll)
    assert (claim.job.job_id, claim.job.seed, claim.job.wish) == (row.id, 7, Wish(style="ukiyo-e", text=MARKER))
    assert claim.job.folder == env.files.job_folder(row.id)
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


async def test_a_settled_enrolment(env: StorageEnv) -> None:
    row = await env.enroll()
    env.clock.now += 5
    claim = await env.claim(row.id)
    env.clock.now += 60
    outcome = enrolled(env.files.job_folder(row.id))
    assert await env.journal.settle(claim, outcome)
    pet = await env.pet("Mochi")
    assert pet is not None
    assert (pet.state, pet.adapter, pet.cutouts) == ("ready", outcome.result.adapter, outcome.result.cutouts)
    assert await env.jobs.durations("enroll") == 60
    [owed] = await env.owed()
    assert (owed.kind, owed.channel_id, owed.tries) == ("enrolled", CHANNEL, 0)
    assert len(owed.nonce) <= 25
    [hung] = await env.portraits.of_job(row.id)
    assert owed.answer.portraits == (hung.id,)
    assert owed.answer.outcome == outcome
    assert owed.answer.photos[0][1].startswith(MARKER)
    assert (hung.portrait, hung.wish, hung.posted) == (
        outcome.result.portraits[0],
        Wish(style="ukiyo-e", text=MARKER),
        None,
    )
    assert not await env.journal.settle(claim, outcome), "settled twice"
    assert [(one.part, one.answer.portraits) for one in await env.outbox.due(env.clock.now)] == [
        (Part.SHEET, ()),
        (Part.ANSWER, (hung.id,)),
    ]


async def test_painting_and_its_delivery(env: StorageEnv) -> None:
    pet = await env.ready()
    row = await env.paint(pet)
    claim = await env.claim(row.id)
    assert await env.journal.settle(claim, painted(claim))
    [_, owed] = await env.owed()
    assert (owed.kind, owed.channel_id, owed.answer.reply_to) == ("painted", THREAD, 55)
    await env.outbox.mark_tried(owed.id, owed.channel_id, 2000)
    await env.outbox.mark_tried(owed.id, owed.channel_id, 2001)
    await env.outbox.retry(owed.id, 2010)
    assert [delivery.id for delivery in await env.outbox.due(2009)] != [owed.id]
    again = (await env.outbox.due(2010))[-1]
    assert (again.nonce, again.tries, again.first_tried) == (owed.nonce, 2, 2000)
    assert await env.outbox.mark_sent(owed.id, THREAD, 99, owed.answer.portraits)
    shown = await env.portraits.by_message(99)
    assert [portrait.portrait.seed for portrait in shown] == [0, 1]
    await env.portraits.delete([shown[0].id])
    assert [portrait.id for portrait in await env.portraits.by_message(99)] == [shown[1].id]
    assert not shown[0].portrait.path.exists()
    assert shown[1].portrait.path.exists()


async def test_a_closed_delivery_is_not_due(env: StorageEnv) -> None:
    row = await env.enroll()
    assert await env.journal.cancel_waiting(row.id)
    [owed] = await env.owed()
    await env.outbox.close(owed.id, "channel is gone")
    assert await env.owed() == []


async def test_the_thread_that_came_late(env: StorageEnv) -> None:
    row = await env.enroll()
    assert await env.journal.settle(await env.claim(row.id), enrolled(env.files.job_folder(row.id)))
    [pet] = await env.pets.of_guild(GUILD)
    await env.pets.set_thread(pet.id, THREAD)
    await env.jobs.set_progress_message([row.id], 88)
    assert {owed.channel_id for owed in await env.outbox.due(env.clock.now)} == {THREAD}
    after = await env.row(row.id)
    assert (after.thread_id, after.progress_message_id) == (THREAD, 88)
    await env.jobs.clear_progress_message(88)
    assert (await env.row(row.id)).progress_message_id is None


@pytest.mark.parametrize("how", ["failed", "cancelled while running", "cancelled while waiting"])
async def test_an_enrolment_that_comes_to_nothing_keeps_nothing(env: StorageEnv, how: str) -> None:
    row = await env.enroll()
    if how == "cancelled while waiting":
        assert await env.journal.cancel_waiting(row.id)
    else:
        failed = (TooFewPhotos if how == "failed" else Cancelled)().as_failed()
        claim = await env.claim(row.id)
        assert not await env.journal.cancel_waiting(row.id), "it is running"
        assert await env.journal.settle(claim, failed)
    assert await env.pets.of_guild(GUILD) == []
    assert await env.db.all("SELECT * FROM photos") == []
    assert not env.files.job_folder(row.id).exists()
    [owed] = await env.owed()
    assert (owed.kind, owed.answer.pet_name) == (how.split()[0], "Mochi")
    assert (await env.row(row.id)).state == how.split()[0]
    await env.outbox.mark_sent(owed.id, CHANNEL, 99, ())
    await env.db.checkpoint()
    assert traces(env.root, MARKER) == []
    await env.enroll("Mochi")  # the name is free again


async def test_a_full_line_takes_one_of_two_that_come_at_once(env: StorageEnv) -> None:
    env.jobs = Jobs(env.db, env.files, env.clock, QueueLimits(each=9, total=2))
    await env.enroll("First")
    both = await asyncio.gather(env.enroll("A"), env.enroll("B"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in both) == ["JobRow", "LineFull"]
    with pytest.raises(LineFull):
        await env.jobs.check_limits(GUILD, OWNER + 1)
    assert len(await env.pets.of_guild(GUILD)) == 2, "nothing is kept of the other"
    assert [row[0] for row in await env.db.all("SELECT count(*) FROM photos")] == [6]
    await env.journal.cancel_waiting((await env.jobs.active())[0].id)
    await env.enroll("C")


async def test_one_person_has_so_many_jobs_in_a_server(env: StorageEnv) -> None:
    pet = await env.ready()
    env.jobs = Jobs(env.db, env.files, env.clock, QueueLimits(each=2, total=9))
    both = await asyncio.gather(*(env.paint(pet) for _ in range(3)), return_exceptions=True)
    assert [type(one).__name__ for one in both] == ["JobRow", "JobRow", "TooManyJobs"]
    assert isinstance(both[2], TooManyJobs) and both[2].count == 2
    await env.claim((await env.jobs.active())[0].id)
    with pytest.raises(TooManyJobs):  # the one that runs counts too
        await env.jobs.check_limits(GUILD, OWNER)
    await env.jobs.check_limits(GUILD, OWNER + 1)
    await env.jobs.check_limits(GUILD + 1, OWNER)


async def test_one_person_has_so_many_pets_in_a_server(env: StorageEnv) -> None:
    both = await asyncio.gather(*(env.enroll(name, pets_each=1) for name in "AB"), return_exceptions=True)
    assert [type(one).__name__ for one in both] == ["JobRow", "TooManyPets"]
    assert isinstance(both[1], TooManyPets) and both[1].count == 1
    assert len(await env.pets.of_guild(GUILD)) == 1


async def test_only_a_learnt_pet_is_painted(env: StorageEnv) -> None:
    await env.enroll()
    [pet] = await env.pets.of_guild(GUILD)
    with pytest.raises(PetNotReady):
        await env.paint(pet)


async def test_a_command_that_discord_sends_twice_brings_back_one_dog(env: StorageEnv) -> None:
    """And an import says nothing of how long a dog is learnt."""
    asked = {"name": "Rex", "guild_id": GUILD, "user_id": OWNER, "channel_id": CHANNEL, "locale": "en", "look": False}
    imports = [
        Enroll(job_id=one, folder=env.files.job_folder(one), photos=(), wish=Wish(style="oil"), imported=True)
        for one in ("a" * 12, "b" * 12, "c" * 12)
    ]
    first, second = [await env.jobs.accept_enroll(job, interaction_id=77, **asked) for job in imports[:2]]
    assert first.id == second.id and len(await env.pets.of_guild(GUILD)) == 1
    with pytest.raises(NameTaken):
        await env.jobs.accept_enroll(imports[2], interaction_id=78, **asked)
    claim = await env.claim(first.id)
    assert isinstance(claim.job, Enroll) and claim.job.imported
    assert await env.journal.settle(claim, enrolled(claim.job.folder))
    assert (first.kind, first.work) == ("enroll", "import")
    assert await env.jobs.durations("enroll") is None and await env.jobs.durations("import") is not None
