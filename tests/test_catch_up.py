"""Reactions that were made while nobody was there are answered once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cogs import catch_up
from cogs.catch_up import MOST_TRIES
from tests.loopback import messages
from tests.loopback.permissions import EVERYONE, Permission
from tests.office import Office, office

DAY_S = 86400.0
ONE = "/channels/{channel_id}/messages/{message_id}"
MEMBER = "/guilds/{guild_id}/members/{user_id}"


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(catch_up, "PACE_S", 0.0)
    async with office(tmp_path) as opened:
        yield opened


async def rerolls(post: Office) -> list[int]:
    """The messages for which a reroll waits."""
    rows = await post.db.all("SELECT reply_to FROM jobs WHERE reply_to IS NOT NULL ORDER BY created")
    return [row[0] for row in rows]


async def test_what_was_asked_meanwhile_is_answered_once(post: Office):
    _, message = await post.hung(post.thread())
    theo = post.net.person("Theo")
    await post.mina.react(message, "🔁")
    await theo.react(message, "🔁", burst=True)
    await theo.react(message, "🐶")
    for _ in range(2):
        await post.catch_up.catch_up()
        post.hire()
    assert await rerolls(post) == [int(message["id"])] * 2


async def test_live_and_late_are_one(post: Office):
    _, message = await post.hung(post.thread())
    await post.bot.add_cog(post.reactions)
    await post.mina.react(message, "🔁")
    await post.catch_up.catch_up()
    await post.until(lambda: rerolls(post))
    await post.catch_up.catch_up()
    assert len(await rerolls(post)) == 1
    await post.mina.unreact(message, "🔁")
    await post.mina.react(message, "🔁")
    await post.until(lambda: rerolls(post), 2)
    await post.bot.remove_cog(post.reactions.__cog_name__)
    await post.mina.unreact(message, "🔁")
    await post.mina.react(message, "🔁")
    await post.catch_up.catch_up()
    assert len(await rerolls(post)) == 2, "taken back and made again while we were away looks like the old one"
    await post.mina.unreact(message, "🔁")
    await post.catch_up.catch_up()
    await post.mina.react(message, "🔁")
    await post.catch_up.catch_up()
    assert len(await rerolls(post)) == 3


async def test_a_session_that_discord_forgot_is_a_time_away(post: Office, monkeypatch: pytest.MonkeyPatch):
    async def at_once(shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py waits 5 s here before a second login."""

    monkeypatch.setattr(post.bot, "before_identify_hook", at_once)
    _, message = await post.hung(post.thread())
    await post.bot.add_cog(post.reactions)
    await post.bot.add_cog(post.catch_up)
    post.net.gateway.forget()
    await post.mina.react(message, "🔁")
    await post.net.gateway.invalidate(resumable=False)
    await post.until(lambda: rerolls(post))
    assert post.net.gateway.identified == 2 and len(await rerolls(post)) == 1


async def test_only_who_may_delete_deletes_late(post: Office):
    thread = post.thread()
    _, message = await post.hung(thread)
    await post.net.person("Stranger").react(message, "🗑️")
    await post.catch_up.catch_up()
    assert any("only the one who asked" in text for text in post.texts(thread))
    assert post.seen()
    await post.net.person("Mod", permissions=Permission.MANAGE_MESSAGES).react(message, "🗑️")
    await post.catch_up.catch_up()
    assert await post.house.portraits.by_message(int(message["id"])) == []
    assert message["id"] not in [one["id"] for one in post.net.messages(thread)]


async def test_a_bin_is_emptied_though_its_thread_was_archived_since(post: Office):
    thread = post.thread()
    _, message = await post.hung(thread)
    await post.mina.react(message, "🗑️")
    post.net.archive(thread)
    await post.catch_up.catch_up()
    assert not post.net.messages(thread), "neither the portrait nor an apology"
    assert await post.house.portraits.by_message(int(message["id"])) == []


async def test_a_portrait_that_somebody_deleted_answers_no_more(post: Office):
    _, message = await post.hung(post.thread())
    [row] = await post.house.portraits.by_message(int(message["id"]))
    messages.delete(post.net.world, post.net.world.messages[message["id"]])
    await post.catch_up.catch_up()
    assert await post.house.portraits.by_message(int(message["id"])) == []
    assert not row.portrait.path.exists()


async def test_old_portraits_and_shut_channels_are_let_be(post: Office):
    thread, other = post.thread(), post.thread("other")
    _, message = await post.hung(thread)
    for _ in range(3):
        await post.hung(other)
    await post.mina.react(message, "🔁")
    post.pass_time(8 * DAY_S)
    await post.catch_up.catch_up()
    assert await rerolls(post) == []
    post.clock.offset -= 2 * DAY_S
    post.net.deny(EVERYONE)
    await post.catch_up.catch_up()
    assert len(post.budget._failed) == 2, "each channel was asked once"


async def test_a_bad_day_of_discord_only_delays_it(post: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catch_up, "patience", lambda error, tries: 0.01)
    _, message = await post.hung(post.thread())
    await post.mina.react(message, "🔁")
    post.net.fail("GET", ONE, status=503, times=3)
    post.net.fail("GET", ONE + "/reactions/{emoji}", times=3, after=True)
    await post.catch_up.catch_up()
    assert len(await rerolls(post)) == 1


@pytest.mark.parametrize("route", [("DELETE", ONE), ("GET", MEMBER)])
async def test_a_bad_moment_costs_no_click(post: Office, monkeypatch: pytest.MonkeyPatch, route: tuple[str, str]):
    monkeypatch.setattr(catch_up, "patience", lambda error, tries: 0.01)
    thread = post.thread()
    _, message = await post.hung(thread)
    await post.net.person("Mod", permissions=Permission.MANAGE_MESSAGES).react(message, "🗑️")
    post.net.fail(*route, status=503, times=2)
    await post.catch_up.catch_up()
    assert not post.net.messages(thread), "neither the portrait nor an apology"


async def test_a_click_at_a_bad_moment_is_done_later(post: Office):
    thread = post.thread()
    _, message = await post.hung(thread)
    await post.bot.add_cog(post.reactions)
    post.net.fail("DELETE", ONE, status=503)
    await post.mina.react(message, "🗑️")
    await post.heard(lambda: "I could not delete that picture. Please try again." in post.texts(thread))
    await post.catch_up.catch_up()
    assert not await post.house.portraits.by_message(int(message["id"]))


async def test_a_message_that_always_fails_holds_up_no_other(post: Office, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catch_up, "patience", lambda error, tries: 0.01)
    thread = post.thread()
    (_, gone), (_, sick) = await post.hung(thread), await post.hung(thread)
    messages.delete(post.net.world, post.net.world.messages[gone["id"]])
    await post.mina.react(sick, "🔁")
    fault = post.net.fail("GET", ONE + "/reactions/{emoji}", status=503, times=1000)
    async with asyncio.timeout(5.0):
        await post.catch_up.catch_up()
    assert not await post.house.portraits.by_message(int(gone["id"])) and not await rerolls(post)
    fault.times = MOST_TRIES
    await post.catch_up.catch_up()
    assert await rerolls(post) == [int(sick["id"])], "it is tried again when all others were looked at"


async def test_reactions_that_a_crash_prevented_are_put_there(post: Office):
    thread = post.thread()
    _, message = await post.hung(thread)
    post.net.world.messages[message["id"]].reactions.clear()
    await post.catch_up.catch_up()
    assert len(post.net.messages(thread)[0]["reactions"]) == 2
