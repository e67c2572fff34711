"""Why this prompt?: asked in the menu of a message, answered privately."""

from dataclasses import replace

import pytest

from cogs.why import _reasons
from gpu.portraits import Prompt
from tests.helpers.bot_env import BotEnv, enrolled, private, whole


async def test_whoever_asks_is_told_how_the_prompt_came_about(alive: BotEnv):
    mina, hana = alive.discord.person("Mina"), alive.discord.person("Hana", locale="ko")
    thread = await enrolled(alive, mina, "보리")
    [message] = await whole(alive, thread, 1)
    said = await private(await hana.ask_about(message, "Why this prompt?"))
    assert said.startswith("**보리**, 수채화:")
    assert "생각해 보고" in said and "`" in said
    assert "<s0>" not in said and "보리" in said.split("🖼️")[1]
    assert "I thought your wish over" in await private(await mina.ask_about(message, "Why this prompt?"))


async def test_of_other_messages_nothing_is_known(alive: BotEnv):
    mina = alive.discord.person("Mina")
    message = await mina.say(alive.discord.channel, "hello")
    assert "none of my portraits" in await private(await mina.ask_about(message, "Why this prompt?"))


async def test_a_portrait_of_a_forgotten_dog_is_not_explained(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    sheet = next(one for one in alive.discord.messages(thread) if one["attachments"])
    assert "I keep no portrait" in await private(await mina.ask_about(sheet, "Why this prompt?"))


async def test_its_name_is_korean_in_a_korean_client(alive: BotEnv):
    [menu] = [command for command in alive.discord.commands if command["type"] == 3]
    assert (menu["name"], menu["name_localizations"]) == ("Why this prompt?", {"ko": "왜 이 프롬프트예요?"})


PROMPT = Prompt(
    text="a photo of <s0> <s1> dog, in a park", negative="hat", thought="**see** <s0> https://evil.example @everyone"
)


def test_nothing_that_a_model_thought_does_anything():
    [_, thought, words, without] = _reasons("en", PROMPT, "Rex `x`")
    assert "https://" not in thought and "@everyone" not in thought.replace("@\u200b", "") and "\\*\\*see" in thought
    assert words == "🖼️ `a photo of Rex 'x', in a park`"
    assert without == "🚫 kept out: `hat`"


@pytest.mark.parametrize("source", ["llm", "llm-retried", "template"])
def test_who_wrote_it_is_said(source: str):
    lines = _reasons("ko", replace(PROMPT, source=source, thought="", negative=""), "Rex")  # type: ignore[arg-type]
    assert len(lines) == 2 and lines[0].startswith("✍️")


def test_the_template_gives_no_reason_as_there_may_be_no_llama():
    assert _reasons("en", replace(PROMPT, source="template"), "Rex")[0] == "✍️ I put your own words into the prompt."
