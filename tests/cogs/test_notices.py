"""What is told to a person who pressed a reaction: one line, to them."""

import asyncio
import dataclasses

import pytest

from cogs.reactions import NO_PORTRAIT_S, ReactionsCog
from cogs.shared import notices
from cogs.shared.notices import MOST_DIRECT, QUIET_S, Notices
from storage.jobs import Jobs, QueueLimits
from tests.helpers.delivery_env import DeliveryEnv
from tests.loopback import Person

FULL = "My line is full right now"


def full(env: DeliveryEnv) -> None:
    """No more jobs are taken."""
    jobs = Jobs(env.db, env.files, limits=QueueLimits(total=0))
    env.services = dataclasses.replace(env.services, jobs=jobs)
    env.reactions = ReactionsCog(env.bot, env.services)
    env.reactions._notices = Notices(env.bot, env.clock)


async def pressed(env: DeliveryEnv, person: Person, message: dict[str, object], sign: str = "🔁") -> None:
    """On and off, and the bot has heard of it."""
    [row] = await env.services.portraits.by_message(int(str(message["id"])))
    await person.react(message, sign)
    await env.until(lambda: env.services.portraits.reactors(row.id, sign))
    await person.unreact(message, sign)

    async def gone() -> bool:
        return not await env.services.portraits.reactors(row.id, sign)

    await env.until(gone, None)


async def test_twelve_presses_are_answered_once_and_privately(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    full(env)
    await env.bot.add_cog(env.reactions)
    for _ in range(12):
        await pressed(env, env.mina, message)
    await env.heard(env.direct_messages)
    [told] = env.direct_messages()
    assert told.startswith(FULL) and f"/{thread.id}/{message['id']}" in told
    assert len(env.texts(thread)) == 1, "nobody else hears of it"
    env.pass_time(QUIET_S + 1)
    await pressed(env, env.mina, message)
    await env.heard(lambda: len(env.direct_messages()) == 2)


async def test_who_takes_no_direct_messages_is_told_in_the_thread(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notices, "SHOWN_S", 0.2)
    thread = env.thread()
    _, message = await env.posted(thread)
    full(env)
    await env.bot.add_cog(env.reactions)
    env.mina.user.closed = True
    for _ in range(3):
        await pressed(env, env.mina, message)
    await env.heard(lambda: len(env.texts(thread)) == 2)
    assert env.texts(thread)[1].startswith(FULL)
    await env.heard(lambda: len(env.texts(thread)) == 1)


async def test_forty_people_are_no_forty_lines(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    full(env)
    await env.bot.add_cog(env.reactions)
    people = [env.net.person(f"P{n}") for n in range(40)]
    for person in people:
        await person.react(message, "🔁")
    [row] = await env.services.portraits.by_message(int(message["id"]))
    await env.until(lambda: env.services.portraits.reactors(row.id, "🔁"), 40)
    await env.heard(
        lambda: len(env.texts(thread)) == 2 and sum(map(len, map(env.direct_messages, people))) == MOST_DIRECT
    )
    await asyncio.sleep(0.1)
    assert len(env.texts(thread)) == 2


async def test_a_post_of_which_nothing_is_kept_says_so_once(env: DeliveryEnv):
    thread = env.thread()
    pet, message = await env.posted(thread)
    theirs = await env.mina.say(thread, "Woof")
    await env.services.erasure.forget(pet.id)
    env.reactions._notices = Notices(env.bot, env.clock)
    await env.bot.add_cog(env.reactions)
    for expected in (1, 2):
        for sign in ("🔁", "🗑️", "🐶"):
            await env.mina.react(theirs, sign)
            await env.mina.react(message, sign)
            await env.mina.unreact(message, sign)
        await env.heard(env.direct_messages)
        await asyncio.sleep(0.1)
        assert ["I keep no portrait for this post" in text for text in env.direct_messages()] == [True] * expected
        env.pass_time(NO_PORTRAIT_S + 1)
    assert len(env.texts(thread)) == 2


async def test_what_is_said_of_a_sheet_does_not_deny_its_buttons(env: DeliveryEnv):
    thread = env.thread()
    await env.looked(thread)
    await env.rounds(5.0)
    sheet = env.net.messages(thread)[-1]
    assert sheet["components"]
    await env.bot.add_cog(env.reactions)
    await env.mina.react(sheet, "🔁")
    await env.heard(env.direct_messages)
    [told] = env.direct_messages()
    assert "I keep no portrait for this post" in told and "button" not in told
