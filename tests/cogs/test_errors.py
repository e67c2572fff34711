"""A bug is heard of, wherever it is; what only fails because the bot is closing is not."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

import aiohttp
import discord
import pytest
from discord.ext import commands

from bot import PortraitBot, Settings
from cogs.api.transport import DiscordTransport
from cogs.shared.errors import Interaction, note_dropped
from cogs.shared.services import Services
from tests.helpers.bot_env import BotEnv, private
from tests.helpers.delivery_env import DeliveryEnv
from tests.loopback import Loopback
from tests.loopback.client import logged_in


class Listener(commands.Cog):
    """Asks Discord for something each time it is told."""

    def __init__(self, bot: commands.Bot) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_told(self, broken: bool) -> None:
        if broken:
            raise RuntimeError("a bug")
        await self._bot.fetch_channel(1)


def loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as a warning or worse, and the error with it; but for what discord.py misses (intents, voice)."""
    heard = [one for one in caplog.records if one.levelno >= logging.WARNING]
    lines = [f"{one.getMessage()}: {one.exc_info and one.exc_info[1]}" for one in heard]
    return [line for line in lines if "intent" not in line and "voice" not in line]


async def broken(*_: object) -> None:
    raise RuntimeError("a bug")


async def test_a_bug_in_a_listener_is_heard(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    async with await Loopback.start() as discord:
        bot = PortraitBot(Settings(_env_file=None, discord_token=discord.token, data=tmp_path))  # type: ignore[call-arg]
        await bot.add_cog(Listener(bot))
        async with logged_in(bot, discord):
            bot.dispatch("told", True)
            await asyncio.sleep(0.1)
            assert ["a bug" in line for line in loud(caplog)] == [True]
        caplog.clear()
        for broken in (False, True):  # the session is closed by now; a bug is one all the same
            try:
                await Listener(bot).on_told(broken)
            except RuntimeError:
                await bot.on_error("on_told")
            assert ["a bug" in line for line in loud(caplog)] == [True] * broken


async def test_a_bug_in_a_command_is_heard(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("cogs.pets.known_pets", broken)
    mina = alive.discord.person("Mina")
    assert "Something went wrong" in await private(await mina.slash("/pets", alive.discord.channel))
    assert ["a bug" in line for line in loud(caplog)] == [True]


async def test_a_failing_network_is_told_and_is_no_bug(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def cut(*_: object) -> None:
        raise aiohttp.ServerDisconnectedError

    monkeypatch.setattr("cogs.pets.known_pets", cut)
    mina = alive.discord.person("Mina")
    assert "Discord did not hear me" in await private(await mina.slash("/pets", alive.discord.channel))
    assert [(one.levelname, one.exc_info) for one in caplog.records if "disconnected" in one.getMessage()] == [
        ("WARNING", None)
    ]


@pytest.mark.parametrize(
    ("error", "bug"),
    [
        (aiohttp.ServerDisconnectedError(), False),
        (TimeoutError(), False),
        (discord.RateLimited(60.0), False),
        (RuntimeError("Session is closed"), False),
        (RuntimeError("deque mutated during iteration"), True),
        (RecursionError(), True),
        (discord.ClientException("answered twice"), True),
        (KeyError("id"), True),
    ],
)
async def test_words_that_are_dropped_hide_no_bug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, bug: bool
):
    """Not even where the bot is closing."""
    bot = PortraitBot(Settings(_env_file=None, discord_token="t", data=tmp_path))  # type: ignore[call-arg]
    await bot.close()
    note_dropped(bot, error, "Progress")
    assert [one.levelname for one in caplog.records if "Progress" in one.getMessage()] == ["ERROR"] * bug


async def test_a_bug_in_suggestions_is_heard(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("cogs.portrait.known_pets", broken)
    mina = alive.discord.person("Mina")
    typing = asyncio.create_task(mina.autocomplete("/portrait", alive.discord.channel, "pet", "re", style="oil"))
    for _ in range(100):
        if loud(caplog):
            break
        await asyncio.sleep(0.05)
    typing.cancel()
    with suppress(TimeoutError, asyncio.CancelledError):  # nothing is suggested
        await typing
    assert ["a bug" in line for line in loud(caplog)] == [True]


async def test_a_bug_in_a_progress_message_is_heard(
    env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    thread = env.thread()
    await env.order(await env.pet(thread))
    with monkeypatch.context() as patch:
        patch.setattr(env.services.jobs, "set_progress_message", broken)
        await env.progress.open(int(thread.id))
    assert ["a bug" in line for line in loud(caplog)] == [True]
    caplog.clear()
    await env.bot.close()
    await env.progress.open(int(thread.id))
    assert not loud(caplog)


async def test_a_command_that_the_end_of_the_bot_interrupts_is_no_bug(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def interrupted(_: Services, interaction: Interaction) -> None:
        await interaction.client.close()
        await interaction.edit_original_response(content="too late")

    monkeypatch.setattr("cogs.pets.known_pets", interrupted)
    await alive.discord.person("Mina").slash("/pets", alive.discord.channel)
    assert await alive.ended() == 0
    assert [line.partition(":")[0] for line in loud(caplog)] == ["An interaction was not answered"]


async def test_a_bug_that_costs_a_portrait_its_reactions_is_no_detail(env: DeliveryEnv):
    await env.bot.close()
    with pytest.raises(RuntimeError):
        await DiscordTransport(env.bot).add_reactions(1, 2)
