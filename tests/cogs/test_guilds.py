"""Servers that sent us away are forgotten in time, and deleted threads are no home any more."""

import pytest

from cogs.guilds import GRACE_S
from tests.helpers.delivery_env import DeliveryEnv
from tests.loopback.client import logged_in


async def test_a_server_that_sends_us_away_is_forgotten_after_a_while(env: DeliveryEnv):
    await env.bot.add_cog(env.guilds)
    pet, _ = await env.posted(env.thread())
    await env.owe(pet)
    await env.mina.react(env.net.messages(env.net.threads[0])[0], "🔁")
    await env.catch_up.catch_up()
    [waiting] = await env.services.jobs.active()
    env.net.leave(outage=True)
    await env.heard(lambda: env.bot.guilds[0].unavailable)
    assert not await env.services.guilds.left_before(env.clock() + 9.0)
    env.net.leave()
    await env.until(lambda: env.services.guilds.left_before(env.clock() + 9.0))
    env.pass_time(GRACE_S - 60.0)
    await env.guilds.clear()
    assert await env.services.pets.get(pet.id)
    env.pass_time(120.0)
    await env.guilds.clear()
    assert not await env.services.jobs.active() and await env.services.jobs.get(waiting.id)
    await env.guilds.clear()
    assert await env.services.pets.get(pet.id) is None
    assert await env.open_rows() == 0 and await env.services.guilds.known() == set()
    assert not [path for path in env.services.files.root.rglob("*.png") if path.is_file()]


async def test_asked_back_in_time_nothing_is_lost(env: DeliveryEnv):
    pet, _ = await env.posted(env.thread())
    env.net.leave()
    await env.bot.close()
    async with logged_in(env.login(), env.net):
        await env.bot.add_cog(env.guilds)
        await env.guilds.on_ready()
        assert await env.services.guilds.left_before(env.clock() + 9.0) == [pet.guild_id]
        env.net.join()
        await env.until(lambda: env.services.guilds.left_before(env.clock() + 9.0), 0)
        env.pass_time(GRACE_S + 60.0)
        await env.guilds.clear()
    assert await env.services.pets.get(pet.id)


@pytest.mark.parametrize("what", ["thread", "channel"])
async def test_a_deleted_thread_is_no_home_any_more(env: DeliveryEnv, what: str):
    await env.bot.add_cog(env.guilds)
    thread = env.thread()
    pet = await env.pet(thread)
    env.net.delete(thread if what == "thread" else thread.parent)

    async def moved() -> bool:
        known = await env.services.pets.get(pet.id)
        return bool(known and known.thread_id == pet.channel_id)

    await env.until(moved)
