"""Who is told that something is done: one person, of what took long, once, and in the way they chose."""

from typing import Any

import pytest

from tests.helpers.bot_env import BotEnv, enrolled, private, whole
from tests.helpers.delivery_env import SEND, DeliveryEnv
from tests.loopback.permissions import Permission

MEMBERS = "/channels/{channel_id}/thread-members/{user_id}"
LONG_S = 4000.0  # Discord has forgotten every nonce by then


def mentioned(env: DeliveryEnv) -> list[list[str]]:
    """For each message that notifies anybody: whom."""
    everything = env.net.world.messages.values()
    assert not any(message.mention_everyone for message in everything)
    return [[user.id for user in message.mentions] for message in everything if message.mentions]


@pytest.mark.parametrize(("seconds", "told"), [(50.0, False), (70.0, True)])
async def test_only_what_took_over_a_minute_mentions_whoever_asked(env: DeliveryEnv, seconds: float, told: bool):
    theo = env.net.person("Theo")
    await env.owe(await env.pet(env.thread(), owner=theo))
    env.pass_time(seconds)
    await env.rounds(5.0)
    assert mentioned(env) == ([[env.mina.id]] if told else [])


async def test_a_look_that_took_long_mentions_whoever_asked(env: DeliveryEnv):
    thread = env.thread()
    job_id = await env.looked(thread)
    env.pass_time(70.0)
    env.net.fail("POST", SEND, times=2, after=True)
    await env.rounds(LONG_S)
    [text] = env.texts(thread)
    assert text.startswith(f"<@{env.mina.id}> 👀 I looked at your photos")
    assert mentioned(env) == [[env.mina.id]] and env.seen() == {f"{job_id}-11": 1}


async def test_a_failure_names_its_person_first_and_a_cancel_nobody(env: DeliveryEnv):
    thread = env.thread()
    pet = await env.pet(thread)
    await env.owe(pet, pictures=0)
    await env.journal.cancel_waiting((await env.order(pet)).id)
    env.pass_time(70.0)
    await env.rounds(5.0)
    failed, cancelled = env.texts(thread)
    assert failed.startswith(f"<@{env.mina.id}> My graphics memory") and "<@" not in cancelled
    assert mentioned(env) == [[env.mina.id]]


@pytest.mark.parametrize("how", [{"after": True}, {"status": 503, "after": True}, {"status": 503}])
@pytest.mark.parametrize("pass_s", [5.0, LONG_S], ids=["nonce", "history"])
async def test_nobody_is_mentioned_twice(env: DeliveryEnv, how: dict[str, Any], pass_s: float):
    pet = await env.pet(env.thread())
    jobs = [await env.owe(pet), await env.owe(pet, pictures=0)]
    env.pass_time(70.0)
    env.net.fail("POST", SEND, times=2, **how)
    await env.delivery.deliver()
    env.restart()
    env.pass_time(pass_s)
    await env.rounds(pass_s)
    assert env.seen() == {f"{job.id}-0": 1 for job in jobs}
    assert mentioned(env) == [[env.mina.id]] * 2


async def test_what_mentions_somebody_is_still_found_to_be_taken_down(env: DeliveryEnv):
    thread = env.thread()
    pet = await env.pet(thread)
    await env.owe(pet, pictures=0)
    env.pass_time(70.0)
    env.net.fail("POST", SEND, after=True)
    await env.delivery.deliver()
    assert mentioned(env) == [[env.mina.id]]
    await env.services.erasure.forget(pet.id)
    await env.take_down()
    assert env.texts(thread) == []


@pytest.mark.parametrize("how", ["off", "dm"])
async def test_whoever_wants_no_mention_gets_none(env: DeliveryEnv, how: Any):
    thread = env.thread()
    await env.services.notifications.set(int(env.mina.id), how)
    _, message = await env.posted(thread)
    assert env.direct_messages() == [], "it was quick"
    await env.owe((await env.services.pets.of_guild(int(env.net.guild.id)))[0])
    env.pass_time(70.0)
    env.net.fail("POST", SEND, after=True, within=thread.id)
    await env.rounds(5.0)
    assert mentioned(env) == []
    answer = env.net.messages(thread)[-1]["id"]
    told = [f"https://discord.com/channels/{env.net.guild.id}/{thread.id}/{answer}"] if how == "dm" else []
    assert [text.rsplit(" ", 1)[-1] for text in env.direct_messages()] == told and answer != message["id"]


async def test_whoever_takes_no_direct_messages_is_told_nothing(env: DeliveryEnv):
    thread = env.thread()
    await env.services.notifications.set(int(env.mina.id), "dm")
    env.mina.user.closed = True
    await env.owe(await env.pet(thread))
    env.pass_time(70.0)
    assert await env.rounds(5.0) == 1
    assert mentioned(env) == [] and len(env.texts(thread)) == 1 and env.direct_messages() == []


async def test_an_answer_that_came_by_direct_message_needs_no_other(env: DeliveryEnv):
    await env.services.notifications.set(int(env.mina.id), "dm")
    thread = env.thread()
    await env.owe(await env.pet(thread))
    env.pass_time(70.0)
    env.net.archive(thread, locked=True)
    env.net.deny(Permission.SEND_MESSAGES)
    await env.rounds(5.0)
    assert len(env.direct_messages()) == 1 and mentioned(env) == []


async def test_the_command_and_the_thread(alive: BotEnv):
    """The owner is in the thread of an enrolment; who may not be added is passed over. A choice is one command."""
    hana, mina = alive.discord.person("Hana", locale="ko"), alive.discord.person("Mina")
    thread = await enrolled(alive, hana, "보리")
    assert hana.id in thread.members
    refused = alive.discord.fail("PUT", MEMBERS, status=403, code=50013)
    thread = await enrolled(alive, mina, "Rex", first=3)
    assert refused.hits == 1 and mina.id not in thread.members
    await whole(alive, thread, 1)
    [notify] = [command for command in alive.discord.commands if command["name"] == "notify"]
    assert notify["options"][0]["choices"][2]["name_localizations"] == {"ko": "다이렉트 메시지로 알리기"}
    assert "다이렉트 메시지로 링크를" in await private(await hana.slash("/notify", thread, how="dm"))
    assert "won't mention you" in await private(await mina.slash("/notify", thread, how="off"))
    assert "I'll mention you" in await private(await mina.slash("/notify", thread, how="on"))
