"""A command is one cog file, its sentences, and its name in bot.py: one is added here, and people use it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import bot
from cogs.shared.text import TEXTS, read_texts
from tests.helpers.bot_env import BotEnv, bot_env, enrolled

SAMPLE = Path(__file__).with_name("sample")


@pytest.fixture
async def alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BotEnv]:
    """The whole bot, with /pat."""
    for language, table in read_texts(SAMPLE).items():
        for section, sentences in table.items():
            monkeypatch.setitem(TEXTS[language], section, TEXTS[language].get(section, {}) | sentences)
    from tests.cogs.sample.pat import PatCog  # its labels are read where it is imported

    monkeypatch.setattr(bot, "COMMANDS", (*bot.COMMANDS, PatCog))
    async with bot_env(tmp_path) as opened:
        yield opened


async def test_people_use_a_command_that_was_added(alive: BotEnv):
    mina, hana = alive.discord.person("Mina"), alive.discord.person("Hana", locale="ko")
    place = alive.discord.channel
    [pat] = [command for command in alive.discord.commands if command["name"] == "pat"]
    assert pat["name_localizations"] == {"ko": "쓰다듬기"}
    assert "`/enroll` first" in (await (await mina.slash("/pat", place)).message(25))["content"]
    await enrolled(alive, mina, "보리")
    [choice] = await hana.autocomplete("/pat", place, "pet", "보")
    asked = await hana.slash("/pat", place, pet=choice["value"])
    assert (await asked.message(25))["content"] == "**보리**가 꼬리를 흔들어요. 🐾"
    assert "**보리** wags" in (await (await mina.slash("/pat", place)).message(25))["content"]
