"""The loopback Discord, as the real discord.py client sees it."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import discord
import pytest
from aiohttp import ClientError

from tests.loopback import Impossible, Loopback, Upload
from tests.loopback.client import logged_in
from tests.loopback.kennel import Kennel, picture
from tests.loopback.permissions import EVERYONE, Permission


@pytest.fixture
async def loopback(recorded: Path) -> AsyncIterator[Loopback]:
    async with await Loopback.start(record=recorded) as running:
        yield running


@pytest.fixture
async def bot(loopback: Loopback) -> AsyncIterator[Kennel]:
    client = Kennel()
    async with logged_in(client, loopback):
        yield client


def channel_of(bot: Kennel, loopback: Loopback) -> discord.TextChannel:
    channel = bot.get_channel(int(loopback.channel.id))
    assert isinstance(channel, discord.TextChannel)
    return channel


async def soon(predicate: Callable[[], object]) -> None:
    """Wait until the bot has heard of it, for 2 s."""
    for _ in range(200):
        if predicate():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_login_sees_guild_channel_and_commands(bot: Kennel, loopback: Loopback) -> None:
    assert loopback.online
    assert bot.user is not None
    assert [guild.name for guild in bot.guilds] == ["Kennel"]
    assert channel_of(bot, loopback).permissions_for(bot.guilds[0].me).send_messages
    assert [command["name"] for command in loopback.commands] == ["enroll", "portrait", "pet"]
    assert [command.name for command in await bot.tree.fetch_commands()] == ["enroll", "portrait", "pet"]
    assert (await bot.application_info()).owner.name == "owner"


async def test_slash_with_attachment_deferred_then_edited_then_followed_up(bot: Kennel, loopback: Loopback) -> None:
    mina = loopback.person("Mina", locale="ko")
    asked = await mina.slash("/enroll", loopback.channel, name="Rex", photo1=Upload("rex 1.png", picture()))
    answer = await asked.first_answer()
    assert answer.kind == "deferred"
    assert 0 < answer.seconds < 1
    message = await asked.message()
    assert message["content"] == f"Rex {len(picture())} image/png 32"
    await loopback.until(lambda: asked.followups)
    assert asked.followups[0]["flags"] == 64
    assert [one["content"] for one in loopback.messages(loopback.channel)] == [message["content"]]


async def test_modal_with_files(bot: Kennel, loopback: Loopback) -> None:
    asked = await loopback.person("Mina").slash("/enroll", loopback.channel, name="Rex")
    assert (await asked.first_answer()).kind == "modal"
    assert (await asked.modal())["title"] == "Photos"
    files = [Upload("a.png", b"12345"), Upload("b.png", b"123")]
    sent = await asked.submit({"name": "Rex", "photos": files})
    assert (await sent.message())["content"] == "Rex: [5, 3]"
    assert loopback.messages(loopback.channel) == []
    with pytest.raises(Impossible):
        await asked.submit({"name": "Rex", "photos": files[:1]})


async def test_autocomplete_files_menu_and_button(bot: Kennel, loopback: Loopback) -> None:
    mina = loopback.person("Mina")
    choices = await mina.autocomplete("/portrait", loopback.channel, "style", "t")
    assert [choice["value"] for choice in choices] == ["tan", "teal"]
    asked = await mina.slash("/portrait", loopback.channel, style="teal", count=2)
    message = await asked.message()
    assert message["mentions"] == []
    assert [file["description"] for file in message["attachments"]] == ["teal", "teal"]
    assert loopback.file(message, 1) == picture("teal")
    picked = await mina.choose(message, "style", "red")
    assert (await picked.first_answer()).kind == "deferred_update"
    await loopback.until(lambda: loopback.messages(loopback.channel)[0]["content"] == "red")
    pressed = await mina.click(message, "again")
    assert (await pressed.first_answer()).kind == "update"
    assert (await pressed.message())["components"] == []
    with pytest.raises(Impossible):
        await mina.click(message, "again")


async def test_subcommand_with_a_user_and_what_people_cannot_do(bot: Kennel, loopback: Loopback) -> None:
    mina = loopback.person("Mina")
    asked = await mina.slash("/pet forget", loopback.channel, owner=mina.id)
    assert (await asked.first_answer()).kind == "message"
    await loopback.until(lambda: not loopback.messages(loopback.channel))
    for command, values in [("/pet", {}), ("/portrait", {}), ("/portrait", {"style": "tan", "count": 5}), ("/no", {})]:
        with pytest.raises(Impossible):
            await mina.slash(command, loopback.channel, **values)


async def test_messages_edits_deletes_and_their_events(bot: Kennel, loopback: Loopback) -> None:
    channel = channel_of(bot, loopback)
    message = await channel.send("one @everyone", files=[discord.File(io.BytesIO(b"1"), "1.txt")])
    assert not message.mention_everyone
    assert [await file.read() for file in message.attachments] == [b"1"]
    message = await message.edit(content="two", attachments=[discord.File(io.BytesIO(b"2"), "2.txt")])
    assert [await file.read() for file in message.attachments] == [b"2"]
    reply = await message.reply("three")
    assert reply.reference is not None
    assert [one.content async for one in channel.history(oldest_first=True)] == ["two", "three"]
    await message.delete()
    await soon(lambda: bot.deleted and len(bot.edited) == 1 and len(bot.seen) == 2)
    with pytest.raises(discord.NotFound) as refused:
        await channel.fetch_message(message.id)
    assert refused.value.code == 10008


async def test_threads(bot: Kennel, loopback: Loopback) -> None:
    channel = channel_of(bot, loopback)
    message = await channel.send("Rex")
    thread = await message.create_thread(name="Rex")
    assert thread.id == message.id
    with pytest.raises(discord.HTTPException) as refused:
        await message.create_thread(name="Rex")
    assert refused.value.code == 160004
    inside = await thread.send("woof")
    [seen] = loopback.threads
    assert [one["content"] for one in loopback.messages(seen)] == ["woof"]
    loopback.archive(seen)
    with pytest.raises(Impossible):
        await loopback.person("Mina").slash("/portrait", seen, style="tan")
    for action in (inside.edit(content="no"), inside.add_reaction("🔁"), thread.edit(name="no")):
        with pytest.raises(discord.HTTPException) as refused:
            await action
        assert refused.value.code == 50083
    await thread.send("awake")
    assert not seen.archived
    await inside.add_reaction("🔁")
    other = await channel.create_thread(name="Free", type=discord.ChannelType.public_thread)
    assert other.id != message.id
    await soon(lambda: len(bot.threads) == 2)
    assert (await bot.fetch_channel(thread.id)).id == thread.id
    loopback.archive(seen, locked=True)
    with pytest.raises(discord.HTTPException) as refused:
        await thread.send("shut")
    assert refused.value.code == 160005


async def test_reactions(bot: Kennel, loopback: Loopback) -> None:
    mina = loopback.person("Mina", permissions=Permission.MANAGE_MESSAGES)
    message = await channel_of(bot, loopback).send("Rex")
    await message.add_reaction("🔁")
    [seen] = loopback.messages(loopback.channel)
    await mina.react(seen, "🔁", burst=True)
    await mina.unreact(seen, "🔁")
    await mina.react(seen, "🗑️")
    await soon(lambda: len(bot.reactions) == 4)
    added = bot.reactions[1]
    assert (added.user_id, added.burst, added.message_author_id) == (int(mina.id), True, message.author.id)
    assert added.member is not None
    assert added.member.guild_permissions.manage_messages
    assert [event.event_type for event in bot.reactions[1:3]] == ["REACTION_ADD", "REACTION_REMOVE"]
    fetched = await message.channel.fetch_message(message.id)
    assert [(str(one.emoji), one.count, one.me) for one in fetched.reactions] == [("🔁", 1, True), ("🗑️", 1, False)]
    assert [user.id async for user in fetched.reactions[1].users()] == [int(mina.id)]
    with pytest.raises(discord.HTTPException) as refused:
        await message.add_reaction("dog")
    assert refused.value.code == 10014


async def test_nonce_is_enforced_for_minutes(bot: Kennel, loopback: Loopback) -> None:
    channel = channel_of(bot, loopback)
    first = await channel.send("once", nonce="delivery-1")
    again = await channel.send("once", nonce="delivery-1", file=discord.File(io.BytesIO(b"x"), "x.txt"))
    assert again.id == first.id
    loopback.clock.advance(600)
    assert (await channel.send("twice", nonce="delivery-1")).id != first.id
    await (await channel.send("gone", nonce="delivery-2")).delete()
    with pytest.raises(discord.NotFound) as refused:
        await channel.send("gone", nonce="delivery-2")
    assert refused.value.code == 10008


async def test_resume_replays_what_was_missed(bot: Kennel, loopback: Loopback) -> None:
    mina = loopback.person("Mina")
    await loopback.gateway.drop()
    said = await mina.say(loopback.channel, "secret")
    await loopback.until(lambda: loopback.gateway.resumed)
    await soon(lambda: bot.seen)
    assert (bot.seen[0].id, bot.seen[0].content) == (int(said["id"]), "")
    await loopback.gateway.reconnect()
    await loopback.until(lambda: loopback.gateway.resumed == 2)
    assert loopback.gateway.identified == 1


async def test_forgotten_session_means_a_new_login(bot: Kennel, loopback: Loopback) -> None:
    loopback.gateway.forget()
    await loopback.gateway.drop()
    await loopback.until(lambda: loopback.gateway.identified == 2)


async def test_state_outlives_the_bot(bot: Kennel, loopback: Loopback) -> None:
    mina = loopback.person("Mina")
    message = await (await mina.slash("/portrait", loopback.channel, style="tan")).message()
    thread = await channel_of(bot, loopback).get_partial_message(int(message["id"])).create_thread(name="Rex")
    ids = [command["id"] for command in loopback.commands]
    await bot.close()
    await loopback.until(lambda: not loopback.online)
    second = Kennel()
    async with logged_in(second, loopback):
        assert [command["id"] for command in loopback.commands] == ids
        assert second.guilds[0].get_thread(thread.id) is not None
        assert (await (await mina.click(message, "again")).message())["content"] == "again"


async def test_permissions(bot: Kennel, loopback: Loopback) -> None:
    channel = channel_of(bot, loopback)
    theirs = await loopback.person("Mina").say(loopback.channel, "mine")
    with pytest.raises(discord.Forbidden) as refused:
        await channel.get_partial_message(int(theirs["id"])).delete()
    assert refused.value.code == 50013
    with pytest.raises(discord.Forbidden) as refused:
        await channel.get_partial_message(int(theirs["id"])).edit(content="yours")
    assert refused.value.code == 50005
    loopback.deny(Permission.ATTACH_FILES)
    await channel.send("text")
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send(file=discord.File(io.BytesIO(b"x"), "x.txt"))
    assert refused.value.code == 50013
    loopback.deny(EVERYONE)
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("unseen")
    assert refused.value.code == 50001


async def test_lost_answer_and_nonce_make_one_message(bot: Kennel, loopback: Loopback) -> None:
    loopback.fail("POST", "/channels/{channel_id}/messages", status=502, after=True)
    await channel_of(bot, loopback).send("once")
    assert len(loopback.messages(loopback.channel)) == 1
    loopback.fail("POST", "/channels/{channel_id}/messages", status=0)
    with pytest.raises(ClientError):
        await channel_of(bot, loopback).send("never")
