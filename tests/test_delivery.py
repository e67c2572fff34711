"""Exactly one visible answer for each part, whatever Discord does: the real postman, discord.py, a loopback Discord."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from cogs.api.refusals import LONGEST_REST_S
from cogs.delivery import sender as rounds
from cogs.delivery.takedown import SHUT_S
from tests.loopback.permissions import EVERYONE, Permission
from tests.office import SEND, Office, office

LONG_S = 4000.0  # Discord has forgotten every nonce by then


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as opened:
        yield opened


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
async def test_what_passes_is_tried_again_and_seen_once(post: Office, how: str, pass_s: float):
    pet = await post.pet(post.thread())
    jobs = [await post.owe(pet, pictures=2), await post.owe(pet, pictures=0)]
    post.net.fail("POST", SEND, times=2, **PASSING[how])
    await post.rounds(pass_s)
    assert post.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_a_rate_limit_is_waited_out(post: Office):
    pet = await post.pet(post.thread())
    jobs = [await post.owe(pet, pictures=0) for _ in range(3)]
    limit = post.net.limit("POST", SEND, count=1, per=0.3)
    assert await post.rounds(5.0) == 1
    assert limit.hits and post.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_an_answer_that_does_not_come_is_looked_for(post: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rounds, "PATIENCE_S", 0.3)
    job = await post.owe(await post.pet(post.thread()))
    post.net.fail("POST", SEND, status=200, slow=1.0, after=True)
    assert await post.rounds(LONG_S) == 2
    assert post.seen() == {f"{job.id}-0": 1}


async def test_two_hundred_answers_of_which_a_third_go_unheard(post: Office):
    random = Random(1)
    pets = [await post.pet(post.thread(f"dog {n}")) for n in range(8)]
    jobs = [await post.owe(random.choice(pets), pictures=random.choice([0, 1])) for _ in range(200)]
    fault = post.net.fail("POST", SEND, times=10_000, after=True, share=0.3, seed=1)
    rounds = await post.rounds(random.choice([90.0, LONG_S]))
    seen = post.seen()
    print(f"{fault.hits} answers of Discord were lost; {rounds} rounds; seen {sorted(set(seen.values()))} times")
    assert seen == {f"{job.id}-0": 1 for job in jobs}
    assert fault.hits > 50


async def test_everything_goes_wrong_at_once(post: Office):
    """Sends unheard, unmade, refused; looks refused; threads locked for good; and a new postman every round."""
    random = Random(7)
    threads = [post.thread(f"dog {n}") for n in range(6)]
    pets = [await post.pet(thread) for thread in threads]
    jobs = [await post.owe(random.choice(pets), pictures=random.choice([0, 2])) for _ in range(60)]
    for n, fault in enumerate([{"after": True, "share": 0.3}, {"share": 0.1}, {"status": 503, "share": 0.1}]):
        post.net.fail("POST", SEND, times=10_000, seed=n, **fault)
    post.net.fail("GET", SEND, status=503, times=10_000, share=0.2, seed=9)
    for thread in (*threads[:3], None, None, *[None] * 60):
        await post.postman.deliver()
        if not await post.open_rows():
            break
        if thread:
            post.net.archive(thread, locked=True)
        post.hire()
        post.pass_time(random.choice([5.0, 90.0, LONG_S]))
    assert post.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_much_may_have_been_said_since_and_the_clock_may_go_back(post: Office):
    thread = post.thread()
    job = await post.owe(await post.pet(thread), pictures=0)
    post.net.fail("POST", SEND, after=True)
    await post.postman.deliver()
    for n in range(130):
        await post.mina.say(thread, f"woof {n}")
    post.pass_time(LONG_S)
    post.clock.offset -= 3 * 3600.0
    post.hire()
    await post.rounds(LONG_S)
    assert post.seen()[f"{job.id}-0"] == 1


async def test_where_looking_is_not_allowed_the_nonce_still_holds(post: Office):
    job = await post.owe(await post.pet(post.thread()))
    post.net.deny(Permission.READ_MESSAGE_HISTORY)
    post.net.fail("POST", SEND, after=True, times=2)
    await post.rounds(5.0)
    assert post.seen() == {f"{job.id}-0": 1}


async def test_same_words_are_not_the_same_answer(post: Office):
    pet = await post.pet(post.thread())
    jobs = [await post.owe(pet, pictures=0) for _ in range(2)]
    post.net.fail("POST", SEND)
    post.net.fail("POST", SEND, after=True)
    await post.rounds(LONG_S)
    assert post.seen() == {f"{job.id}-0": 1 for job in jobs}


async def test_a_crash_at_any_moment_of_it(post: Office):
    thread = post.thread()
    pet = await post.pet(thread)
    early, late = await post.owe(pet, pictures=0), await post.owe(pet)
    await post.house.outbox.mark_tried(f"{early.id}-0", post.clock())  # and it died
    await post.rounds(LONG_S, most=1)
    third = await post.owe(pet)
    post.net.fail("POST", SEND, status=200, slow=30.0, after=True)
    dying = asyncio.create_task(post.postman.deliver())
    await post.net.until(lambda: f"{third.id}-0" in post.seen())
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    post.hire()
    post.pass_time(LONG_S)
    await post.rounds(LONG_S)
    assert post.seen() == {f"{job.id}-0": 1 for job in (early, late, third)}
    assert [len(message["reactions"]) for message in post.net.messages(thread)[1:]] == [2, 2]


async def test_where_an_answer_goes_when_its_place_is_shut(post: Office):
    locked, deleted, archived = post.thread("locked"), post.thread("deleted"), post.thread("archived")
    pets = [await post.pet(one) for one in (locked, deleted, archived)]
    jobs = [await post.owe(pet) for pet in pets]
    post.net.archive(locked, locked=True)
    post.net.archive(archived)
    post.net.delete(deleted)
    await post.rounds(5.0)
    assert post.seen() == {f"{job.id}-0": 1 for job in jobs}
    assert ["own thread" in text for text in post.texts(post.net.channel)] == [True, True]
    [answer] = post.net.messages(archived)
    assert not archived.archived and len(answer["reactions"]) == 2
    homeless = await post.house.pets.get(pets[1].id)
    assert homeless and homeless.thread_id == homeless.channel_id


@pytest.mark.parametrize("shut", ["access", "files", "channel"])
async def test_with_the_channel_shut_too_it_comes_by_direct_message(post: Office, shut: str):
    job = await post.owe(await post.pet(post.thread()), pictures=2)
    if shut == "channel":
        post.net.delete(post.net.channel)
    else:
        post.net.deny(EVERYONE if shut == "access" else Permission.ATTACH_FILES)
    await post.rounds(5.0)
    assert "bring it to you here" in post.at_door()[0] and post.seen() == {f"{job.id}-0": 1}


async def test_with_every_door_shut_the_row_is_closed_with_the_reason(post: Office):
    job = await post.owe(await post.pet(post.thread()))
    post.net.deny(EVERYONE)
    post.mina.user.closed = True
    await post.rounds(5.0)
    assert post.seen() == {}
    assert "50007" in (await post.closed(job) or "")


@pytest.mark.parametrize("pass_s", [5.0, LONG_S])
async def test_no_answer_hangs_at_two_places(post: Office, pass_s: float):
    """Unheard in the thread, which is then locked; unheard in the channel, and the thread opens again."""
    first, second = post.thread("first"), post.thread("second")
    post.net.archive(second, locked=True)
    jobs = [await post.owe(await post.pet(second))]
    await post.postman.deliver()
    jobs.append(await post.owe(await post.pet(first)))
    unheard = post.net.fail("POST", SEND, times=2, after=True)
    await post.postman.deliver()
    assert unheard.hits == 2 and len(post.seen()) == 2
    post.net.archive(first, locked=True)
    second.locked = False
    post.pass_time(pass_s)
    await post.rounds(pass_s)
    assert post.seen() == {f"{job.id}-0": 1 for job in jobs}
    assert len(post.net.messages(first)) == 1


async def test_what_came_through_where_we_may_not_look_comes_down_when_we_may(post: Office):
    """Unheard in the thread's channel, of which we are then shut out; said to the person; and let in again."""
    thread = post.thread()
    job = await post.owe(await post.pet(thread))
    unheard = post.net.fail("POST", SEND, after=True)
    await post.postman.deliver()
    assert unheard.hits == 1
    post.net.deny(EVERYONE)
    post.pass_time(LONG_S)
    await post.rounds(LONG_S)
    assert post.seen() == {f"{job.id}-0": 2}
    post.net.deny(0)
    post.pass_time(SHUT_S)
    await post.postman.catch()
    assert post.seen() == {f"{job.id}-0": 1} and not post.net.messages(thread)
    assert not await post.db.all("SELECT 1 FROM strays")


async def test_the_door_is_shut_while_discord_py_tries_again(post: Office):
    thread = post.thread()
    job = await post.owe(await post.pet(thread))
    post.net.fail("POST", SEND, status=502, after=True)
    sending = asyncio.create_task(post.postman.deliver())
    await post.net.until(post.seen)
    post.net.deny(Permission.SEND_MESSAGES_IN_THREADS)
    await sending
    assert await post.open_rows() == 0 and post.seen() == {f"{job.id}-0": 1}


async def test_one_walk_at_a_time_goes_to_a_place(post: Office):
    await post.owe(await post.pet(post.thread()))
    slow = post.net.fail("POST", SEND, status=200, slow=0.3, times=5, after=True)
    await asyncio.gather(post.postman.deliver(), post.postman.deliver())
    assert slow.hits == 1


async def test_an_answer_that_somebody_deleted_does_not_come_back(post: Office):
    thread = post.thread()
    job = await post.owe(await post.pet(thread))
    post.net.fail("POST", SEND, after=True)
    await post.postman.deliver()
    post.net.world.messages.clear()
    post.pass_time(5.0)
    await post.rounds(5.0)
    assert post.seen() == {} and "10008" in (await post.closed(job) or "")


async def test_what_is_too_large_comes_smaller(post: Office):
    thread = post.thread()
    job = await post.owe(await post.pet(thread), size=2000)
    assert await post.rounds(5.0) == 1
    [message] = post.net.messages(thread)
    assert [file["filename"] for file in message["attachments"]] == [f"{job.id}-0-0.jpg"]
    assert message["attachments"][0]["width"] == 2000


async def test_sent_away_it_waits_and_asks_nothing(post: Office):
    job = await post.owe(await post.pet(post.thread()))
    post.net.leave()
    await post.heard(lambda: not post.bot.guilds)
    await post.postman.deliver()
    post.pass_time(LONGEST_REST_S)
    await post.postman.deliver()
    assert post.seen() == {} and not post.budget.rest() and await post.open_rows() == 1
    post.net.join()
    await post.heard(lambda: post.bot.guilds)
    post.pass_time(LONGEST_REST_S)
    await post.rounds(5.0)
    assert post.seen() == {f"{job.id}-0": 1}
