"""What cannot be downloaded is told: in a sentence, and of photos in a line for each."""

from pathlib import Path

import pytest
from aiohttp import web

from tests.helpers.bot_env import BotEnv, bot_env, named, photos
from tests.loopback import Upload
from tests.loopback.cdn import Cdn


async def said(alive: BotEnv, command: str, **options: Upload) -> str:
    asked = await alive.discord.person("Mina").slash(command, alive.discord.channel, name="Rex", **options)
    return (await asked.message(25))["content"]


@pytest.mark.parametrize("status", [204, 302, 404, 503])
async def test_what_discord_does_not_hand_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int):
    async def refuse(*_: object) -> web.Response:
        return web.Response(status=status)

    monkeypatch.setattr(Cdn, "serve", refuse)
    async with bot_env(tmp_path) as alive:
        told = await said(alive, "/pet import", file=Upload("rex.zip", b"PK"))
        assert told == "I could not download that zip. Please try again."
        assert "I could not download it" in await said(alive, "/enroll", **named(photos(3)))


async def test_what_does_not_lie_with_discord(tmp_path: Path):
    async with bot_env(tmp_path, discord_cdn_hosts="cdn.discordapp.com") as alive:
        told = await said(alive, "/pet import", file=Upload("rex.zip", b"PK"))
        assert told.startswith("That zip does not come from Discord")
        assert "it does not come from Discord" in await said(alive, "/enroll", **named(photos(3)))
