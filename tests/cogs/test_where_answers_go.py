"""A contact sheet arrives whatever fails, and a portrait goes where somebody sees it: the whole bot."""

import pytest

from tests.helpers.bot_env import BotEnv, enrolled, named, photos
from tests.helpers.delivery_env import ONE, SEND
from tests.loopback.permissions import Permission


async def test_the_sheet_comes_though_no_message_may_be_edited(alive: BotEnv):
    alive.discord.fail("PATCH", ONE, status=429, code=30046, times=1000)
    thread = await enrolled(alive, alive.discord.person("Mina"))
    [sheet, _] = await alive.discord.until(lambda: alive.discord.messages(thread), 25)
    assert "Learnt **Rex**" in sheet["content"] and sheet["attachments"][0]["filename"].endswith("-sheet.png")


async def test_the_sheet_is_sent_until_it_arrives(alive: BotEnv):
    alive.studio.open.clear()
    mina = alive.discord.person("Mina")
    await (await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))).message(25)
    broken = alive.discord.fail("POST", SEND, status=503, times=2)
    alive.studio.open.set()
    [thread] = alive.discord.threads
    sheet = await alive.message(thread, "Learnt **Rex**")
    assert broken.hits == 2 and sheet["attachments"]


async def test_an_enrolment_that_ends_in_an_archived_thread_shows_its_sheet(alive: BotEnv):
    mina = alive.discord.person("Mina")
    alive.studio.open.clear()
    await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None), 25)
    [shown] = await alive.discord.until(lambda: alive.discord.messages(thread), 25)
    alive.discord.archive(thread)
    alive.studio.open.set()
    await alive.message(thread, "I know")
    sheet = await alive.message(thread, "Learnt")
    assert sheet["attachments"][0]["filename"].endswith("-sheet.png")
    await alive.discord.until(lambda: shown["id"] not in [one["id"] for one in alive.discord.messages(thread)])


@pytest.mark.parametrize("what", ["thread", "thread, while away", "channel"])
async def test_with_its_home_deleted_a_pet_is_painted_where_it_was_asked_for(alive: BotEnv, what: str):
    mina, here = alive.discord.person("Mina"), alive.discord.new_channel("elsewhere")
    thread = await enrolled(alive, mina)
    if what == "thread, while away":
        await alive.stop()
    alive.discord.delete(alive.discord.channel if what == "channel" else thread)
    if what == "thread, while away":
        await alive.start()
    asked = await mina.slash("/portrait", here, style="oil", pet="Rex")
    assert f"<#{here.id}>" in (await asked.message(25))["content"]
    await alive.discord.until(lambda: any(one["attachments"] for one in alive.discord.messages(here)), 25)


async def test_where_it_was_asked_for_nobody_may_write(alive: BotEnv):
    mina, here = alive.discord.person("Mina"), alive.discord.new_channel("elsewhere")
    thread = await enrolled(alive, mina)
    alive.discord.delete(thread)
    alive.studio.open.clear()
    asked = await mina.slash("/portrait", here, style="oil", pet="Rex")
    assert f"<#{here.id}>" in (await asked.message(25))["content"]
    alive.discord.deny(Permission.SEND_MESSAGES, here)
    alive.studio.open.set()
    assert (await alive.message(alive.discord.channel, "could not write"))["attachments"]
