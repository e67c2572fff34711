"""Progress messages leave alone what refuses them; a portrait goes where somebody sees it: discord.py, a loopback."""

import asyncio

import pytest

from cogs.progress import messages as progress
from cogs.progress.eta import standings
from cogs.progress.messages import ProgressMessages
from gpu.types import Progress, Wish
from storage.jobs import JobRow
from tests.helpers.bot_env import BotEnv, named, photos
from tests.helpers.delivery_env import SEND, DeliveryEnv
from tests.loopback import Person, Thread, messages
from tests.loopback.permissions import Permission


async def ordered(env: DeliveryEnv, thread: Thread) -> JobRow:
    """A painting that waits, in this thread."""
    pet = await env.pet(thread)
    return await env.services.jobs.accept_paint(
        pet=pet, user_id=int(env.mina.id), channel_id=pet.channel_id, thread_id=pet.thread_id,
        wish=Wish(style="oil"), seeds=(1,), locale="en",
    )  # fmt: skip


def failing(env: DeliveryEnv) -> int:
    return len(env.budget._failed)


async def test_a_channel_that_refuses_is_left_alone_for_an_hour(env: DeliveryEnv):
    board, thread, other = ProgressMessages(env.bot, env.services), env.thread(), env.thread("other")
    jobs = [await ordered(env, thread) for _ in range(2)]
    env.net.archive(thread, locked=True)
    for job in jobs * 2:
        await board.open(job, int(thread.id))
    assert failing(env) == 1
    await board.open(await ordered(env, other), int(other.id))
    assert failing(env) == 1 and len(env.net.messages(other)) == 1
    board._shut = {place: until - progress.SHUT_S for place, until in board._shut.items()}
    env.net.archive(thread)
    await board.open(jobs[0], int(thread.id))
    assert len(env.net.messages(thread)) == 1


async def test_an_archived_thread_is_left_in_peace_until_something_is_sent(
    env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    board, thread = ProgressMessages(env.bot, env.services), env.thread()
    job = await ordered(env, thread)
    for step in range(3):
        await board.on_job_progress(job.id, Progress(phase="painting", step=step, steps=4))
        await board._show((await standings(env.services))[0])
        if step == 0:
            assert await env.journal.claim(job.id)
            env.net.archive(thread)
    assert thread.archived and failing(env) == 1
    await board.open(await ordered(env, thread), int(thread.id))
    assert not thread.archived and len(env.net.messages(thread)) == 2


async def test_what_passes_is_tried_at_the_next_step(env: DeliveryEnv):
    board, thread = ProgressMessages(env.bot, env.services), env.thread()
    job = await ordered(env, thread)
    env.net.fail("POST", "/channels/{channel_id}/messages", status=503)
    for _ in range(2):
        await board.open(job, int(thread.id))
    assert failing(env) == 1 and len(env.net.messages(thread)) == 1


async def test_a_slow_message_holds_back_no_other_job(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    board, thread, other = ProgressMessages(env.bot, env.services), env.thread(), env.thread("other")
    slow, quick = await ordered(env, thread), await ordered(env, other)
    late = env.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    opening = asyncio.create_task(board.open(slow, int(thread.id)))
    await env.heard(lambda: late.hits)
    await board.open(quick, int(other.id))
    assert env.net.messages(other) and not opening.done()
    monkeypatch.setattr(progress, "EDIT_S", 0.1)
    await opening
    env.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    again = await ordered(env, thread)
    async with asyncio.timeout(0.9):
        await board.open(again, int(thread.id))  # dropped: its next step will say more


async def test_a_progress_message_that_somebody_deleted_stays_away(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    board, thread = ProgressMessages(env.bot, env.services), env.thread()
    job = await ordered(env, thread)
    assert await env.journal.claim(job.id)
    for step in range(4):
        await board.on_job_progress(job.id, Progress(phase="painting", step=step, steps=4))
        [standing] = await standings(env.services)
        await board._show(standing)
        if step == 0:
            messages.delete(env.net.world, env.net.world.messages[env.net.messages(thread)[0]["id"]])
    assert failing(env) == 1 and not env.net.messages(thread)


async def test_nothing_is_kept_of_jobs_that_are_over(env: DeliveryEnv):
    board, thread = ProgressMessages(env.bot, env.services), env.thread()
    over, waiting = [await ordered(env, thread) for _ in range(2)]
    await env.bot.add_cog(board)
    for job in (over, waiting):
        await board.on_job_progress(job.id, Progress(phase="painting", step=1, steps=4))
    await env.heard(lambda: len(env.net.messages(thread)) == 2)
    assert over.pet_id
    await env.services.erasure.forget(over.pet_id)
    await env.heard(lambda: {*board._latest, *board._shown, *board._locks} == {waiting.id})


async def test_progress_of_a_pet_forgotten_meanwhile_goes_again(env: DeliveryEnv):
    board, thread = ProgressMessages(env.bot, env.services), env.thread()
    job = await ordered(env, thread)
    assert job.pet_id
    await board._put(job, int(thread.id), "Painting", None)
    [shown] = await env.services.jobs.active()
    assert shown.progress_message_id and env.net.messages(thread)
    await env.services.erasure.forget(job.pet_id)
    await env.postman.take_down()
    assert not env.net.messages(thread), "its answer will never take it down"
    await board._put(job, int(thread.id), "Painting", None)
    assert not env.net.messages(thread)


async def test_a_job_whose_answer_goes_nowhere_is_not_shown_as_running(env: DeliveryEnv):
    thread = env.thread()
    job = await env.owe(await env.pet(thread))
    await ProgressMessages(env.bot, env.services)._put(job, int(thread.id), "Painting", None)
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
