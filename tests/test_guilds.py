"""Servers that sent us away are forgotten in time, and deleted threads are no home any more."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cogs import catch_up
from cogs.guilds import GRACE_S
from tests.loopback.client import logged_in
from tests.office import Office, office


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(catch_up, "PACE_S", 0.0)
    async with office(tmp_path) as opened:
        yield opened


async def test_a_server_that_sends_us_away_is_forgotten_after_a_while(post: Office):
    await post.bot.add_cog(post.guilds)
    pet, _ = await post.hung(post.thread())
    await post.owe(pet)
    await post.mina.react(post.net.messages(post.net.threads[0])[0], "🔁")
    await post.catch_up.catch_up()
    [waiting] = await post.house.jobs.active()
    post.net.leave(outage=True)
    await post.heard(lambda: post.bot.guilds[0].unavailable)
    assert not await post.house.guilds.left_before(post.clock() + 9.0)
    post.net.leave()
    await post.until(lambda: post.house.guilds.left_before(post.clock() + 9.0))
    post.pass_time(GRACE_S - 60.0)
    await post.guilds.clear()
    assert await post.house.pets.get(pet.id)
    post.pass_time(120.0)
    await post.guilds.clear()
    assert not await post.house.jobs.active() and await post.house.jobs.get(waiting.id)
    await post.guilds.clear()
    assert await post.house.pets.get(pet.id) is None
    assert await post.open_rows() == 0 and await post.house.guilds.known() == set()
    assert not [path for path in post.house.files.root.rglob("*.png") if path.is_file()]


async def test_asked_back_in_time_nothing_is_lost(post: Office):
    pet, _ = await post.hung(post.thread())
    post.net.leave()
    await post.bot.close()
    async with logged_in(post.login(), post.net):
        await post.bot.add_cog(post.guilds)
        await post.guilds.on_ready()
        assert await post.house.guilds.left_before(post.clock() + 9.0) == [pet.guild_id]
        post.net.join()
        await post.until(lambda: post.house.guilds.left_before(post.clock() + 9.0), 0)
        post.pass_time(GRACE_S + 60.0)
        await post.guilds.clear()
    assert await post.house.pets.get(pet.id)


@pytest.mark.parametrize("what", ["thread", "channel"])
async def test_a_deleted_thread_is_no_home_any_more(post: Office, what: str):
    await post.bot.add_cog(post.guilds)
    thread = post.thread()
    pet = await post.pet(thread)
    post.net.delete(thread if what == "thread" else thread.parent)

    async def moved() -> bool:
        known = await post.house.pets.get(pet.id)
        return bool(known and known.thread_id == pet.channel_id)

    await post.until(moved)
