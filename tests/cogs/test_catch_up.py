"""Reactions that were made while nobody was there are answered once."""

import asyncio

import pytest

from cogs import catch_up
from cogs.catch_up import MOST_TRIES
from tests.helpers.delivery_env import DeliveryEnv
from tests.loopback import messages
from tests.loopback.permissions import EVERYONE, Permission

DAY_S = 86400.0
ONE = "/channels/{channel_id}/messages/{message_id}"
MEMBER = "/guilds/{guild_id}/members/{user_id}"


async def rerolls(env: DeliveryEnv) -> list[int]:
    """The messages for which a reroll waits."""
    rows = await env.db.all("SELECT reply_to FROM jobs WHERE reply_to IS NOT NULL ORDER BY created")
    return [row[0] for row in rows]


async def test_what_was_asked_meanwhile_is_answered_once(env: DeliveryEnv):
    _, message = await env.posted(env.thread())
    theo = env.net.person("Theo")
    await env.mina.react(message, "🔁")
    await theo.react(message, "🔁", burst=True)
    await theo.react(message, "🐶")
    for _ in range(2):
        await env.catch_up.catch_up()
        env.restart()
    assert await rerolls(env) == [int(message["id"])] * 2


async def test_live_and_late_are_one(env: DeliveryEnv):
    _, message = await env.posted(env.thread())
    await env.bot.add_cog(env.reactions)
    await env.mina.react(message, "🔁")
    await env.catch_up.catch_up()
    await env.until(lambda: rerolls(env))
    await env.catch_up.catch_up()
    assert len(await rerolls(env)) == 1
    await env.mina.unreact(message, "🔁")
    await env.mina.react(message, "🔁")
    await env.until(lambda: rerolls(env), 2)
    await env.bot.remove_cog(env.reactions.__cog_name__)
    await env.mina.unreact(message, "🔁")
    await env.mina.react(message, "🔁")
    await env.catch_up.catch_up()
    assert len(await rerolls(env)) == 2, "taken back and made again while we were away looks like the old one"
    await env.mina.unreact(message, "🔁")
    await env.catch_up.catch_up()
    await env.mina.react(message, "🔁")
    await env.catch_up.catch_up()
    assert len(await rerolls(env)) == 3


async def test_a_session_that_discord_forgot_is_a_time_away(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    async def at_once(shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py waits 5 s here before a second login."""

    monkeypatch.setattr(env.bot, "before_identify_hook", at_once)
    _, message = await env.posted(env.thread())
    await env.bot.add_cog(env.reactions)
    await env.bot.add_cog(env.catch_up)
    env.net.gateway.forget()
    await env.mina.react(message, "🔁")
    await env.net.gateway.invalidate(resumable=False)
    await env.until(lambda: rerolls(env))
    assert env.net.gateway.identified == 2 and len(await rerolls(env)) == 1


async def test_only_who_may_delete_deletes_late(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    stranger = env.net.person("Stranger")
    await stranger.react(message, "🗑️")
    await env.catch_up.catch_up()
    assert ["only the one who asked" in text for text in env.direct_messages(stranger)] == [True]
    assert len(env.texts(thread)) == 1
    assert env.seen()
    await env.net.person("Mod", permissions=Permission.MANAGE_MESSAGES).react(message, "🗑️")
    await env.catch_up.catch_up()
    assert await env.services.portraits.by_message(int(message["id"])) == []
    assert message["id"] not in [one["id"] for one in env.net.messages(thread)]


async def test_a_bin_is_emptied_though_its_thread_was_archived_since(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    await env.mina.react(message, "🗑️")
    env.net.archive(thread)
    await env.catch_up.catch_up()
    assert not env.net.messages(thread), "neither the portrait nor an apology"
    assert await env.services.portraits.by_message(int(message["id"])) == []


async def test_a_portrait_that_somebody_deleted_answers_no_more(env: DeliveryEnv):
    _, message = await env.posted(env.thread())
    [row] = await env.services.portraits.by_message(int(message["id"]))
    messages.delete(env.net.world, env.net.world.messages[message["id"]])
    await env.catch_up.catch_up()
    assert await env.services.portraits.by_message(int(message["id"])) == []
    assert not row.portrait.path.exists()


async def test_old_portraits_and_shut_channels_are_let_be(env: DeliveryEnv):
    thread, other = env.thread(), env.thread("other")
    _, message = await env.posted(thread)
    for _ in range(3):
        await env.posted(other)
    await env.mina.react(message, "🔁")
    env.pass_time(8 * DAY_S)
    await env.catch_up.catch_up()
    assert await rerolls(env) == []
    env.clock.offset -= 2 * DAY_S
    env.net.deny(EVERYONE)
    await env.catch_up.catch_up()
    assert len(env.budget._failed) == 2, "each channel was asked once"


async def test_a_bad_day_of_discord_only_delays_it(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catch_up, "retry_after_s", lambda error, tries: 0.01)
    _, message = await env.posted(env.thread())
    await env.mina.react(message, "🔁")
    env.net.fail("GET", ONE, status=503, times=3)
    env.net.fail("GET", ONE + "/reactions/{emoji}", times=3, after=True)
    await env.catch_up.catch_up()
    assert len(await rerolls(env)) == 1


@pytest.mark.parametrize("route", [("DELETE", ONE), ("GET", MEMBER)])
async def test_a_bad_moment_costs_no_click(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch, route: tuple[str, str]):
    monkeypatch.setattr(catch_up, "retry_after_s", lambda error, tries: 0.01)
    thread = env.thread()
    _, message = await env.posted(thread)
    await env.net.person("Mod", permissions=Permission.MANAGE_MESSAGES).react(message, "🗑️")
    env.net.fail(*route, status=503, times=2)
    await env.catch_up.catch_up()
    assert not env.net.messages(thread), "neither the portrait nor an apology"


async def test_a_click_at_a_bad_moment_is_done_later(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    await env.bot.add_cog(env.reactions)
    env.net.fail("DELETE", ONE, status=503)
    await env.mina.react(message, "🗑️")
    await env.heard(lambda: any("I could not delete that picture" in text for text in env.direct_messages()))
    await env.catch_up.catch_up()
    assert not await env.services.portraits.by_message(int(message["id"]))


async def test_a_message_that_always_fails_holds_up_no_other(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catch_up, "retry_after_s", lambda error, tries: 0.01)
    thread = env.thread()
    (_, gone), (_, sick) = await env.posted(thread), await env.posted(thread)
    messages.delete(env.net.world, env.net.world.messages[gone["id"]])
    await env.mina.react(sick, "🔁")
    fault = env.net.fail("GET", ONE + "/reactions/{emoji}", status=503, times=1000)
    async with asyncio.timeout(5.0):
        await env.catch_up.catch_up()
    assert not await env.services.portraits.by_message(int(gone["id"])) and not await rerolls(env)
    fault.times = MOST_TRIES
    await env.catch_up.catch_up()
    assert await rerolls(env) == [int(sick["id"])], "it is tried again when all others were looked at"


async def test_reactions_that_a_crash_prevented_are_put_there(env: DeliveryEnv):
    thread = env.thread()
    _, message = await env.posted(thread)
    env.net.world.messages[message["id"]].reactions.clear()
    await env.catch_up.catch_up()
    assert len(env.net.messages(thread)[0]["reactions"]) == 2
