"""Discord, or the way there, fails while the bot starts: it goes on trying, and nobody has to start it anew.

Or the machine may not compute: the bot starts all the same, and whoever asks is told.
"""

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web

from gpu.worker.refusing import RefusingStudio
from tests.helpers.bot_env import BotEnv, named, photos
from tests.helpers.bot_process import BotProcess, light
from tests.loopback import Loopback
from tests.loopback.gateway import Gateway

COMMANDS = "/applications/{application_id}/commands"
TIMES = {503: 1, 429: 1, 0: 2}  # aiohttp itself makes a request again whose connection is cut


@pytest.mark.parametrize("status", [503, 429, 0])
@pytest.mark.parametrize("route", ["/users/@me", "/oauth2/applications/@me", "/gateway/bot"])
async def test_one_fault_at_login_is_waited_for(tmp_path: Path, route: str, status: int):
    async with await Loopback.start() as discord:
        struck = discord.fail("GET", route, status=status, times=TIMES[status])
        alive = BotEnv(discord, tmp_path / "data")
        await alive.start()
        assert (struck.times, discord.gateway.identified) == (0, 1)
        await alive.stop()


async def test_the_rests_between_two_tries_grow(tmp_path: Path):
    async with await Loopback.start() as discord:
        discord.fail("GET", "/users/@me", status=503, times=2)
        alive = BotEnv(discord, tmp_path / "data")
        began = time.monotonic()
        await alive.start()
        assert time.monotonic() - began >= 3
        await alive.stop()


async def test_a_gateway_that_does_not_let_it_in_at_first_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def shut(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    async def hung_up(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=4000)
        return socket

    async def moody(gateway: Gateway, request: web.Request) -> web.StreamResponse:
        return await (moods.pop()(request) if moods else connect(gateway, request))

    moods, connect = [hung_up, shut], Gateway.connect
    monkeypatch.setattr(Gateway, "connect", moody)
    async with await Loopback.start() as discord:
        alive = BotEnv(discord, tmp_path / "data")
        await alive.start()
        assert not moods
        await alive.stop()


@pytest.mark.parametrize("status", [503, 0])
async def test_without_a_sync_the_old_commands_still_work(tmp_path: Path, status: int):
    async with await Loopback.start() as discord:
        struck = discord.fail("PUT", COMMANDS, status=status, times=TIMES[status])
        alive = BotEnv(discord, tmp_path / "data")
        await alive.start(expect_online=False)
        await discord.until(lambda: discord.online)
        assert struck.times == 0
        await alive.stop()


async def test_asked_to_stop_it_does_not_wait_for_discord(tmp_path: Path):
    async with await Loopback.start() as discord:
        struck = discord.fail("GET", "/users/@me", status=503, times=99)
        bot = BotProcess(discord, tmp_path / "data", command=light("steps=4"))
        starting = asyncio.create_task(bot.start())
        while not struck.hits:  # noqa: ASYNC110 (a refusal is no change that the loopback tells of)
            await asyncio.sleep(0.05)
        starting.cancel()
        status, seconds = await bot.stop()
        assert (status, seconds < 25) == (0, True), bot.log.read_text()
        assert "level=error" not in bot.log.read_text()


@pytest.mark.parametrize(
    ("locale", "words"), [("en-US", "I have no graphics card"), ("ko", "쓸 수 있는 그래픽 카드가 없어요")]
)
async def test_without_a_card_whoever_asks_is_told_at_once(tmp_path: Path, locale: str, words: str):
    async with await Loopback.start(pace=10) as discord:
        alive = BotEnv(discord, tmp_path / "data")
        alive.studio = RefusingStudio("No card can be used.")  # type: ignore[assignment]
        await alive.start()
        mina = discord.person("Mina", locale=locale)
        await mina.slash("/enroll", discord.channel, name="Rex", **named(photos(3)))
        thread = await discord.until(lambda: next((one for one in discord.threads if one.name == "Rex"), None))
        await alive.message(thread, words)
        await alive.stop()
