"""Messages of forgotten pets come down: the real counter and catcher, discord.py, a loopback Discord."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cogs.api.budget import PER_S, Budget
from cogs.api.transport import DiscordCounter
from cogs.delivery.takedown import SETTLED_S, SHUT_S, WEEK_S
from storage.pets import Pet
from tests.counter_contract import post as letter
from tests.loopback import Thread
from tests.loopback.permissions import EVERYONE, Permission
from tests.office import SEND, Office, office

ONE = f"{SEND}/{{message_id}}"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as opened:
        yield opened


async def unheard(post: Office) -> tuple[Pet, Thread]:
    """A dog with an answer that hangs in its thread, and of which the bot does not know."""
    thread = post.thread()
    pet = await post.pet(thread)
    await post.owe(pet)
    post.net.fail("POST", SEND, after=True)
    await post.postman.deliver()
    assert post.seen() and await post.open_rows()
    return pet, thread


async def strays(post: Office) -> int:
    return len(await post.db.all("SELECT 1 FROM strays"))


async def caught(post: Office, pass_s: float = 300.0) -> int:
    """How many rounds it takes until no stray is left."""
    for number in range(1, 60):
        await post.postman.catch()
        if not await strays(post):
            return number
        post.pass_time(pass_s)
    raise AssertionError("a stray is left")


@pytest.mark.parametrize("how", [{}, {"after": True}, {"status": 503}, {"status": 500, "after": True}], ids=str)
@pytest.mark.parametrize("where", [("GET", SEND), ("DELETE", ONE)])
async def test_what_came_through_unheard_comes_down(post: Office, where: tuple[str, str], how: dict[str, int]):
    pet, _ = await unheard(post)
    await post.house.erasure.forget(pet.id)
    post.net.fail(*where, times=2, **how)
    post.hire()
    assert await caught(post) <= 4
    assert not post.seen()


async def test_what_was_on_its_way_comes_down_even_if_the_bot_dies(post: Office):
    pet = await post.pet(post.thread())
    for dies in (False, True):
        await post.owe(pet)
        post.net.fail("POST", SEND, status=200, slow=0.3, after=True)
        sending = asyncio.create_task(post.postman.deliver())
        await post.net.until(post.seen)
        await post.house.erasure.forget(pet.id)
        if dies:
            sending.cancel()
            post.hire()
        await asyncio.wait([sending])
        assert await caught(post) == 1 and not post.seen()
        pet = await post.pet(post.thread())


async def test_what_arrives_late_comes_down_too(post: Office):
    thread = post.thread()
    pet = await post.pet(thread)
    job = await post.owe(pet)
    await post.house.outbox.mark_tried(f"{job.id}-0", post.clock())
    await post.house.erasure.forget(pet.id)
    await post.postman.catch()
    assert await strays(post) == 1
    await DiscordCounter(post.bot).send(int(thread.id), letter(f"{job.id}-0"), "n")
    post.pass_time(SETTLED_S)
    await post.postman.catch()
    assert not post.seen() and not await strays(post)


async def test_nothing_is_sent_for_a_pet_forgotten_meanwhile(post: Office):
    pet = await post.pet(post.thread())
    job = await post.owe(pet, pictures=0)
    assert await post.house.outbox.mark_tried(f"{job.id}-0", post.clock())
    looked = post.net.fail("GET", SEND, status=200, slow=0.3, after=True)
    walking = asyncio.create_task(post.postman.deliver())
    await post.heard(lambda: looked.hits)
    await post.house.erasure.forget(pet.id)
    await walking
    assert not post.seen()


async def test_known_posts_go_only_if_asked(post: Office):
    pets = [await post.pet(post.thread()) for _ in range(2)]
    jobs = [await post.owe(pet) for pet in pets]
    await post.rounds(5.0)
    for pet, with_posts in zip(pets, (False, True), strict=True):
        receipt = await post.house.erasure.forget(pet.id, with_posts=with_posts)
        assert receipt and len(receipt.posts) == 1
    post.net.fail("DELETE", ONE, times=2, after=True)
    await caught(post)
    assert post.seen() == {f"{jobs[0].id}-0": 1}


@pytest.mark.parametrize("how", ["archived", "no sending"])
async def test_a_closed_thread_keeps_nothing(post: Office, how: str):
    pet, thread = await unheard(post)
    if how == "no sending":
        post.net.deny(Permission.SEND_MESSAGES_IN_THREADS)
    else:
        post.net.archive(thread)
    await post.house.erasure.forget(pet.id)
    assert await caught(post) == 1 and not post.seen()


@pytest.mark.parametrize("how", ["thread", "channel", "taken down"])
async def test_what_can_never_be_done_is_let_be_at_once(post: Office, how: str, caplog: pytest.LogCaptureFixture):
    pet, thread = await unheard(post)
    await post.house.erasure.forget(pet.id)
    if how == "taken down":
        post.net.world.messages.clear()
        post.pass_time(SETTLED_S)
    else:
        post.net.delete(thread if how == "thread" else post.net.channel)
    assert await caught(post) == 1
    assert "it stays" not in caplog.text


async def told(post: Office) -> tuple[Pet, Thread]:
    """A dog with an answer that hangs in its thread, and of which the bot knows."""
    thread = post.thread()
    pet = await post.pet(thread)
    await post.owe(pet)
    await post.rounds(5.0)
    assert post.seen() and not await post.open_rows()
    return pet, thread


@pytest.mark.parametrize("answered", [told, unheard])
@pytest.mark.parametrize("how", ["hidden", "locked"])
async def test_a_post_out_of_reach_comes_down_when_its_thread_is_open_again(
    post: Office, how: str, answered: Callable[[Office], Awaitable[tuple[Pet, Thread]]]
):
    pet, thread = await answered(post)
    await post.house.erasure.forget(pet.id, with_posts=True)
    if how == "hidden":
        post.net.deny(EVERYONE)
    else:
        post.net.archive(thread, locked=True)
    await post.postman.catch()
    assert await strays(post) == 1 and post.seen()
    if how == "hidden":
        post.net.deny(0)
    else:
        post.net.archive(thread)
    post.pass_time(SHUT_S)
    await post.postman.catch()
    assert not post.seen() and not await strays(post)


async def test_a_shut_thread_is_asked_once_for_all_that_hangs_there(post: Office, caplog: pytest.LogCaptureFixture):
    thread = post.thread()
    pet = await post.pet(thread)
    for _ in range(4):
        await post.owe(pet)
    await post.rounds(5.0)
    await post.house.erasure.forget(pet.id, with_posts=True)
    post.net.archive(thread, locked=True)
    with caplog.at_level("INFO", "cogs.delivery.takedown"):
        await post.postman.catch()
    assert await strays(post) == 4 and caplog.text.count("Out of reach") == 1
    post.net.archive(thread)
    assert await caught(post, SHUT_S) <= 2 and not post.seen()


async def test_a_place_that_we_may_not_see_is_looked_at_once_an_hour(post: Office):
    pet, _ = await unheard(post)
    await post.house.erasure.forget(pet.id)
    post.net.deny(EVERYONE)
    await post.postman.catch()
    asked = post.net.fail("GET", SEND, status=200, times=1000, after=True)
    for _ in range(10):
        post.pass_time(SHUT_S / 20)
        await post.postman.catch()
    assert not asked.hits and await strays(post) == 1
    post.net.deny(0)
    assert await caught(post, SHUT_S) <= 3
    assert not post.seen()


async def test_minutes_without_a_free_request_are_no_failed_tries(post: Office):
    """Or a message that should be gone hangs on for minutes after Discord is well again."""
    pet, _ = await unheard(post)
    await post.house.erasure.forget(pet.id)
    for _ in range(12):
        spend(post.budget)
        await post.postman.catch()
        post.pass_time(PER_S)
    assert await caught(post, 1.0) <= 2 and not post.seen()


def spend(budget: Budget) -> None:
    while not budget.full():
        budget.began()
        budget.ended(failed=True)


async def test_after_a_week_it_is_let_be(post: Office, caplog: pytest.LogCaptureFixture):
    pet, _ = await unheard(post)
    await post.house.erasure.forget(pet.id)
    post.net.fail("GET", SEND, times=10_000)
    await post.postman.catch()
    post.pass_time(WEEK_S - 60.0)
    await post.postman.catch()
    assert await strays(post) == 1
    post.pass_time(400.0)
    assert await caught(post) == 1
    assert "it stays" in caplog.text


@pytest.mark.parametrize("moments", range(4))
async def test_told_to_go_both_go_though_they_are_woken(post: Office, moments: int):
    await post.bot.add_cog(post.postman)
    await asyncio.sleep(0.1)
    await post.postman.on_job_settled("any")
    for _ in range(moments):
        await asyncio.sleep(0)
    await post.bot.remove_cog(post.postman.__cog_name__)
    _, alive = await asyncio.wait(post.postman._workers, timeout=0.5)
    assert not alive
