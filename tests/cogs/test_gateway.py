"""Whatever comes over the gateway: the bot goes on, and says in one line what it passed over."""

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.helpers.bot_env import BotEnv, enrolled, named, photos, private, whole
from tests.helpers.mutations import mutated
from tests.loopback import Exchange, rules, wire
from tests.loopback.interactions import Interactions

CALLBACK = "/interactions/{interaction_id}/{token}/callback"
FUZZED = 400  # events


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """What was logged at this level or above, but for what discord.py misses (intents, voice)."""
    heard = [one.getMessage() for one in caplog.records if one.levelno >= level]
    return [line for line in heard if "intent" not in line and "voice" not in line]


async def still_answers(alive: BotEnv) -> bool:
    mina = alive.discord.person("Mina")
    return "dog" in await private(await mina.slash("/pets", alive.discord.channel))


async def test_an_event_that_cannot_be_read_costs_one_line(alive: BotEnv, caplog: pytest.LogCaptureFixture):
    """A voice channel without the fields that discord.py counts on."""
    guild_id = alive.discord.guild.id
    voice = {"id": "1", "type": 2, "guild_id": guild_id, "name": "v", "position": 0, "permission_overwrites": []}
    alive.discord.gateway.tell("CHANNEL_CREATE", voice)
    assert await still_answers(alive)
    assert ["CHANNEL_CREATE" in line for line in lines(caplog)] == [True]
    assert alive.discord.gateway.identified == 1


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("SOMETHING_NEW", {"a": 1}),
        ("CHANNEL_CREATE", {"id": "1", "type": 99, "name": "v", "position": 0, "permission_overwrites": []}),
        ("GUILD_EMOJIS_UPDATE", {"guild_id": "5", "emojis": []}),
    ],
)
async def test_what_is_new_to_discord_py_costs_nothing(
    alive: BotEnv, caplog: pytest.LogCaptureFixture, event: str, data: dict[str, Any]
):
    alive.discord.gateway.tell(event, data | {"guild_id": alive.discord.guild.id})
    assert await still_answers(alive)
    assert not [line for line in lines(caplog) if "could not be read" in line and "unknown" not in line]


@pytest.mark.parametrize(
    "frame",
    [
        "no json", "[]", '{"op": 10, "d": null}', '{"op": 0, "t": "READY", "s": 1, "d": {}}',
        '{"op": 0, "t": "RESUMED", "s": 1, "d": null}', "[" * 100_000,
    ],
    ids=["text", "list", "hello", "ready", "resumed", "deep"],
)  # fmt: skip
async def test_a_frame_that_cannot_be_read_costs_the_connection(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch, frame: str
):
    """There is no knowing what was lost with it, so the bot logs in again."""
    monkeypatch.setattr("cogs.api.refusals.backoff_s", lambda tries: 0.01)
    await alive.discord.gateway.write(frame)
    await alive.discord.until(lambda: alive.discord.gateway.identified == 2, 15)
    assert await still_answers(alive)


async def test_a_command_that_cannot_be_read_is_told(alive: BotEnv, caplog: pytest.LogCaptureFixture):
    pets = next(one for one in alive.discord.commands if one["name"] == "pets")
    mina, data = alive.discord.person("Mina"), {"id": pets["id"], "name": "pets", "type": 1, "resolved": 5}
    interactions = alive.discord._interactions
    asked = Exchange(interactions.ask(2, mina.user, alive.discord.channel, data), alive.discord.world, interactions)
    assert "did not understand" in await private(asked)
    assert ["A command could not be read" in line for line in lines(caplog)] == [True]


async def test_spoilt_events_do_not_stop_it(alive: BotEnv):
    random, thread = Random(20), await enrolled(alive, alive.discord.person("Theo"))
    [portrait] = await whole(alive, thread, 1)
    await alive.discord.person("Ann").react(portrait, "🐶")
    known = [event for event in alive.discord.gateway.sent if event["t"] != "READY"]
    for event in random.choices(known, k=FUZZED):
        alive.discord.gateway.tell(event["t"], mutated(random, event["d"]))
        await asyncio.sleep(0)
    guild = wire.guild_create(alive.discord.guild, alive.discord.world.me)
    alive.discord.gateway.tell("GUILD_CREATE", guild)  # some said that the bot was sent away
    assert await still_answers(alive)
    assert alive.discord.gateway.identified == 1


# ---- ordinary events that look like errors ---------------------------------------------------------------------------


async def test_an_interaction_that_comes_twice_is_answered_once(
    alive: BotEnv, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.INFO)
    tell = alive.discord.world.tell

    def twice(event: str, data: dict[str, Any]) -> None:
        for _ in range(2 if event == "INTERACTION_CREATE" else 1):
            tell(event, data)

    monkeypatch.setattr(alive.discord.world, "tell", twice)
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    await private(await mina.slash("/portrait", thread, style="oil"))
    assert await mina.autocomplete("/portrait", thread, "style", "wat")
    await whole(alive, thread, 2)
    assert (len(alive.discord.threads), len(alive.studio.painted)) == (1, 1)
    assert sum("came twice" in line for line in lines(caplog, logging.INFO)) == 3
    assert not lines(caplog)


async def test_suggestions_that_come_too_late_are_ordinary(
    alive: BotEnv, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.INFO)
    mina, here = alive.discord.person("Mina"), alive.discord.channel
    with monkeypatch.context() as patch:
        patch.setattr(rules, "ACK_SECONDS", 0.0)
        asked = asyncio.create_task(mina.autocomplete("/portrait", here, "style", "wat"))
        await told(caplog, "Suggestions came too late")
        asked.cancel()
    assert not lines(caplog)
    assert await mina.autocomplete("/portrait", here, "style", "wat")


async def told(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """Wait until these words are in the log."""
    async with asyncio.timeout(5):
        while not any(words in line for line in lines(caplog, logging.INFO)):  # noqa: ASYNC110 (a log tells nobody)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("fault", [{"status": 0}, {"status": 0, "after": True}, {"status": 503, "after": True}])
async def test_a_first_answer_is_sent_again_where_it_may_be_lost(
    alive: BotEnv, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
):
    lost = alive.discord.fail("POST", CALLBACK, **fault)
    mina = alive.discord.person("Mina")
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    assert "are safe with me" in (await asked.message(25))["content"]
    assert lost.hits == 1 and not lines(caplog)


async def test_a_sentence_comes_through_where_the_first_answer_was_not_heard_of(alive: BotEnv):
    """The answer was made, but what came back was a 429 that discord.py takes for a ban: the command ends there."""
    lost = alive.discord.fail("POST", CALLBACK, status=429, after=True)
    asked = await alive.discord.person("Mina").slash("/pets", alive.discord.channel)
    assert "Discord did not hear me" in await private(asked)
    assert lost.hits == 1


async def test_commands_in_direct_messages_are_told_to_go_to_a_server(
    alive: BotEnv, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """As an old list of commands may still offer them."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(Interactions, "_payload", _direct(Interactions._payload))
    mina, here = alive.discord.person("Mina"), alive.discord.channel
    for command, options in (("/pets", {}), ("/queue", {}), ("/cancel", {}), ("/portrait", {"style": "oil"})):
        assert "servers only" in await private(await mina.slash(command, here, **options))
    asked = await mina.slash("/enroll", here, name="Rex", **named(photos(3)))
    assert "servers only" in await private(asked)
    typing = asyncio.create_task(mina.autocomplete("/portrait", here, "style", "wat"))
    await told(caplog, "NoPrivateMessage")
    typing.cancel()
    assert not lines(caplog)


def _direct(payload: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Interactions as Discord tells of them in direct messages."""

    def told(interactions: Interactions, asked: Any) -> dict[str, Any]:
        body, user = payload(interactions, asked), wire.user(asked.user)
        for key in ("guild_id", "guild", "guild_locale", "member"):
            del body[key]
        door = {"id": asked.place.id, "type": 1, "flags": 0, "last_message_id": None, "recipients": [user]}
        return body | {"user": user, "channel": door, "context": 1, "app_permissions": "0"}

    return told
