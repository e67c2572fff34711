"""Rate limits are about what is left of a bucket, not about when it is filled again."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
from aiohttp import web

from bot import PortraitBot, Settings
from cogs.api import ratelimits
from tests.loopback import Loopback
from tests.loopback.client import logged_in
from tests.loopback.faults import Fault
from tests.loopback.limits import MESSAGE, MESSAGES, THREADS, WRITING

OLD_EDITS = {
    "message": "Maximum number of edits to messages older than 1 hour reached. Try again later.",
    "code": 30046,
}

PACE = 3.0  # 50 threads in 100 s, 5 messages in 1.7 s: windows of minutes stay longer than any request waits


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Loopback]:
    async with await Loopback.start(record=tmp_path / "traffic", pace=PACE) as running:
        yield running


@pytest.fixture
async def bot(net: Loopback, tmp_path: Path) -> AsyncIterator[PortraitBot]:
    client = PortraitBot(Settings(_env_file=None, discord_token=net.token, data=tmp_path))  # type: ignore[call-arg]
    async with logged_in(client, net):
        yield client


def here(bot: PortraitBot, net: Loopback) -> discord.PartialMessageable:
    return bot.get_partial_messageable(int(net.channel.id), guild_id=int(net.guild.id))


def refused(tmp_path: Path) -> list[str]:
    """The requests that Discord answered with a 429."""
    lines = map(json.loads, (tmp_path / "traffic" / "traffic.jsonl").read_text().splitlines())
    return [line["path"] for line in lines if line["status"] == 429]


async def test_a_window_of_minutes_is_no_reason_to_refuse_what_is_left(bot: PortraitBot, net: Loopback):
    """Threads: 50 in 300 s, so after the first one 49 are left."""
    for _ in range(3):
        message = await here(bot, net).send("Rex")
        await message.create_thread(name="Rex")
    assert len(net.threads) == 3


async def test_old_messages_are_deleted_one_after_the_other(bot: PortraitBot, net: Loopback):
    """30 in 120 s: 29 are left after the first."""
    old = [await here(bot, net).send(str(n)) for n in range(3)]
    net.clock.advance(15 * 86400)
    for message in old:
        await message.delete()
    assert not net.messages(net.channel)


async def test_what_is_left_goes_at_once_and_the_rest_waits_its_turn(bot: PortraitBot, net: Loopback, tmp_path: Path):
    sent: list[float] = []

    async def send() -> None:
        await here(bot, net).send("woof")
        sent.append(time.monotonic())

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(WRITING.count + 2):
            group.create_task(send())
    waited = [moment - began for moment in sent]
    assert waited[WRITING.count - 1] < 1, "nobody who is done waits for the bucket to fill"
    assert WRITING.per / PACE - 0.5 < waited[WRITING.count] < waited[-1] < WRITING.per / PACE + 1
    assert not refused(tmp_path)


async def test_an_empty_bucket_of_minutes_puts_off_at_once(bot: PortraitBot, net: Loopback, tmp_path: Path):
    """And makes no request: each 429 counts to the 10,000 for which an address is banned."""
    message = await here(bot, net).send("Rex")
    for _ in range(THREADS.count):
        net.world.guild.threads.clear()
        await message.create_thread(name="Rex")
    for _ in range(2):
        with pytest.raises(discord.RateLimited) as put_off:
            await message.create_thread(name="Rex")
        assert 90 < put_off.value.retry_after <= THREADS.per / PACE
    await message.edit(content="other requests go on")
    assert not refused(tmp_path)


async def test_a_bucket_that_others_emptied_is_asked_once(bot: PortraitBot, net: Loopback, tmp_path: Path):
    """As after a restart: Discord still counts what an earlier process did."""
    message = await here(bot, net).send("Rex")
    for _ in range(THREADS.count):
        net.world.guild.threads.clear()
        await message.create_thread(name="Rex")
    again = PortraitBot(Settings(_env_file=None, discord_token=net.token, data=tmp_path))  # type: ignore[call-arg]
    async with logged_in(again, net):
        for _ in range(3):
            with pytest.raises(discord.RateLimited):
                await here(again, net).get_partial_message(message.id).create_thread(name="Rex")
    assert len(refused(tmp_path)) == 1


async def test_a_turn_that_comes_too_late_is_put_off(bot: PortraitBot, net: Loopback, monkeypatch: pytest.MonkeyPatch):
    """Each who waits in line waits for everybody before: here for a bucket that lets one through in 0.1 s."""
    monkeypatch.setattr(ratelimits, "LONGEST_WAIT_S", 0.2)
    message = await here(bot, net).send("Rex")
    signs = [message.add_reaction(chr(0x1F600 + number)) for number in range(5)]
    outcomes = await asyncio.gather(*signs, return_exceptions=True)
    late = [isinstance(outcome, discord.RateLimited) for outcome in outcomes]
    assert late == sorted(late) and not late[0] and late[-1]


@pytest.mark.parametrize("more", [{}, {"retry_after": 3600.0, "global": False}])
@pytest.mark.parametrize("via", [{}, {"Via": "1.1 google"}])
async def test_a_rule_is_no_bucket(
    bot: PortraitBot, net: Loopback, monkeypatch: pytest.MonkeyPatch, more: dict[str, object], via: dict[str, str]
):
    """Edits of old messages are refused with a 429 by their code: waiting does not help, and other edits go on."""

    async def answer(_: Fault, __: web.Request, ___: web.Response | None = None) -> web.Response:
        headers = {"Content-Type": "application/json", "X-RateLimit-Remaining": "4"} | via
        return web.Response(status=429, body=json.dumps(OLD_EDITS | more).encode(), headers=headers)

    message = await here(bot, net).send("Rex")
    monkeypatch.setattr(Fault, "answer", answer)
    net.fail("PATCH", MESSAGE, times=2)
    for _ in range(2):
        with pytest.raises(discord.HTTPException) as refusal:
            await message.edit(content="again")
        assert (refusal.value.status, refusal.value.code) == (429, 30046)
    assert (await message.edit(content="once more")).content == "once more"


async def test_a_limit_that_no_header_announces_is_waited_out(bot: PortraitBot, net: Loopback):
    limit = net.limit("POST", MESSAGES, count=1, per=0.3)
    for text in ("one", "two"):
        await here(bot, net).send(text)
    assert limit.hits == 1 and len(net.messages(net.channel)) == 2
