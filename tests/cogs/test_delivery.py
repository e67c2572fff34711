"""Exactly one visible answer for each part, whatever Discord does: the real cogs and discord.py, a loopback Discord."""

import asyncio
from contextlib import suppress
from random import Random

import pytest

from cogs.api.refusals import LONGEST_REST_S
from cogs.delivery import sender
from cogs.delivery.takedown import SHUT_S
from tests.helpers.delivery_env import SEND, DeliveryEnv
from tests.loopback.permissions import EVERYONE, Permission

LONG_S = 4000.0  # Discord has forgotten every nonce by then

PASSING = {
    "reset before": {"status": 0},
    "reset after": {"status": 0, "after": True},
    "503": {"status": 503},
    "503 after": {"status": 503, "after": True},
    "500 after": {"status": 500, "after": True},
    "banned": {"status": 429},
    "banned after": {"status": 429, "after": True},
}


@pytest.mark.parametrize("pass_s", [5.0, LONG_S], ids=["nonce", "history"])
@pytest.mark.parametrize("how", PASSING)
async def test_what_passes_is_tried_again_and_seen_once(env: DeliveryEnv, how: str, pass_s: float):
    pet = await env.pet(env.thread())
    jobs = [await env.owe(pet, pictures=2), await env.owe(pet, pictures=0)]
    env.net.fail("POST", SEND, times=2, **PASSING[how])
    await env.rounds(pass_s)
    assert env.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_a_rate_limit_is_waited_out(env: DeliveryEnv):
    pet = await env.pet(env.thread())
    jobs = [await env.owe(pet, pictures=0) for _ in range(3)]
    limit = env.net.limit("POST", SEND, count=1, per=0.3)
    assert await env.rounds(5.0) == 1
    assert limit.hits and env.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_an_answer_that_does_not_come_is_looked_for(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sender, "SEND_TIMEOUT_S", 0.3)
    job = await env.owe(await env.pet(env.thread()))
    env.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    assert await env.rounds(LONG_S) == 2
    assert env.seen() == {f"{job.id}-0": 1}


async def test_two_hundred_answers_of_which_a_third_go_unheard(env: DeliveryEnv):
    random = Random(1)
    pets = [await env.pet(env.thread(f"dog {n}")) for n in range(8)]
    jobs = [await env.owe(random.choice(pets), pictures=random.choice([0, 1])) for _ in range(200)]
    fault = env.net.fail("POST", SEND, times=10_000, after=True, share=0.3, seed=1)
    rounds = await env.rounds(random.choice([90.0, LONG_S]))
    seen = env.seen()
    print(f"{fault.hits} answers of Discord were lost; {rounds} rounds; seen {sorted(set(seen.values()))} times")
    assert seen == {f"{job.id}-0": 1 for job in jobs}
    assert fault.hits > 50


async def test_everything_goes_wrong_at_once(env: DeliveryEnv):
    """Sends unheard, unmade, refused; looks refused; threads locked for good; and a restart every round."""
    random = Random(7)
    threads = [env.thread(f"dog {n}") for n in range(6)]
    pets = [await env.pet(thread) for thread in threads]
    jobs = [await env.owe(random.choice(pets), pictures=random.choice([0, 2])) for _ in range(60)]
    for n, fault in enumerate([{"after": True, "share": 0.3}, {"share": 0.1}, {"status": 503, "share": 0.1}]):
        env.net.fail("POST", SEND, times=10_000, seed=n, **fault)
    env.net.fail("GET", SEND, status=503, times=10_000, share=0.2, seed=9)
    for thread in (*threads[:3], None, None, *[None] * 60):
        await env.delivery.deliver()
        if not await env.open_rows():
            break
        if thread:
            env.net.archive(thread, locked=True)
        env.restart()
        env.pass_time(random.choice([5.0, 90.0, LONG_S]))
    assert env.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_much_may_have_been_said_since_and_the_clock_may_go_back(env: DeliveryEnv):
    thread = env.thread()
    job = await env.owe(await env.pet(thread), pictures=0)
    env.net.fail("POST", SEND, after=True)
    await env.delivery.deliver()
    for n in range(130):
        await env.mina.say(thread, f"woof {n}")
    env.pass_time(LONG_S)
    env.clock.offset -= 3 * 3600.0
    env.restart()
    await env.rounds(LONG_S)
    assert env.seen()[f"{job.id}-0"] == 1


async def test_where_looking_is_not_allowed_the_nonce_still_holds(env: DeliveryEnv):
    job = await env.owe(await env.pet(env.thread()))
    env.net.deny(Permission.READ_MESSAGE_HISTORY)
    env.net.fail("POST", SEND, after=True, times=2)
    await env.rounds(5.0)
    assert env.seen() == {f"{job.id}-0": 1}


async def test_same_words_are_not_the_same_answer(env: DeliveryEnv):
    pet = await env.pet(env.thread())
    jobs = [await env.owe(pet, pictures=0) for _ in range(2)]
    env.net.fail("POST", SEND)
    env.net.fail("POST", SEND, after=True)
    await env.rounds(LONG_S)
    assert env.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_a_crash_at_any_moment_of_it(env: DeliveryEnv):
    thread = env.thread()
    pet = await env.pet(thread)
    early, late = await env.owe(pet, pictures=0), await env.owe(pet)
    await env.services.outbox.mark_tried(f"{early.id}-0", int(thread.id), env.clock())  # and it died
    await env.rounds(LONG_S, most=1)
    third = await env.owe(pet)
    env.net.fail("POST", SEND, status=200, slow=30.0, after=True)
    dying = asyncio.create_task(env.delivery.deliver())
    await env.net.until(lambda: f"{third.id}-0" in env.seen())
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    env.restart()
    env.pass_time(LONG_S)
    await env.rounds(LONG_S)
    assert env.seen() == {f"{job.id}-0": 1 for job in (early, late, third)}
    assert [len(message["reactions"]) for message in env.net.messages(thread)[1:]] == [2, 2]


async def test_an_answer_that_moves_into_its_thread_while_it_waits_for_others_is_sent_once(env: DeliveryEnv):
    first, second = await env.owe_enrolment(), await env.owe_enrolment()
    slow = env.net.fail("POST", SEND, status=200, slow=1.0, after=True, within=str(env.net.channel.id))
    delivering = [asyncio.create_task(env.delivery.deliver())]
    await env.heard(lambda: slow.hits)
    thread = env.thread()
    assert second.pet_id
    await env.services.pets.set_thread(second.pet_id, int(thread.id))
    delivering.append(asyncio.create_task(env.delivery.deliver()))
    await env.heard(lambda: len(env.texts(thread)) == 2)
    env.pass_time(LONG_S)
    await asyncio.gather(*delivering)
    assert env.seen() == {f"{job.id}-{part}": 1 for job in (first, second) for part in (0, 1)}
    assert len(env.texts(env.net.channel)) == len(env.texts(thread)) == 2


async def test_where_an_answer_goes_when_its_place_is_shut(env: DeliveryEnv):
    locked, deleted, archived = env.thread("locked"), env.thread("deleted"), env.thread("archived")
    pets = [await env.pet(one) for one in (locked, deleted, archived)]
    jobs = [await env.owe(pet) for pet in pets]
    env.net.archive(locked, locked=True)
    env.net.archive(archived)
    env.net.delete(deleted)
    await env.rounds(5.0)
    assert env.seen() == {f"{job.id}-0": 1 for job in jobs}
    assert ["own thread" in text for text in env.texts(env.net.channel)] == [True, True]
    [answer] = env.net.messages(archived)
    assert not archived.archived and len(answer["reactions"]) == 2
    homeless = await env.services.pets.get(pets[1].id)
    assert homeless and homeless.thread_id == homeless.channel_id


@pytest.mark.parametrize("shut", ["access", "files", "channel"])
async def test_with_the_channel_shut_too_it_comes_by_direct_message(env: DeliveryEnv, shut: str):
    job = await env.owe(await env.pet(env.thread()), pictures=2)
    if shut == "channel":
        env.net.delete(env.net.channel)
    else:
        env.net.deny(EVERYONE if shut == "access" else Permission.ATTACH_FILES)
    await env.rounds(5.0)
    assert "bring it to you here" in env.direct_messages()[0] and env.seen() == {f"{job.id}-0": 1}


async def test_with_every_door_shut_the_row_is_closed_with_the_reason(env: DeliveryEnv):
    job = await env.owe(await env.pet(env.thread()))
    env.net.deny(EVERYONE)
    env.mina.user.closed = True
    await env.rounds(5.0)
    assert env.seen() == {}
    assert "50007" in (await env.closed(job) or "")


@pytest.mark.parametrize("pass_s", [5.0, LONG_S])
async def test_no_answer_hangs_at_two_places(env: DeliveryEnv, pass_s: float):
    """Unheard in the thread, which is then locked; unheard in the channel, and the thread opens again."""
    first, second = env.thread("first"), env.thread("second")
    env.net.archive(second, locked=True)
    jobs = [await env.owe(await env.pet(second))]
    await env.delivery.deliver()
    jobs.append(await env.owe(await env.pet(first)))
    unheard = env.net.fail("POST", SEND, times=2, after=True)
    await env.delivery.deliver()
    assert unheard.hits == 2 and len(env.seen()) == 2
    env.net.archive(first, locked=True)
    second.locked = False
    env.pass_time(pass_s)
    await env.rounds(pass_s)
    assert env.seen() == {f"{job.id}-0": 1 for job in jobs}
    assert len(env.net.messages(first)) == 1


async def test_what_came_through_where_we_may_not_look_comes_down_when_we_may(env: DeliveryEnv):
    """Unheard in the thread's channel, of which we are then shut out; said to the person; and let in again."""
    thread = env.thread()
    job = await env.owe(await env.pet(thread))
    unheard = env.net.fail("POST", SEND, after=True)
    await env.delivery.deliver()
    assert unheard.hits == 1
    env.net.deny(EVERYONE)
    env.pass_time(LONG_S)
    await env.rounds(LONG_S)
    assert env.seen() == {f"{job.id}-0": 2}
    env.net.deny(0)
    env.pass_time(SHUT_S)
    await env.take_down()
    assert env.seen() == {f"{job.id}-0": 1} and not env.net.messages(thread)
    assert not await env.db.all("SELECT 1 FROM strays")


async def test_the_door_is_shut_while_discord_py_tries_again(env: DeliveryEnv):
    thread = env.thread()
    job = await env.owe(await env.pet(thread))
    env.net.fail("POST", SEND, status=502, after=True)
    sending = asyncio.create_task(env.delivery.deliver())
    await env.net.until(env.seen)
    env.net.deny(Permission.SEND_MESSAGES_IN_THREADS)
    await sending
    assert await env.open_rows() == 0 and env.seen() == {f"{job.id}-0": 1}


async def test_one_walk_at_a_time_goes_to_a_place(env: DeliveryEnv):
    await env.owe(await env.pet(env.thread()))
    slow = env.net.fail("POST", SEND, status=200, slow=0.3, times=5, after=True)
    await asyncio.gather(env.delivery.deliver(), env.delivery.deliver())
    assert slow.hits == 1


async def test_an_answer_that_somebody_deleted_does_not_come_back(env: DeliveryEnv):
    thread = env.thread()
    job = await env.owe(await env.pet(thread))
    env.net.fail("POST", SEND, after=True)
    await env.delivery.deliver()
    env.net.world.messages.clear()
    env.pass_time(5.0)
    await env.rounds(5.0)
    assert env.seen() == {} and "10008" in (await env.closed(job) or "")


async def test_what_is_too_large_comes_smaller(env: DeliveryEnv):
    thread = env.thread()
    job = await env.owe(await env.pet(thread), size=2000)
    assert await env.rounds(5.0) == 1
    [message] = env.net.messages(thread)
    assert [file["filename"] for file in message["attachments"]] == [f"{job.id}-0-0.jpg"]
    assert message["attachments"][0]["width"] == 2000


async def test_sent_away_it_waits_and_asks_nothing(env: DeliveryEnv):
    job = await env.owe(await env.pet(env.thread()))
    env.net.leave()
    await env.heard(lambda: not env.bot.guilds)
    await env.delivery.deliver()
    env.pass_time(LONGEST_REST_S)
    await env.delivery.deliver()
    assert env.seen() == {} and not env.budget.wait_s() and await env.open_rows() == 1
    env.net.join()
    await env.heard(lambda: env.bot.guilds)
    env.pass_time(LONGEST_REST_S)
    await env.rounds(5.0)
    assert env.seen() == {f"{job.id}-0": 1}
