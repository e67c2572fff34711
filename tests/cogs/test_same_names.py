"""Two dogs of one name are told apart by their owners."""

import asyncio

import pytest

from cogs.shared import owners
from tests.helpers.bot_env import BotEnv, enrolled, private
from tests.loopback import Person
from tests.loopback.permissions import Permission

MEMBER = "/guilds/{guild_id}/members/{user_id}"


async def test_in_the_list_and_in_a_sentence(alive: BotEnv):
    mina, theo, ann = (alive.discord.person(name) for name in ("Mina", "Theo", "Ann"))
    mod = alive.discord.person("Mod", permissions=Permission.MANAGE_GUILD)
    await enrolled(alive, mina, "Rex")
    await enrolled(alive, theo, "Bello")
    await enrolled(alive, theo, "REX")
    place, asked = alive.discord.channel, alive.discord.fail("GET", MEMBER, status=200, after=True, times=1000)

    async def offered(person: Person, typed: str, command: str = "/portrait") -> list[str]:
        style = {"style": "oil"} if command == "/portrait" else {}
        return [one["name"] for one in await person.autocomplete(command, place, "pet", typed, **style)]

    assert sorted(await offered(ann, "re")) == ["REX · Theo", "Rex · Mina"]
    assert await offered(theo, "") == ["Bello", "REX · Theo", "Rex · Mina"]
    assert sorted(await offered(ann, "Rex · Mi")) == ["REX · Theo", "Rex · Mina"]
    assert asked.hits == 2, "Discord was asked about each owner once"
    assert await offered(ann, "bel") == ["Bello"]
    said = await private(await ann.slash("/portrait", place, style="oil", pet="rex"))
    assert f"<@{mina.id}>" in said and f"<@{theo.id}>" in said and "pick one" in said
    assert "pick one" in await private(await mod.slash("/pet forget", place, pet="rex")), "not the first one's"
    assert "Shall I forget **REX**" in await private(await theo.slash("/pet forget", place, pet="rex"))


async def test_a_list_does_not_wait_for_discord(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(owners, "WAIT_S", 0.05)
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    await enrolled(alive, mina, "Rex")
    await enrolled(alive, theo, "REX")
    place = alive.discord.channel
    alive.discord.fail("GET", MEMBER, status=200, after=True, slow=0.15, times=2)
    first = await mina.autocomplete("/portrait", place, "pet", "r", style="oil")
    assert [one["name"] for one in first] == ["Rex", "REX"]
    await asyncio.sleep(0.4)
    later = await mina.autocomplete("/portrait", place, "pet", "re", style="oil")
    assert [one["name"] for one in later] == ["Rex · Mina", "REX · Theo"]


async def test_who_has_left_has_no_name(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    await enrolled(alive, mina, "Rex")
    await enrolled(alive, theo, "REX")
    del alive.discord.world.guild.users[theo.id]
    found = await mina.autocomplete("/portrait", alive.discord.channel, "pet", "rex", style="oil")
    assert [one["name"] for one in found] == ["Rex · Mina", "REX"]
