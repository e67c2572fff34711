"""The loopback Discord misbehaves: the real discord.py sees what it would see on Discord's bad days, and survives."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import discord
import pytest
from aiohttp import ClientError

from tests.loopback import Loopback
from tests.loopback.client import logged_in
from tests.loopback.kennel import Kennel

SEND = "/channels/{channel_id}/messages"


@pytest.fixture
async def loopback(recorded: Path) -> AsyncIterator[Loopback]:
    async with await Loopback.start(record=recorded, heartbeat=0.3, pace=100) as running:
        yield running


@pytest.fixture
async def bot(loopback: Loopback) -> AsyncIterator[Kennel]:
    client = Kennel(heartbeat_timeout=1.0)
    async with logged_in(client, loopback):
        yield client


def here(bot: Kennel, loopback: Loopback) -> discord.PartialMessageable:
    return bot.get_partial_messageable(int(loopback.channel.id))


async def soon(predicate: Callable[[], object]) -> None:
    """Wait until the bot has heard of it, for 10 s."""
    for _ in range(1000):
        if predicate():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_invalid_session_that_can_be_resumed(bot: Kennel, loopback: Loopback):
    await loopback.gateway.invalidate(resumable=True)
    await loopback.person("Mina").say(loopback.channel, "woof")
    await soon(lambda: bot.seen)
    assert (loopback.gateway.identified, loopback.gateway.resumed, len(bot.seen)) == (1, 1, 1)


async def test_invalid_session_that_cannot_be_resumed(bot: Kennel, loopback: Loopback):
    await loopback.gateway.invalidate(resumable=False)
    await soon(lambda: loopback.gateway.identified == 2)
    await soon(bot.is_ready)
    await loopback.person("Mina").say(loopback.channel, "woof")
    await soon(lambda: bot.seen)


async def test_zombie_connection_is_found_out_and_resumed(bot: Kennel, loopback: Loopback):
    loopback.gateway.entomb()
    await loopback.person("Mina").say(loopback.channel, "into the void")
    await soon(lambda: loopback.gateway.resumed == 1)
    await soon(lambda: bot.seen)
    assert [message.guild is not None for message in bot.seen] == [True]
    assert loopback.gateway.identified == 1


async def test_outage_and_leaving_are_different_news(bot: Kennel, loopback: Loopback):
    bot.guild_news.clear()
    loopback.leave(outage=True)
    loopback.join()
    loopback.leave()
    await soon(lambda: len(bot.guild_news) == 3)
    with pytest.raises(discord.Forbidden) as refused:
        await here(bot, loopback).send("anybody?")
    assert refused.value.code == 50001
    loopback.join()
    await soon(lambda: len(bot.guild_news) == 4)
    assert bot.guild_news == ["unavailable", "available", "removed", "joined"]
    await here(bot, loopback).send("back")


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ({"status": 503}, discord.DiscordServerError, 0),
        ({"status": 503, "after": True}, discord.DiscordServerError, 1),
        ({"status": 429, "after": True}, discord.HTTPException, 1),
        ({"status": 0, "after": True, "slow": 0.2}, ClientError, 1),
        ({"status": 500}, None, 1),
    ],
)
async def test_what_discord_py_sees_of_a_failing_send(
    bot: Kennel, loopback: Loopback, fault: dict[str, Any], error: type[Exception] | None, said: int
):
    struck = loopback.fail("POST", SEND, **fault)
    if error is None:
        await here(bot, loopback).send("woof")
    else:
        with pytest.raises(error):
            await here(bot, loopback).send("woof")
    assert (struck.hits, len(loopback.messages(loopback.channel))) == (1, said)


async def test_slow_is_late_and_true(bot: Kennel, loopback: Loopback):
    loopback.fail("POST", SEND, status=200, slow=0.5, after=True)
    began = monotonic()
    assert (await here(bot, loopback).send("woof")).content == "woof"
    assert monotonic() - began >= 0.5


async def test_a_share_is_drawn_the_same_way_each_time(bot: Kennel, loopback: Loopback):
    drawn: list[list[bool]] = []
    for _ in range(2):
        fault = loopback.fail("GET", "/channels/{channel_id}", status=503, times=100, share=0.3, seed=5)
        hits: list[bool] = []
        for _ in range(30):
            before = fault.hits
            try:
                await bot.fetch_channel(int(loopback.channel.id))
            except discord.DiscordServerError:
                assert fault.hits == before + 1
            hits.append(fault.hits > before)
        fault.times = 0
        drawn.append(hits)
    assert drawn[0] == drawn[1] and 3 < sum(drawn[0]) < 15


async def test_deleted_places_take_what_was_said_along(bot: Kennel, loopback: Loopback):
    other = loopback.new_channel("puppies")
    await soon(lambda: bot.get_channel(int(other.id)))
    place = bot.get_partial_messageable(int(other.id), guild_id=int(loopback.guild.id))
    thread = await (await place.send("Rex")).create_thread(name="Rex")
    await thread.send("woof")
    loopback.delete(loopback.threads[0])
    with pytest.raises(discord.NotFound) as refused:
        await thread.send("gone")
    assert refused.value.code == 10003
    loopback.delete(other)
    await soon(lambda: bot.get_channel(int(other.id)) is None)
    with pytest.raises(discord.NotFound):
        await place.send("gone")
    assert not loopback.world.messages


async def test_direct_messages_and_a_door_that_is_shut(bot: Kennel, loopback: Loopback):
    mina = loopback.person("Mina")
    door = await bot.create_dm(discord.Object(int(mina.id)))
    sent = await door.send("hello", nonce="d-1")
    assert (await door.send("hello", nonce="d-1")).id == sent.id
    assert [message.content async for message in door.history()] == ["hello"]
    mina.user.closed = True
    with pytest.raises(discord.Forbidden) as refused:
        await door.send("hello?")
    assert refused.value.code == 50007
    with pytest.raises(discord.NotFound):
        await bot.create_dm(discord.Object(1))
