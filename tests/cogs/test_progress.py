"""Progress messages leave alone what refuses them; a portrait goes where somebody sees it: discord.py, a loopback."""

import asyncio

import pytest

from cogs.progress import messages as progress
from gpu.types import Progress
from storage.jobs import JobRow
from tests.helpers.bot_env import BotEnv, named, photos
from tests.helpers.delivery_env import SEND, DeliveryEnv
from tests.loopback import Person, Thread, messages
from tests.loopback.permissions import Permission


async def ordered(env: DeliveryEnv, thread: Thread) -> JobRow:
    """A painting that waits, in this thread."""
    return await env.order(await env.pet(thread))


def failing(env: DeliveryEnv) -> int:
    return len(env.budget._failed)


async def step(env: DeliveryEnv, job: JobRow, number: int) -> None:
    """The job gets on, and its message is brought up to date as soon as it may be."""
    await env.progress.on_job_progress(job.id, Progress(phase="painting", step=number, steps=4))
    await env.progress.update()
    env.pass_time(progress.EVERY_S)


async def test_a_channel_that_refuses_is_left_alone_for_an_hour(env: DeliveryEnv):
    thread, other = env.thread(), env.thread("other")
    jobs = [await ordered(env, thread) for _ in range(2)]
    env.net.archive(thread, locked=True)
    for job in jobs * 2:
        await env.progress.open(job, int(thread.id))
    assert failing(env) == 1
    await env.progress.open(await ordered(env, other), int(other.id))
    assert failing(env) == 1 and len(env.net.messages(other)) == 1
    env.net.archive(thread)
    await env.progress.open(jobs[0], int(thread.id))
    assert not env.net.messages(thread)
    env.pass_time(progress.SHUT_S)
    await env.progress.open(jobs[0], int(thread.id))
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
    await env.progress.open(await ordered(env, thread), int(thread.id))
    assert not thread.archived and len(env.net.messages(thread)) == 2


async def test_after_an_hour_a_message_in_a_thread_that_was_archived_goes_on(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.progress.open(job, int(thread.id))
    assert await env.journal.claim(job.id)
    env.net.archive(thread)
    await step(env, job, 1)
    await env.progress.open(await ordered(env, thread), int(thread.id))
    await step(env, job, 1)
    assert "In line" in env.texts(thread)[0] and failing(env) == 1
    env.pass_time(progress.SHUT_S)
    await step(env, job, 1)
    assert "step 1 of 4" in env.texts(thread)[0]


async def test_what_passes_is_tried_at_the_next_step(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    env.net.fail("POST", "/channels/{channel_id}/messages", status=503)
    for _ in range(2):
        await env.progress.open(job, int(thread.id))
    assert failing(env) == 1 and len(env.net.messages(thread)) == 1


async def test_a_message_is_edited_every_few_seconds_at_the_most(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.progress.update()
    assert await env.journal.claim(job.id)
    await env.progress.update()
    assert "In line" in env.texts(thread)[0]
    env.pass_time(progress.EVERY_S)
    await env.progress.update()
    assert "In line" not in env.texts(thread)[0]


async def test_a_slow_message_holds_back_no_other_job(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    thread, other = env.thread(), env.thread("other")
    slow, quick = await ordered(env, thread), await ordered(env, other)
    late = env.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    opening = asyncio.create_task(env.progress.open(slow, int(thread.id)))
    await env.heard(lambda: late.hits)
    await env.progress.open(quick, int(other.id))
    assert env.net.messages(other) and not opening.done()
    monkeypatch.setattr(progress, "EDIT_S", 0.1)
    await opening
    env.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    again = await ordered(env, thread)
    async with asyncio.timeout(0.9):
        await env.progress.open(again, int(thread.id))  # dropped: its next step will say more


async def test_a_progress_message_that_somebody_deleted_stays_away(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    assert await env.journal.claim(job.id)
    for number in range(4):
        await step(env, job, number)
        if number == 0:
            messages.delete(env.net.world, env.net.world.messages[env.net.messages(thread)[0]["id"]])
    env.pass_time(2 * progress.SHUT_S)
    await step(env, job, 4)
    assert failing(env) == 1 and not env.net.messages(thread)


async def test_nothing_is_kept_of_jobs_that_are_over(env: DeliveryEnv):
    thread = env.thread()
    over, waiting = [await ordered(env, thread) for _ in range(2)]
    await env.bot.add_cog(env.progress)
    for job in (over, waiting):
        await env.progress.on_job_progress(job.id, Progress(phase="painting", step=1, steps=4))
    await env.heard(lambda: len(env.net.messages(thread)) == 2)
    assert over.pet_id
    await env.services.erasure.forget(over.pet_id)
    await env.heard(lambda: env.progress.remembered() == {waiting.id})


async def test_progress_of_a_pet_forgotten_meanwhile_goes_again(env: DeliveryEnv):
    thread = env.thread()
    job, later = [await ordered(env, thread) for _ in range(2)]
    assert job.pet_id and later.pet_id
    await env.progress.open(job, int(thread.id))
    assert env.net.messages(thread)
    await env.services.erasure.forget(job.pet_id)
    await env.delivery.take_down()
    assert not env.net.messages(thread), "its answer will never take it down"
    late = env.net.fail("POST", SEND, status=200, slow=0.5, after=True)
    opening = asyncio.create_task(env.progress.open(later, int(thread.id)))
    await env.heard(lambda: late.hits)
    await env.services.erasure.forget(later.pet_id)
    assert env.net.messages(thread), "it is on its way"
    await opening
    assert not env.net.messages(thread)


async def test_a_job_whose_answer_goes_nowhere_is_not_shown_as_running(env: DeliveryEnv):
    thread = env.thread()
    job = await ordered(env, thread)
    await env.progress.open(job, int(thread.id))
    assert env.net.messages(thread)
    await env.settle(job)
    env.net.deny(Permission.ATTACH_FILES)
    env.mina.user.closed = True
    await env.rounds(5.0)
    assert await env.closed(job) and not env.net.messages(thread)


# ---- where a portrait goes ------------------------------------------------------------------------------------------


async def test_an_enrolment_that_ends_in_an_archived_thread_shows_its_sheet(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.open.clear()
    await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None), 25)
    [shown] = await alive.discord.until(lambda: alive.discord.messages(thread), 25)
    alive.discord.archive(thread)
    alive.studio.open.set()
    await alive.message(thread, "I know")
    await alive.message(thread, "Learnt")
    [ended, _] = alive.discord.messages(thread)
    assert ended["id"] == shown["id"] and ended["attachments"][0]["filename"].endswith("-sheet.png")


async def enrolled(alive: BotEnv, mina: Person) -> Thread:
    await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None), 25)
    await alive.message(thread, "I know")
    return thread


@pytest.mark.parametrize("what", ["thread", "thread, while away", "channel"])
async def test_with_its_home_deleted_a_pet_is_painted_where_it_was_asked_for(alive: BotEnv, what: str):
    mina, here = alive.discord.person("Mina"), alive.discord.new_channel("elsewhere")
    thread = await enrolled(alive, mina)
    if what == "thread, while away":
        await alive.stop()
    alive.discord.delete(alive.discord.channel if what == "channel" else thread)
    if what == "thread, while away":
        await alive.start()
    asked = await mina.slash("/portrait", here, style="oil", pet="Rex")
    assert f"<#{here.id}>" in (await asked.message(25))["content"]
    await alive.discord.until(lambda: any(one["attachments"] for one in alive.discord.messages(here)), 25)


async def test_where_it_was_asked_for_nobody_may_write(alive: BotEnv):
    mina, here = alive.discord.person("Mina"), alive.discord.new_channel("elsewhere")
    thread = await enrolled(alive, mina)
    alive.discord.delete(thread)
    alive.discord.deny(Permission.SEND_MESSAGES, here)
    await mina.slash("/portrait", here, style="oil", pet="Rex")
    assert (await alive.message(alive.discord.channel, "could not write"))["attachments"]
