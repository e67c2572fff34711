"""What people see when Discord, a moderator or a restart comes between: the whole bot, a loopback Discord."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from cogs.shared import photo_form
from gpu.line import line
from tests.helpers.bot_env import BotEnv, enrolled, named, now, photos, portraits, private, whole
from tests.helpers.fake_studio import Plan
from tests.loopback import reactions

ORIGINAL = "/webhooks/{application_id}/{token}/messages/{message_id}"


async def test_a_dropped_answer_is_no_reason_to_order_again(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    lost = alive.discord.fail("PATCH", ORIGINAL, after=True)
    asked = await mina.slash("/portrait", thread, style="oil")
    await whole(alive, thread, 2)
    assert lost.hits == 1
    assert "went wrong" not in (await private(asked)), "the order stands"


async def test_reactions_that_a_moderator_cleared_can_be_made_again(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    [first] = await whole(alive, thread, 1)
    await mina.react(first, "🔁")
    await whole(alive, thread, 2)
    world = alive.discord.world
    reactions.clear(world, world.messages[first["id"]])
    await mina.react(first, "🔁")
    await alive.discord.until(lambda: len(alive.studio.painted) == 2, 25)


async def test_forgetting_a_dog_that_is_still_learnt_takes_its_posts_along(alive: BotEnv):
    mina, theo = alive.discord.person("Mina"), alive.discord.person("Theo")
    alive.studio.open.clear()
    for who, name in ((mina, "Rex"), (theo, "Bello")):  # one is being learnt, one waits
        await (await who.slash("/enroll", alive.discord.channel, name=name, **named(photos(3)))).message(25)
    await alive.discord.until(lambda: len(alive.discord.threads) == 2)
    for who, thread in zip((theo, mina), reversed(alive.discord.threads), strict=True):
        await alive.discord.until(lambda thread=thread: alive.discord.messages(thread), 25)
        question = await (await who.slash("/pet forget", thread, pet=thread.name)).message(25)
        [_, posts, _] = [button["custom_id"] for button in question["components"][0]["components"]]
        await who.click(question, posts)
        await alive.discord.until(lambda question=question: "I forgot" in now(alive, question), 25)
        await alive.discord.until(lambda thread=thread: not alive.discord.messages(thread), 25)
    alive.studio.open.set()
    await alive.discord.until(lambda: not [file for file in (alive.data / "jobs").rglob("*") if file.is_file()], 25)
    assert "Nobody is in line" in await private(await mina.slash("/queue", alive.discord.channel))
    assert not names_kept(alive, "Rex", "Bello")


def names_kept(alive: BotEnv, *names: str) -> list[str]:
    """Those that are still in a row of the database."""
    with closing(sqlite3.connect(alive.data / "pawtrait.db")) as db:
        return [name for name in names for row in db.iterdump() if name in row]


async def test_an_answer_is_sent_once_though_the_connection_breaks(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    alive.discord.fail("POST", "/channels/{channel_id}/messages", after=True, times=2)
    await mina.slash("/portrait", thread, style="oil")
    await whole(alive, thread, 2)
    await asyncio.sleep(1.5)
    assert len(portraits(alive, thread)) == 2


async def test_a_dead_thread_is_answered_in_the_channel(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    alive.discord.archive(thread, locked=True)
    await mina.slash("/portrait", alive.discord.channel, style="oil")
    answer = await alive.message(alive.discord.channel, "could not write to this dog's own thread")
    assert answer["attachments"]


async def test_waiting_answers_survive_a_restart(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    alive.studio.open.clear()
    await (await mina.slash("/portrait", thread, style="oil")).message(25)
    await alive.discord.until(lambda: alive.studio.painted)
    await alive.stop()
    alive.studio.open.set()
    await alive.start()
    await whole(alive, thread, 2)
    assert len(alive.studio.painted) == 2


async def test_past_the_nonce_window_the_channel_is_searched_first(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    lost = alive.discord.fail("POST", "/channels/{channel_id}/messages", after=True, times=2)
    await mina.slash("/portrait", thread, style="oil")
    await alive.discord.until(lambda: lost.hits)
    alive.discord.clock.advance(600)
    await whole(alive, thread, 2)
    await asyncio.sleep(1.5)
    assert len(portraits(alive, thread)) == 2


async def test_a_form_from_before_a_restart_is_explained(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    mina = alive.discord.person("Mina")
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex")
    await asked.modal()
    await alive.stop()
    monkeypatch.setattr(photo_form, "BOOT", "another0")
    await alive.start()
    assert "I was restarted" in await private(await asked.submit({"photos": photos(3)}))


async def test_a_dog_is_forgotten_though_its_learning_hangs(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    """What its worker still writes goes when it wakes up."""
    mina = alive.discord.person("Mina")
    monkeypatch.setattr(line, "STOP_S", 0.1)
    alive.studio.plan = Plan(steps=20, ms=4000)  # deaf during each, so long that the bot forgets meanwhile
    await (await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))).message(25)
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None))
    await alive.message(thread, " of 20")
    [folder] = (alive.data / "jobs").iterdir()
    question = await (await mina.slash("/pet forget", thread, pet="Rex")).message(25)
    [_, posts, _] = [button["custom_id"] for button in question["components"][0]["components"]]
    await mina.click(question, posts)
    await alive.discord.until(lambda: "I forgot" in now(alive, question), 25)
    assert not folder.exists()
    folder.mkdir()
    (folder / "checkpoint").write_text("what a worker wrote that knew of nothing")
    await alive.discord.until(lambda: not alive.discord.messages(thread), 25)
    async with asyncio.timeout(25):
        while folder.exists():  # noqa: ASYNC110 (a file tells nobody that it goes)
            await asyncio.sleep(0.05)
    assert "Nobody is in line" in await private(await mina.slash("/queue", alive.discord.channel))
    assert not names_kept(alive, "Rex")
