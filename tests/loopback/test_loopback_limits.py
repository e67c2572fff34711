"""Rate limits of the loopback Discord: those that it announces as Discord does, and those that only a test wants."""

from collections.abc import AsyncIterator

import discord
import pytest
from aiohttp import ClientSession

from tests.loopback import Loopback
from tests.loopback.client import logged_in
from tests.loopback.limits import BUCKETS, WRITING
from tests.loopback.rest import API


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with await Loopback.start() as running:
        yield running


async def test_every_bucket_is_of_a_route(loopback: Loopback) -> None:
    known = {
        (route.method, route.resource.canonical) for route in loopback._runner.app.router.routes() if route.resource
    }
    assert {(method, API + path) for method, path in BUCKETS} <= known


async def test_how_a_bucket_stands_is_announced_and_kept_to(loopback: Loopback) -> None:
    path = f"{loopback.api}/channels/{loopback.channel.id}/messages"
    async with ClientSession(headers={"Authorization": f"Bot {loopback.token}"}) as session:
        answers = [await session.post(path, json={"content": "x"}) for _ in range(WRITING.count + 1)]
    assert [one.status for one in answers] == [200] * WRITING.count + [429]
    assert [int(one.headers["X-RateLimit-Remaining"]) for one in answers] == [4, 3, 2, 1, 0, 0]
    assert len({one.headers["X-RateLimit-Bucket"] for one in answers}) == 1
    assert all(0 < float(one.headers["X-RateLimit-Reset-After"]) <= WRITING.per for one in answers)
    loopback.clock.advance(WRITING.per)
    async with ClientSession(headers={"Authorization": f"Bot {loopback.token}"}) as session:
        assert (await session.post(path, json={"content": "x"})).status == 200


async def test_rate_limit_looks_like_discords(loopback: Loopback) -> None:
    loopback.limit("GET", "/channels/{channel_id}", count=1, per=10)
    headers = {"Authorization": f"Bot {loopback.token}"}
    path = f"{loopback.api}/channels/{loopback.channel.id}"
    async with ClientSession(headers=headers) as session:
        assert (await session.get(path)).status == 200
        refused = await session.get(path)
        assert (refused.status, refused.headers["Content-Type"]) == (429, "application/json")
        assert "Via" in refused.headers
        assert 9 < (await refused.json())["retry_after"] <= 10
        loopback.clock.advance(10)
        assert (await session.get(path)).status == 200


async def test_a_limit_that_no_header_announces_is_met(loopback: Loopback) -> None:
    limit = loopback.limit("POST", "/channels/{channel_id}/messages", count=1, per=0.3)
    client = discord.Client(intents=discord.Intents(guilds=True), guild_ready_timeout=0.05)
    async with logged_in(client, loopback):
        for text in ("one", "two"):
            await client.get_partial_messageable(int(loopback.channel.id)).send(text)
    assert limit.hits == 1
    assert len(loopback.messages(loopback.channel)) == 2
