"""Messages of forgotten pets come down: the real transport and catcher, discord.py, a loopback Discord."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cogs.api.budget import PER_S, Budget
from cogs.api.transport import DiscordTransport
from cogs.delivery.takedown import SETTLED_S, SHUT_S, WEEK_S
from storage.pets import Pet
from tests.contracts.transport import post
from tests.helpers.delivery_env import SEND, DeliveryEnv
from tests.loopback import Thread
from tests.loopback.permissions import EVERYONE, Permission

ONE = f"{SEND}/{{message_id}}"


async def unheard(env: DeliveryEnv) -> tuple[Pet, Thread]:
    """A dog with an answer that hangs in its thread, and of which the bot does not know."""
    thread = env.thread()
    pet = await env.pet(thread)
    await env.owe(pet)
    env.net.fail("POST", SEND, after=True)
    await env.delivery.deliver()
    assert env.seen() and await env.open_rows()
    return pet, thread


async def takedowns(env: DeliveryEnv) -> int:
    return len(await env.db.all("SELECT 1 FROM strays"))


async def caught(env: DeliveryEnv, pass_s: float = 300.0) -> int:
    """How many rounds it takes until no takedown is left."""
    for number in range(1, 60):
        await env.take_down()
        if not await takedowns(env):
            return number
        env.pass_time(pass_s)
    raise AssertionError("a takedown is left")


@pytest.mark.parametrize("how", [{}, {"after": True}, {"status": 503}, {"status": 500, "after": True}], ids=str)
@pytest.mark.parametrize("where", [("GET", SEND), ("DELETE", ONE)])
async def test_what_came_through_unheard_comes_down(env: DeliveryEnv, where: tuple[str, str], how: dict[str, int]):
    pet, _ = await unheard(env)
    await env.services.erasure.forget(pet.id)
    env.net.fail(*where, times=2, **how)
    env.restart()
    assert await caught(env) <= 4
    assert not env.seen()


async def test_what_was_on_its_way_comes_down_even_if_the_bot_dies(env: DeliveryEnv):
    pet = await env.pet(env.thread())
    for dies in (False, True):
        await env.owe(pet)
        env.net.fail("POST", SEND, status=200, slow=0.3, after=True)
        sending = asyncio.create_task(env.delivery.deliver())
        await env.net.until(env.seen)
        await env.services.erasure.forget(pet.id)
        if dies:
            sending.cancel()
            env.restart()
        await asyncio.wait([sending])
        assert await caught(env) == 1 and not env.seen()
        pet = await env.pet(env.thread())


async def test_what_arrives_late_comes_down_too(env: DeliveryEnv):
    thread = env.thread()
    pet = await env.pet(thread)
    job = await env.owe(pet)
    await env.services.outbox.mark_tried(f"{job.id}-0", int(thread.id), env.clock())
    await env.services.erasure.forget(pet.id)
    await env.take_down()
    assert await takedowns(env) == 1
    await DiscordTransport(env.bot).send(int(thread.id), post(f"{job.id}-0"), "n")
    env.pass_time(SETTLED_S)
    await env.take_down()
    assert not env.seen() and not await takedowns(env)


async def test_nothing_is_sent_for_a_pet_forgotten_meanwhile(env: DeliveryEnv):
    pet = await env.pet(env.thread())
    job = await env.owe(pet, pictures=0)
    assert pet.thread_id and await env.services.outbox.mark_tried(f"{job.id}-0", pet.thread_id, env.clock())
    looked = env.net.fail("GET", SEND, status=200, slow=0.3, after=True)
    walking = asyncio.create_task(env.delivery.deliver())
    await env.heard(lambda: looked.hits)
    await env.services.erasure.forget(pet.id)
    await walking
    assert not env.seen()


async def test_known_posts_go_only_if_asked(env: DeliveryEnv):
    pets = [await env.pet(env.thread()) for _ in range(2)]
    jobs = [await env.owe(pet) for pet in pets]
    await env.rounds(5.0)
    for pet, with_posts in zip(pets, (False, True), strict=True):
        receipt = await env.services.erasure.forget(pet.id, with_posts=with_posts)
        assert receipt and len(receipt.posts) == 1
    env.net.fail("DELETE", ONE, times=2, after=True)
    await caught(env)
    assert env.seen() == {f"{jobs[0].id}-0": 1}


@pytest.mark.parametrize("how", ["archived", "no sending"])
async def test_a_closed_thread_keeps_nothing(env: DeliveryEnv, how: str):
    pet, thread = await unheard(env)
    if how == "no sending":
        env.net.deny(Permission.SEND_MESSAGES_IN_THREADS)
    else:
        env.net.archive(thread)
    await env.services.erasure.forget(pet.id)
    assert await caught(env) == 1 and not env.seen()


@pytest.mark.parametrize("how", ["thread", "channel", "taken down"])
async def test_what_can_never_be_done_is_let_be_at_once(env: DeliveryEnv, how: str, caplog: pytest.LogCaptureFixture):
    pet, thread = await unheard(env)
    await env.services.erasure.forget(pet.id)
    if how == "taken down":
        env.net.world.messages.clear()
        env.pass_time(SETTLED_S)
    else:
        env.net.delete(thread if how == "thread" else env.net.channel)
    assert await caught(env) == 1
    assert "could not be deleted" not in caplog.text


async def told(env: DeliveryEnv) -> tuple[Pet, Thread]:
    """A dog with an answer that hangs in its thread, and of which the bot knows."""
    thread = env.thread()
    pet = await env.pet(thread)
    await env.owe(pet)
    await env.rounds(5.0)
    assert env.seen() and not await env.open_rows()
    return pet, thread


@pytest.mark.parametrize("answered", [told, unheard])
@pytest.mark.parametrize("how", ["hidden", "locked"])
async def test_a_post_out_of_reach_comes_down_when_its_thread_is_open_again(
    env: DeliveryEnv, how: str, answered: Callable[[DeliveryEnv], Awaitable[tuple[Pet, Thread]]]
):
    pet, thread = await answered(env)
    await env.services.erasure.forget(pet.id, with_posts=True)
    if how == "hidden":
        env.net.deny(EVERYONE)
    else:
        env.net.archive(thread, locked=True)
    await env.take_down()
    assert await takedowns(env) == 1 and env.seen()
    if how == "hidden":
        env.net.deny(0)
    else:
        env.net.archive(thread)
    env.pass_time(SHUT_S)
    await env.take_down()
    assert not env.seen() and not await takedowns(env)


async def test_a_shut_thread_is_asked_once_for_all_that_hangs_there(env: DeliveryEnv, caplog: pytest.LogCaptureFixture):
    thread = env.thread()
    pet = await env.pet(thread)
    for _ in range(4):
        await env.owe(pet)
    await env.rounds(5.0)
    await env.services.erasure.forget(pet.id, with_posts=True)
    env.net.archive(thread, locked=True)
    with caplog.at_level("INFO", "cogs.delivery.takedown"):
        await env.take_down()
    assert await takedowns(env) == 4 and caplog.text.count("Out of reach") == 1
    env.net.archive(thread)
    assert await caught(env, SHUT_S) <= 2 and not env.seen()


async def test_a_place_that_we_may_not_see_is_looked_at_once_an_hour(env: DeliveryEnv):
    pet, _ = await unheard(env)
    await env.services.erasure.forget(pet.id)
    env.net.deny(EVERYONE)
    await env.take_down()
    asked = env.net.fail("GET", SEND, status=200, times=1000, after=True)
    for _ in range(10):
        env.pass_time(SHUT_S / 20)
        await env.take_down()
    assert not asked.hits and await takedowns(env) == 1
    env.net.deny(0)
    assert await caught(env, SHUT_S) <= 3
    assert not env.seen()


async def test_minutes_without_a_free_request_are_no_failed_tries(env: DeliveryEnv):
    """Or a message that should be gone hangs on for minutes after Discord is well again."""
    pet, _ = await unheard(env)
    await env.services.erasure.forget(pet.id)
    for _ in range(12):
        spend(env.budget)
        await env.take_down()
        env.pass_time(PER_S)
    assert await caught(env, 1.0) <= 2 and not env.seen()


def spend(budget: Budget) -> None:
    while not budget.is_full():
        budget.begin()
        budget.end(failed=True)


async def test_after_a_week_it_is_let_be(env: DeliveryEnv, caplog: pytest.LogCaptureFixture):
    pet, _ = await unheard(env)
    await env.services.erasure.forget(pet.id)
    env.net.fail("GET", SEND, times=10_000)
    await env.take_down()
    env.pass_time(WEEK_S - 60.0)
    await env.take_down()
    assert await takedowns(env) == 1
    env.pass_time(400.0)
    assert await caught(env) == 1
    assert "could not be deleted" in caplog.text


@pytest.mark.parametrize("moments", range(4))
async def test_told_to_go_both_go_though_they_are_woken(env: DeliveryEnv, moments: int):
    await env.bot.add_cog(env.delivery)
    await asyncio.sleep(0.1)
    await env.delivery.on_job_settled("any")
    for _ in range(moments):
        await asyncio.sleep(0)
    await env.bot.remove_cog(env.delivery.__cog_name__)
    _, alive = await asyncio.wait(env.delivery._workers, timeout=0.5)
    assert not alive
