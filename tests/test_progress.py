"""The Board leaves alone what refuses it, and a portrait goes where somebody sees it: real discord.py, a loopback."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cogs.progress import messages as progress
from cogs.progress.eta import standings
from cogs.progress.messages import Board
from gpu.types import Progress, Wish
from storage.jobs import JobRow
from tests.living import Living, living, named, photos
from tests.loopback import Person, Thread, messages
from tests.loopback.permissions import Permission
from tests.office import SEND, Office, office


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as opened:
        yield opened


async def ordered(post: Office, thread: Thread) -> JobRow:
    """A painting that waits, in this thread."""
    pet = await post.pet(thread)
    return await post.house.jobs.accept_paint(
        pet=pet, user_id=int(post.mina.id), channel_id=pet.channel_id, thread_id=pet.thread_id,
        wish=Wish(style="oil"), seeds=(1,), locale="en",
    )  # fmt: skip


def failing(post: Office) -> int:
    return len(post.budget._failed)


async def test_a_channel_that_refuses_is_left_alone_for_an_hour(post: Office):
    board, thread, other = Board(post.bot, post.house), post.thread(), post.thread("other")
    jobs = [await ordered(post, thread) for _ in range(2)]
    post.net.archive(thread, locked=True)
    for job in jobs * 2:
        await board.open(job, int(thread.id))
    assert failing(post) == 1
    await board.open(await ordered(post, other), int(other.id))
    assert failing(post) == 1 and len(post.net.messages(other)) == 1
    board._shut = {place: until - progress.SHUT_S for place, until in board._shut.items()}
    post.net.archive(thread)
    await board.open(jobs[0], int(thread.id))
    assert len(post.net.messages(thread)) == 1


async def test_an_archived_thread_is_left_in_peace_until_something_is_sent(
    post: Office, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    board, thread = Board(post.bot, post.house), post.thread()
    job = await ordered(post, thread)
    for step in range(3):
        await board.on_job_progress(job.id, Progress(phase="painting", step=step, steps=4))
        await board._show((await standings(post.house))[0])
        if step == 0:
            assert await post.journal.claim(job.id)
            post.net.archive(thread)
    assert thread.archived and failing(post) == 1
    await board.open(await ordered(post, thread), int(thread.id))
    assert not thread.archived and len(post.net.messages(thread)) == 2


async def test_what_passes_is_tried_at_the_next_step(post: Office):
    board, thread = Board(post.bot, post.house), post.thread()
    job = await ordered(post, thread)
    post.net.fail("POST", "/channels/{channel_id}/messages", status=503)
    for _ in range(2):
        await board.open(job, int(thread.id))
    assert failing(post) == 1 and len(post.net.messages(thread)) == 1


async def test_a_slow_message_holds_back_no_other_job(post: Office, monkeypatch: pytest.MonkeyPatch):
    board, thread, other = Board(post.bot, post.house), post.thread(), post.thread("other")
    slow, quick = await ordered(post, thread), await ordered(post, other)
    late = post.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    opening = asyncio.create_task(board.open(slow, int(thread.id)))
    await post.heard(lambda: late.hits)
    await board.open(quick, int(other.id))
    assert post.net.messages(other) and not opening.done()
    monkeypatch.setattr(progress, "EDIT_S", 0.1)
    await opening
    post.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    again = await ordered(post, thread)
    async with asyncio.timeout(0.9):
        await board.open(again, int(thread.id))  # dropped: its next step will say more


async def test_a_progress_message_that_somebody_deleted_stays_away(post: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    board, thread = Board(post.bot, post.house), post.thread()
    job = await ordered(post, thread)
    assert await post.journal.claim(job.id)
    for step in range(4):
        await board.on_job_progress(job.id, Progress(phase="painting", step=step, steps=4))
        [standing] = await standings(post.house)
        await board._show(standing)
        if step == 0:
            messages.delete(post.net.world, post.net.world.messages[post.net.messages(thread)[0]["id"]])
    assert failing(post) == 1 and not post.net.messages(thread)


async def test_nothing_is_kept_of_jobs_that_are_over(post: Office):
    board, thread = Board(post.bot, post.house), post.thread()
    over, waiting = [await ordered(post, thread) for _ in range(2)]
    await post.bot.add_cog(board)
    for job in (over, waiting):
        await board.on_job_progress(job.id, Progress(phase="painting", step=1, steps=4))
    await post.heard(lambda: len(post.net.messages(thread)) == 2)
    assert over.pet_id
    await post.house.erasure.forget(over.pet_id)
    await post.heard(lambda: {*board._latest, *board._shown, *board._locks} == {waiting.id})


async def test_progress_of_a_pet_forgotten_meanwhile_goes_again(post: Office):
    board, thread = Board(post.bot, post.house), post.thread()
    job = await ordered(post, thread)
    assert job.pet_id
    await board._put(job, int(thread.id), "Painting", None)
    [shown] = await post.house.jobs.active()
    assert shown.progress_message_id and post.net.messages(thread)
    await post.house.erasure.forget(job.pet_id)
    await post.postman.catch()
    assert not post.net.messages(thread), "its answer will never take it down"
    await board._put(job, int(thread.id), "Painting", None)
    assert not post.net.messages(thread)


async def test_a_job_whose_answer_goes_nowhere_is_not_shown_as_running(post: Office):
    thread = post.thread()
    job = await post.owe(await post.pet(thread))
    await Board(post.bot, post.house)._put(job, int(thread.id), "Painting", None)
    post.net.deny(Permission.ATTACH_FILES)
    post.mina.user.closed = True
    await post.rounds(5.0)
    assert await post.closed(job) and not post.net.messages(thread)


# ---- where a portrait goes ------------------------------------------------------------------------------------------


@pytest.fixture
async def alive(tmp_path: Path) -> AsyncIterator[Living]:
    async with living(tmp_path) as bot:
        yield bot


async def test_an_enrolment_that_ends_in_an_archived_thread_shows_its_sheet(alive: Living):
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


async def enrolled(alive: Living, mina: Person) -> Thread:
    await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None), 25)
    await alive.message(thread, "I know")
    return thread


@pytest.mark.parametrize("what", ["thread", "thread, while away", "channel"])
async def test_with_its_home_deleted_a_pet_is_painted_where_it_was_asked_for(alive: Living, what: str):
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


async def test_where_it_was_asked_for_nobody_may_write(alive: Living):
    mina, here = alive.discord.person("Mina"), alive.discord.new_channel("elsewhere")
    thread = await enrolled(alive, mina)
    alive.discord.delete(thread)
    alive.discord.deny(Permission.SEND_MESSAGES, here)
    await mina.slash("/portrait", here, style="oil", pet="Rex")
    assert (await alive.message(alive.discord.channel, "could not write"))["attachments"]
