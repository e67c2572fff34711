"""A command that Discord sends again after a restart is the same enrolment: one dog, one thread, the same answer."""

from typing import Any

import pytest

from gpu.errors import TooFewPhotos
from tests.cogs.test_exports import exported, forgotten, imported, thread_of
from tests.helpers.bot_env import BotEnv, Json, enrolled, named, photos, whole
from tests.loopback.state import Message


async def sent_again(alive: BotEnv, answer: Message, **settings: Any) -> str:
    """What the newest interaction's answer says, once another process has heard of it and its files are gone."""
    again = [one for one in alive.discord.gateway.sent if one["t"] == "INTERACTION_CREATE"][-1]
    await alive.stop()
    await alive.start(**settings)
    edited = answer.edited
    alive.discord.world.files.clear()
    alive.discord.gateway.tell(again["t"], again["d"])
    await alive.discord.until(lambda: answer.edited != edited, 25)
    return answer.content


def kept(alive: BotEnv, answer: Json) -> Message:
    return alive.discord.world.messages[answer["id"]]


async def test_an_enrolment_is_one_dog_where_there_is_no_room_for_another(alive: BotEnv):
    mina = alive.discord.person("Mina")
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    answer = kept(alive, await asked.message(25))
    await whole(alive, alive.discord.threads[0], 1)
    assert "3 photos of **Rex**" in await sent_again(alive, answer, pets_each=1)
    assert len(alive.discord.threads) == 1 and len(list((alive.data / "jobs").iterdir())) == 1


async def test_an_import_is_one_dog_where_there_is_no_room_for_another(alive: BotEnv):
    mina = alive.discord.person("Mina")
    await enrolled(alive, mina)
    given = await exported(alive, mina)
    await forgotten(alive, mina)
    assert "is safe with me" in await imported(alive, mina, given)
    await alive.message(await thread_of(alive, "Rex", 1), "I know **Rex**")
    [answer] = [one for one in alive.discord.world.messages.values() if "is safe with me" in one.content]
    assert "The zip of **Rex** is safe with me" in await sent_again(alive, answer, pets_each=1)
    assert len(alive.discord.threads) == 2


@pytest.mark.parametrize("threads", [True, False])
async def test_an_enrolment_that_has_come_to_nothing_opens_no_thread(alive: BotEnv, threads: bool):
    mina, alive.studio.fails = alive.discord.person("Mina"), TooFewPhotos()
    if not threads:
        alive.discord.fail("POST", "/channels/{channel_id}/messages/{message_id}/threads", status=403, code=50013)
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    answer = kept(alive, await asked.message(25))
    await alive.message(alive.discord.threads[0] if threads else alive.discord.channel, "Fewer than 3 photos")
    assert "settled already" in await sent_again(alive, answer)
    assert len(alive.discord.threads) == threads
