"""Interactions and commands: what the loopback Discord refuses, with Discord's own statuses and codes.

Plain requests, since discord.py would not send most of these. Nothing here is recorded: it breaks Discord's rules.
"""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.loopback import Loopback, Person, Upload
from tests.loopback.raw import ASK, Raw
from tests.loopback.values import Json

MODAL: Json = {
    "title": "Photos",
    "custom_id": "m",
    "components": [
        {"type": 18, "label": "Photos", "component": {"type": 19, "custom_id": "p", "min_values": 1, "max_values": 2}}
    ],
}


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    async with await Loopback.start(pace=1000) as loopback, ClientSession() as session:
        bot = Raw(loopback, session)
        await bot.call("PUT", f"{bot.app}/commands", [ASK])
        yield bot


@pytest.fixture
def mina(raw: Raw) -> Person:
    return raw.loopback.person("Mina")


async def test_first_answer_within_three_seconds_and_once(raw: Raw, mina: Person) -> None:
    asked = await mina.slash("/ask", raw.loopback.channel, what="x")
    assert await raw.answer(asked, 4, content="yes") == (204, {})
    assert await raw.answer(asked, 4, content="yes") == (400, 40060)
    late = await mina.slash("/ask", raw.loopback.channel)
    raw.loopback.clock.advance(3.1)
    assert await raw.answer(late, 4, content="late") == (404, 10062)
    assert await raw.call("POST", "/interactions/1/none/callback", {"type": 5}) == (404, 10062)
    with pytest.raises(TimeoutError):
        await late.first_answer(timeout=0.01)


async def test_webhook_token_lives_fifteen_minutes(raw: Raw, mina: Person) -> None:
    asked = await mina.slash("/ask", raw.loopback.channel)
    assert await raw.call("POST", raw.webhook(asked), {"content": "early"}) == (404, 10015)
    await raw.answer(asked, 5)
    with pytest.raises(TimeoutError):
        await asked.message(timeout=0.01)
    status, message = await raw.call(
        "POST", f"{raw.webhook(asked)}?wait=1", {"content": "fills the deferred answer in"}
    )
    assert (status, message["id"]) == (200, (await asked.message())["id"])
    assert (await raw.call("POST", raw.webhook(asked), {"content": "one more"}))[0] == 204
    assert len(asked.followups) == 1
    raw.loopback.clock.advance(15 * 60)
    original = f"{raw.webhook(asked)}/messages/@original"
    assert await raw.call("PATCH", original, {"content": "late"}) == (401, 50027)
    assert await raw.call("POST", raw.webhook(asked), {"content": "late"}) == (401, 50027)


async def test_original_can_be_read_edited_and_deleted(raw: Raw, mina: Person) -> None:
    asked = await mina.slash("/ask", raw.loopback.channel)
    await raw.answer(asked, 4, content="one", flags=64)
    original = f"{raw.webhook(asked)}/messages/@original"
    assert (await raw.call("PATCH", original, {"content": "two"}, ("a.txt", b"x")))[0] == 400
    body = {"content": "two", "attachments": [{"id": 0, "filename": "a.txt"}]}
    assert (await raw.call("PATCH", original, body, ("a.txt", b"x")))[1]["attachments"][0]["size"] == 1
    assert (await raw.call("GET", original))[1]["flags"] == 64
    message_id = (await asked.message())["id"]
    assert await raw.call("GET", f"{raw.channel}/messages/{message_id}") == (404, 10008)
    assert (await raw.call("DELETE", original))[0] == 204
    assert await raw.call("GET", original) == (404, 10008)


@pytest.mark.parametrize("kind", [1, 6, 7, 8])
async def test_a_command_is_not_answered_with(raw: Raw, mina: Person, kind: int) -> None:
    asked = await mina.slash("/ask", raw.loopback.channel)
    assert await raw.answer(asked, kind, content="no") == (400, 50035)


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "x" * 46},
        {"custom_id": ""},
        {"components": []},
        {"components": MODAL["components"] * 6},
        {"components": [{"type": 19, "custom_id": "p"}]},
        {"components": [{"type": 18, "label": "x" * 46, "component": {"type": 19, "custom_id": "p"}}]},
        {"components": [{"type": 18, "label": "x", "component": {"type": 19, "custom_id": "p", "max_values": 11}}]},
    ],
)
async def test_modals_that_discord_refuses(raw: Raw, mina: Person, change: Json) -> None:
    asked = await mina.slash("/ask", raw.loopback.channel)
    assert await raw.answer(asked, 9, **MODAL | change) == (400, 50035)
    assert await raw.answer(asked, 9, **MODAL) == (204, {})


async def test_a_modal_is_not_answered_with_a_modal(raw: Raw, mina: Person) -> None:
    asked = await mina.slash("/ask", raw.loopback.channel)
    await raw.answer(asked, 9, **MODAL)
    sent = await asked.submit({"p": [Upload("a.png", b"1")]})
    assert await raw.answer(sent, 9, **MODAL) == (400, 50035)
    assert await raw.answer(sent, 5) == (204, {})


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Ask"},
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 33},
        {"name": "ask!"},
        {"description": ""},
        {"description": "x" * 101},
        {"name_localizations": {"ko": "물어 봐"}},
        {"options": [{"type": 3, "name": f"o{n}", "description": "d"} for n in range(26)]},
        {"options": [{"type": 3, "name": "same", "description": "d"}] * 2},
        {"options": [{"type": 3, "name": "Big", "description": "d"}]},
        {
            "options": [
                {"type": 3, "name": "a", "description": "d"},
                {"type": 3, "name": "b", "description": "d", "required": True},
            ]
        },
        {"options": [{"type": 1, "name": "a", "description": "d"}, {"type": 3, "name": "b", "description": "d"}]},
        {"options": [{"type": 3, "name": "a", "description": "d", "choices": [{"name": "", "value": "v"}]}]},
        {"options": [{"type": 3, "name": "a", "description": "d", "choices": [{"name": "n", "value": "v"}] * 26}]},
        {
            "options": [
                {
                    "type": 3,
                    "name": f"o{n}",
                    "description": "d" * 100,
                    "choices": [{"name": "n" * 80, "value": "v" * 100} for _ in range(5)],
                }
                for n in range(9)
            ]
        },
    ],
)
async def test_commands_that_discord_refuses(raw: Raw, change: Json) -> None:
    for path in (f"{raw.app}/commands", f"{raw.app}/guilds/{raw.loopback.guild.id}/commands"):
        assert await raw.call("PUT", path, [ASK | change]) == (400, 50035)


async def test_commands_that_discord_takes(raw: Raw) -> None:
    path = f"{raw.app}/guilds/{raw.loopback.guild.id}/commands"
    korean = ASK | {"name": "강아지-1_'", "name_localizations": {"ko": "묻기"}, "default_member_permissions": "8192"}
    status, [stored] = await raw.call("PUT", path, [korean])
    assert (status, stored["guild_id"]) == (200, raw.loopback.guild.id)
    _, [again] = await raw.call("PUT", path, [korean | {"description": "Other"}])
    assert (again["id"], again["description"]) == (stored["id"], "Other")
    assert await raw.call("PUT", path, [korean, korean]) == (400, 50035)
    assert await raw.call("PUT", f"{raw.app}/commands", [ASK | {"name": f"a{n}"} for n in range(101)]) == (400, 30032)
