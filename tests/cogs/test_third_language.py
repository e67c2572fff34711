"""A language that is one file and its names of styles: a person whose Discord is German talks with the whole bot."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.helpers.bot_env import BotEnv, bot_env, named, photos, private, whole
from tests.helpers.german import add_german


@pytest.fixture
async def alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BotEnv]:
    add_german(monkeypatch)
    async with bot_env(tmp_path) as bot:
        yield bot


async def test_whoever_has_a_german_discord_reads_german(alive: BotEnv):
    commands = {command["name"]: command for command in alive.discord.commands}
    assert commands["enroll"]["name_localizations"] == {"ko": "등록", "de": "kennenlernen"}
    assert commands["pet"]["options"][0]["description_localizations"]["de"].startswith("Einen Hund vergessen")
    hanna, place = alive.discord.person("Hanna", locale="de"), alive.discord.channel
    asked = await hanna.slash("/enroll", place, name="Waldi", **named(photos(3)))
    assert "3 Fotos von **Waldi** sind gut bei mir angekommen" in (await asked.message(25))["content"]
    thread = alive.discord.threads[0]
    await alive.message(thread, "Jetzt kenne ich **Waldi**")
    [found] = await hanna.autocomplete("/portrait", place, "style", "aqua")
    assert found == {"name": "Aquarell", "value": "watercolour"}
    asked = await hanna.slash("/portrait", place, style=found["value"])
    assert "Die Bilder kommen nach" in await private(asked)
    [_, painted] = await whole(alive, thread, 2)
    assert "**Waldi**, Aquarell" in painted["content"]
    mina = alive.discord.person("Mina", locale="fr")
    assert "The dogs I know here" in await private(await mina.slash("/pets", place))
