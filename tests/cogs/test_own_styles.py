"""Styles of a server: those who manage it add them, everybody paints in them, and what was painted outlives them."""

import pytest

from storage.styles import MOST_STYLES
from tests.helpers.bot_env import BotEnv, enrolled, pressed, private, whole
from tests.loopback import Impossible, Permission, Person

KNIT = {
    "name": "Grandma's jumper", "description": "Knitted, with love",
    "medium": "a knitted wool doll", "negative": "photo, drawing",
}  # fmt: skip


async def test_added_by_a_manager_painted_by_anybody_and_again_when_it_is_gone(alive: BotEnv):
    mina, hana = alive.discord.person("Mina", permissions=Permission.MANAGE_GUILD), alive.discord.person("Hana")
    thread, place = await enrolled(alive, hana), alive.discord.channel
    assert "**Grandma's jumper** is among" in await private(await mina.slash("/style add", place, **KNIT))
    assert "called **GRANDMA'S jumper** already" in await private(
        await mina.slash("/style add", place, **KNIT | {"name": "GRANDMA'S  jumper"})
    )
    [found] = await hana.autocomplete("/portrait", place, "style", "grandma")
    assert found == {"name": "Grandma's jumper", "value": "Grandma's jumper"}
    await hana.slash("/portrait", place, style=found["value"], wish="in the snow")
    [_, made] = await whole(alive, thread, 2)
    assert "a knitted wool doll" in made["content"]
    assert [found] == await mina.autocomplete("/style remove", place, "name", "jump")
    assert "is gone" in await private(await mina.slash("/style remove", place, name="grandma's jumper"))
    assert "no style of its own" in await private(await mina.slash("/style remove", place, name="grandma's jumper"))
    assert await hana.autocomplete("/portrait", place, "style", "grandma") == []
    assert f"<#{thread.id}>" in await pressed(hana, made, "again")
    await whole(alive, thread, 3)
    first, again = [job.wish for job in alive.studio.painted]
    assert (first.style, first.negative, first.text) == ("a knitted wool doll", "photo, drawing", "in the snow")
    assert again == first


REFUSED = [
    ("name", "see https://evil.example", "plain words"),
    ("name", "<@1234567890>", "plain words"),
    ("name", "@everyone", "plain words"),
    ("name", "\u202e\u200b", "plain words"),
    ("name", "Water-Colour", "**Water\\-Colour** already"),
    ("name", "레고", "**레고** already"),
    ("description", "[a](https://evil.example)", "plain words"),
    ("description", "**loud**", "plain words"),
    ("medium", "수채화", "plain English"),
    ("medium", "a doll <s0>", "plain English"),
    ("medium", "see http://evil.example", "plain English"),
    ("negative", "photo`", "plain English"),
    ("negative", "photo\u202e!", "plain English"),
]


async def test_only_plain_words_from_those_who_manage_the_server(alive: BotEnv):
    mina, place = alive.discord.person("Mina", permissions=Permission.MANAGE_GUILD), alive.discord.channel
    for option, typed, words in REFUSED:
        assert words in await private(await mina.slash("/style add", place, **KNIT | {option: typed}))
    assert await mina.autocomplete("/style remove", place, "name", "") == []
    for number in range(MOST_STYLES):
        await private(await mina.slash("/style add", place, **KNIT | {"name": f"\u202eStyle {number}"}))
    assert "20 styles of its own" in await private(await mina.slash("/style add", place, **KNIT))
    own = await mina.autocomplete("/style remove", place, "name", "")
    assert [one["name"] for one in own] == [f"Style {number}" for number in range(MOST_STYLES)]
    with pytest.raises(Impossible, match="does not see"):
        await alive.discord.person("Theo").slash("/style add", place, **KNIT)


async def test_suggestions_speak_the_language_and_come_best_first(alive: BotEnv):
    mina, hana = alive.discord.person("Mina"), alive.discord.person("Hana", locale="ko")

    async def suggested(person: Person, typed: str) -> list[str]:
        return [one["name"] for one in await person.autocomplete("/portrait", alive.discord.channel, "style", typed)]

    assert (await suggested(mina, "oil"))[0] == "Oil painting" and (await suggested(hana, "유화"))[0] == "유화"
    assert (await suggested(mina, "pencil"))[:2] == ["Pencil sketch", "Coloured pencils"]
    assert await suggested(mina, "LEGO") == ["Toy bricks"] and await suggested(hana, "lego") == ["레고"]
    assert await suggested(mina, "수묵") == ["Ink wash"] and (await suggested(mina, "in the style of ukiyo-e")) == [
        "Ukiyo-e"
    ]
    assert len(await suggested(hana, "")) == 25 and await suggested(mina, "a mosaic of shells") == []
