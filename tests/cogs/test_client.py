"""How the bot comes to Discord: within the budget of logins, its commands told once; and what a closed one says."""

import asyncio
import json
import logging
import time
from pathlib import Path

import pytest
from aiohttp.web import Request, Response

from bot import PortraitBot, Settings
from cogs.api.client import login_delay_s
from tests.helpers.bot_env import BotEnv
from tests.loopback import Loopback
from tests.loopback.rest import Application, answer


def test_an_ordinary_day_waits_for_nothing():
    assert login_delay_s(1000, 999, 86400) == login_delay_s(1000, 501, 10) == 0


@pytest.mark.parametrize("lives_s", [0.5, 5, 60, 100])
def test_dying_after_each_login_leaves_a_reserve(lives_s: float):
    """A day in which the bot dies so many seconds after each login and is started again at once."""
    now, logins = 0.0, 0
    while (now := now + login_delay_s(1000, 1000 - logins, 86400 - now)) < 86400:
        logins += 1
        now += lives_s
    assert logins <= 900
    assert logins >= 500, "it does not give up either"


@pytest.mark.parametrize("remaining", [100, 1, 0])
def test_the_reserve_is_not_touched_before_the_day_is_over(remaining: int):
    assert login_delay_s(1000, remaining, 3600) == 3600


async def test_the_bot_waits_before_it_logs_in_and_before_it_does_so_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With 500 of 1,000 left for 480 s, each login waits 1.2 s; a lost session costs discord.py's own 5 s besides."""

    async def limited(_: Application, __: Request) -> Response:
        limit = {"total": 1000, "remaining": 500, "reset_after": 480_000, "max_concurrency": 1}
        return answer({"url": "", "shards": 1, "session_start_limit": limit})

    monkeypatch.setattr(Application, "gateway_bot", limited)
    async with await Loopback.start() as discord:
        alive = BotEnv(discord, tmp_path / "data")
        began = time.monotonic()
        await alive.start()
        assert time.monotonic() - began >= 1.2
        began = time.monotonic()
        discord.gateway.forget()
        await discord.gateway.drop()
        await discord.until(lambda: discord.gateway.identified == 2 and discord.online, 25)
        assert time.monotonic() - began >= 6.2
        await alive.stop()


async def test_commands_are_synced_only_when_they_changed(tmp_path: Path):
    async with await Loopback.start(record=tmp_path) as discord:
        alive = BotEnv(discord, tmp_path / "data")
        for _ in range(2):
            await alive.start()
            await alive.stop()
    traffic = (tmp_path / "traffic.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["method"] == "PUT" and "/commands" in line for line in traffic) == 1


async def test_commands_that_move_to_a_server_or_from_it_are_there_once(tmp_path: Path):
    async with await Loopback.start() as discord:
        alive, here = BotEnv(discord, tmp_path / "data"), int(discord.guild.id)
        for guild_id in (None, here, None, here):
            await alive.start(guild_id=guild_id)
            names = [(one["type"], one["name"]) for one in discord.commands]
            assert names and len(names) == len(set(names))
            assert {one.get("guild_id") for one in discord.commands} == {str(guild_id) if guild_id else None}
            await alive.stop()
        synced = alive.data / "commands.sha256"
        synced.write_text(f"{'0' * 64} 99")
        await alive.start(guild_id=here)
        assert synced.read_text().endswith(f" {here}"), "also where the bot is not in the old server any more"
        await alive.stop()


async def test_a_closed_client_tells_its_listeners_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """discord.py says "ready" 0.3 s after Discord did, though the client may be closed by then and have no loop."""
    caplog.set_level(logging.INFO, "pawtrait")
    settings = Settings(_env_file=None, discord_token="t", data=tmp_path)  # type: ignore[call-arg]
    async with PortraitBot(settings) as client:
        client.dispatch("ready")
        await asyncio.sleep(0)
    client.dispatch("ready")
    assert caplog.messages.count("Online") == 1
