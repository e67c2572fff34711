"""One progress message for each thread, which leaves alone what refuses it."""

import asyncio
from pathlib import Path

import pytest
from PIL import Image

from cogs.progress import place
from gpu.outcomes import Progress
from storage.jobs import REPLACED_S, JobRow
from tests.helpers.delivery_env import ONE, SEND, DeliveryEnv
from tests.loopback import Thread, messages
from tests.loopback.permissions import Permission


async def ordered(env: DeliveryEnv, thread: Thread) -> JobRow:
    """A painting that waits, in this thread."""
    return await env.order(await env.pet(thread))


def failing(env: DeliveryEnv) -> int:
    return len(env.budget._failed)


async def grown_old(env: DeliveryEnv, job: JobRow) -> None:
    """Its message was sent more than an hour ago."""
    assert await env.journal.claim(job.id)
    await step(env, job, 1)
    env.pass_time(place.OLD_S)


async def step(env: DeliveryEnv, job: JobRow, number: int) -> None:
    """The job gets on, and its message is brought up to date as soon as it may be."""
    await env.progress.on_job_progress(job.id, Progress(phase="painting", step=number, steps=4))
    await env.update_progress()
    env.pass_time(place.EVERY_S)


async def test_a_channel_that_refuses_is_left_alone_for_an_hour(env: DeliveryEnv):
    thread, other = env.thread(), env.thread("other")
    await ordered(env, thread)
    env.net.archive(thread, locked=True)
    for _ in range(4):
        await env.progress.open(int(thread.id))
        env.pass_time(place.EVERY_S)
    assert failing(env) == 1
    await ordered(env, other)
    await env.progress.open(int(other.id))
    assert failing(env) == 1 and len(env.net.messages(other)) == 1
    env.net.archive(thread)
    await env.progress.open(int(thread.id))
    assert not env.net.messages(thread)
    env.pass_time(place.SHUT_S)
    await env.progress.open(int(thread.id))
    assert len(env.net.messages(thread)) == 1


async def test_an_archived_thread_is_left_in_peace_until_something_is_sent(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    for number in range(3):
        await step(env, job, number)
        if number == 0:
            assert await env.journal.claim(job.id)
            env.net.archive(thread)
    assert thread.archived and failing(env) == 1
    await ordered(env, thread)
    await env.progress.open(int(thread.id))
    assert not thread.archived and len(env.net.messages(thread)) == 2


async def test_after_an_hour_a_message_in_a_thread_that_was_archived_goes_on(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await step(env, job, 0)
    assert await env.journal.claim(job.id)
    env.net.archive(thread)
    await step(env, job, 1)
    await ordered(env, thread)
    await step(env, job, 1)
    assert "In line" in env.texts(thread)[0] and failing(env) == 1
    env.pass_time(place.SHUT_S)
    await step(env, job, 1)
    [text] = env.texts(thread)
    assert "step 1 of 4" in text and "1. painting" in text


async def test_what_passes_is_tried_again(env: DeliveryEnv):
    thread = env.thread()
    await ordered(env, thread)
    env.net.fail("POST", SEND, status=503)
    for _ in range(2):
        await env.update_progress()
        env.pass_time(place.EVERY_S)
    assert failing(env) == 1 and len(env.net.messages(thread)) == 1


async def test_what_goes_on_failing_is_tried_less_and_less_often(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    broken = env.net.fail("POST", SEND, status=503, times=1000)
    for number in range(60):
        await step(env, job, number)
    assert 5 <= broken.hits <= 8, "in five minutes"


async def test_a_message_is_edited_every_few_seconds_at_the_most(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.update_progress()
    assert await env.journal.claim(job.id)
    await env.update_progress()
    assert "In line" in env.texts(thread)[0]
    env.pass_time(place.EVERY_S)
    await env.update_progress()
    assert "In line" not in env.texts(thread)[0]


async def test_places_do_not_wait_for_each_other(env: DeliveryEnv):
    slow, quick = env.thread("slow"), env.thread("quick")
    jobs = [await ordered(env, thread) for thread in (slow, quick)]
    await env.progress.open(int(slow.id))
    env.pass_time(place.EVERY_S)
    for job in jobs:
        assert await env.journal.claim(job.id)
    late = env.net.fail("PATCH", ONE, status=200, slow=60.0, after=True)
    await env.bot.add_cog(env.progress)
    await env.heard(lambda: late.hits and env.texts(quick))
    before = env.texts(slow)
    for number in range(3):
        for job in jobs:
            await env.progress.on_job_progress(job.id, Progress(phase="painting", step=number, steps=4))
        env.pass_time(place.EVERY_S)
        await env.heard(lambda shown=f"step {number} of 4": shown in env.texts(quick)[0])
    assert env.texts(slow) == before


async def test_a_slow_edit_is_given_up(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    thread = env.thread()
    job = await ordered(env, thread)
    monkeypatch.setattr(place, "EDIT_S", 0.1)
    env.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    async with asyncio.timeout(0.9):
        await env.update_progress()  # dropped: its next step will say more
    env.pass_time(place.EVERY_S)
    await step(env, job, 1)
    assert len(env.net.messages(thread)) == 1, "the nonce tells Discord that it is the same message"


async def test_forty_jobs_in_a_thread_share_a_message(env: DeliveryEnv):
    thread = env.thread()
    pet = await env.pet(thread)
    jobs = [await env.order(pet) for _ in range(40)]
    await env.update_progress()
    [text] = env.texts(thread)
    assert text.startswith("🎨 Painting") and "2. painting" in text and "… and 29 more." in text
    for job in jobs:
        await env.settle(job, pictures=0)
        await env.rounds(5.0)
        await env.update_progress()
        assert len([said for said in env.texts(thread) if "Painting" in said]) == (job is not jobs[-1])
    assert failing(env) == 0


async def test_a_message_that_is_an_hour_old_is_replaced_once(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await grown_old(env, job)
    [old] = env.net.messages(thread)
    refused = env.net.fail("PATCH", ONE, status=429, code=30046, times=100)
    await step(env, job, 2)
    [fresh] = env.net.messages(thread)
    assert fresh["id"] != old["id"] and not refused.hits
    refused.times = 0
    await step(env, job, 3)
    assert [one["id"] for one in env.net.messages(thread)] == [fresh["id"]]


async def test_a_replaced_message_that_does_not_go_at_once_goes_later(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await grown_old(env, job)
    [old] = env.net.messages(thread)
    refused = env.net.fail("DELETE", ONE, status=403, code=50013, times=1)
    await step(env, job, 2)
    assert refused.hits == 1 and old["id"] in {one["id"] for one in env.net.messages(thread)}
    env.pass_time(REPLACED_S)
    await env.take_down()
    [fresh] = env.net.messages(thread)
    assert fresh["id"] != old["id"]
    await step(env, job, 3)
    env.pass_time(REPLACED_S)
    await env.take_down()
    assert [one["id"] for one in env.net.messages(thread)] == [fresh["id"]]


async def test_a_message_of_an_earlier_process_has_its_age(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await grown_old(env, job)
    [old] = env.net.messages(thread)
    env.restart()
    await step(env, job, 2)
    assert [one["id"] for one in env.net.messages(thread)] != [old["id"]]


async def test_a_message_that_may_be_edited_no_more_is_replaced_once_an_hour(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    assert await env.journal.claim(job.id)
    refused = env.net.fail("PATCH", ONE, status=429, code=30046, times=1000)
    for number in range(100):
        await step(env, job, number)
    assert refused.hits == 2 and "step 1 of 4" in env.texts(thread)[0]
    env.pass_time(place.SHUT_S)
    for number in range(100):
        await step(env, job, number)
    assert refused.hits == 3 and len(env.net.messages(thread)) == 1


async def test_a_progress_message_that_somebody_deleted_stays_away(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    assert await env.journal.claim(job.id)
    for number in range(4):
        await step(env, job, number)
        if number == 0:
            messages.delete(env.net.world, env.net.world.messages[env.net.messages(thread)[0]["id"]])
    env.pass_time(2 * place.SHUT_S)
    await step(env, job, 4)
    assert failing(env) == 1 and not env.net.messages(thread)
    await ordered(env, thread)
    await step(env, job, 5)
    assert len(env.net.messages(thread)) == 1, "of the other job"


async def test_nothing_is_kept_of_jobs_that_are_over(env: DeliveryEnv):
    thread = env.thread()
    over, waiting = [await ordered(env, thread) for _ in range(2)]
    await env.bot.add_cog(env.progress)
    for job in (over, waiting):
        await env.progress.on_job_progress(job.id, Progress(phase="painting", step=1, steps=4))
    await env.heard(lambda: len(env.net.messages(thread)) == 1)
    assert over.pet_id
    await env.services.erasure.forget(over.pet_id)
    await env.heard(lambda: {*env.progress._latest, *env.progress._hidden} == {waiting.id})


async def test_progress_of_a_pet_forgotten_meanwhile_goes_again(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    assert job.pet_id
    await env.progress.open(int(thread.id))
    assert env.net.messages(thread)
    await env.services.erasure.forget(job.pet_id)
    await env.take_down()
    assert not env.net.messages(thread), "its answer will never take it down"
    later = await ordered(env, thread)
    env.pass_time(place.EVERY_S)
    late = env.net.fail("POST", SEND, status=200, slow=0.5, after=True)
    opening = asyncio.create_task(env.progress.open(int(thread.id)))
    await env.heard(lambda: late.hits)
    assert later.pet_id
    await env.services.erasure.forget(later.pet_id)
    assert env.net.messages(thread), "it is on its way"
    await opening
    assert not env.net.messages(thread)


async def test_with_one_pet_forgotten_the_others_are_shown_anew(env: DeliveryEnv):
    thread = env.thread()
    gone, staying = [await ordered(env, thread) for _ in range(2)]
    await step(env, staying, 1)
    [shared] = env.net.messages(thread)
    assert gone.pet_id and gone.pet_name in shared["content"]
    await env.services.erasure.forget(gone.pet_id)
    await env.take_down()
    await step(env, staying, 2)
    [fresh] = env.net.messages(thread)
    assert fresh["id"] != shared["id"] and gone.pet_name not in fresh["content"]


async def test_messages_of_an_older_version_become_one(env: DeliveryEnv):
    thread = env.thread()
    jobs = [await ordered(env, thread) for _ in range(2)]
    channel = env.bot.get_partial_messageable(int(thread.id))
    for job in jobs:
        await env.services.jobs.set_progress_message([job.id], (await channel.send("Painting")).id)
    await step(env, jobs[0], 1)
    [text] = env.texts(thread)
    assert jobs[1].pet_name in text


async def test_a_first_message_that_is_late_goes_all_the_same(env: DeliveryEnv):
    thread = env.thread()
    pet, before = await env.posted(thread)  # so it is known that several requests may be made there
    job = await env.order(pet)
    late = env.net.fail("POST", SEND, status=200, slow=0.5, after=True)
    opening = asyncio.create_task(env.progress.open(int(thread.id)))
    await env.heard(lambda: late.hits)
    await env.settle(job)
    await env.delivery.deliver()
    await opening
    assert [bool(one["attachments"]) for one in env.net.messages(thread)] == [True, True], before


async def test_a_job_whose_answer_goes_nowhere_is_not_shown_as_running(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.progress.open(int(thread.id))
    assert env.net.messages(thread)
    await env.settle(job)
    env.net.deny(Permission.ATTACH_FILES)
    env.mina.user.closed = True
    await env.rounds(5.0)
    assert await env.closed(job) and not env.net.messages(thread)


async def test_a_preview_hangs_in_the_message_until_the_next_one(env: DeliveryEnv, tmp_path: Path):
    thread = env.thread()
    job = await ordered(env, thread)
    assert await env.journal.claim(job.id)
    for number in (115, 230):
        picture = tmp_path / f"{number}.png"
        Image.new("RGB", (8, 8)).save(picture)
        for beyond in (0, 1):
            progress = Progress(phase="learning", step=number + beyond, steps=460, picture=picture)
            await env.progress.on_job_progress(job.id, progress)
            await env.update_progress()
            env.pass_time(place.EVERY_S)
            [message] = env.net.messages(thread)
            assert [file["filename"] for file in message["attachments"]] == [f"{job.id}-{number}.png"]
