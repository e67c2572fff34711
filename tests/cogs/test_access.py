"""What is needed is there before any work begins: membership, permissions, a thread; what passes is tried again."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from cogs.shared import enrolments
from cogs.shared.access import INVITED
from tests.helpers.bot_env import BotEnv, enrolled, named, photos, portraits, private, whole
from tests.loopback import threads
from tests.loopback.permissions import Permission

THREADS = "/channels/{channel_id}/messages/{message_id}/threads"
ROOT = Path(__file__).parents[2]


async def jobs(alive: BotEnv) -> str:
    """What /queue says."""
    return await private(await alive.discord.person("Ann").slash("/queue", alive.discord.channel))


async def enroll_in(alive: BotEnv, place: Any, count: int = 3) -> str:
    """What /enroll answers to one person alone."""
    return await private(await alive.discord.person("Mina").slash("/enroll", place, name="Rex", **named(photos(count))))


def nothing_kept(alive: BotEnv) -> bool:
    return not any((alive.data / "jobs").glob("*")) and not any((alive.data / "photos").glob("*"))


async def test_where_only_the_commands_are_installed_people_get_the_invite_link(alive: BotEnv):
    alive.discord.leave()
    await alive.stop()
    await alive.start()
    for said in (
        await enroll_in(alive, alive.discord.channel),
        await enroll_in(alive, alive.discord.channel, count=0),
        await private(await alive.discord.person("Mina").slash("/portrait", alive.discord.channel, style="oil")),
    ):
        assert "can invite me" in said and f"permissions={INVITED.value}" in said
        assert f"guild_id={alive.discord.guild.id}" in said and "bot+applications.commands" in said
    assert "Nobody is in line" in await jobs(alive) and nothing_kept(alive)
    assert not alive.discord.messages(alive.discord.channel)


def test_the_readme_invites_with_the_same_permissions():
    [asked] = re.findall(r"scope=bot\+applications.commands&permissions=(\d+)", (ROOT / "README.md").read_text())
    assert int(asked) == INVITED.value


@pytest.mark.parametrize(
    ("permission", "name"),
    [
        (Permission.VIEW_CHANNEL, "View Channel"),
        (Permission.SEND_MESSAGES, "Send Messages"),
        (Permission.SEND_MESSAGES_IN_THREADS, "Send Messages in Threads"),
        (Permission.CREATE_PUBLIC_THREADS, "Create Public Threads"),
        (Permission.ATTACH_FILES, "Attach Files"),
        (Permission.READ_MESSAGE_HISTORY, "Read Message History"),
    ],
)
async def test_a_missing_permission_is_named_before_any_work(alive: BotEnv, permission: Permission, name: str):
    alive.discord.deny(permission)
    for count in (3, 0):
        said = await enroll_in(alive, alive.discord.channel, count)
        assert f"<#{alive.discord.channel.id}>: {name}. " in said
    assert "Nobody is in line" in await jobs(alive) and nothing_kept(alive)
    alive.discord.deny(0)
    await enrolled(alive, alive.discord.person("Theo"))


async def test_in_a_thread_only_what_a_thread_takes_is_needed(alive: BotEnv):
    world = alive.discord.world
    body = {"name": "chat", "auto_archive_duration": 1440}
    chat = threads.start(world, world.me, alive.discord.channel, body)
    alive.discord.deny(Permission.SEND_MESSAGES_IN_THREADS)
    assert f"<#{chat.id}>: Send Messages in Threads. " in await enroll_in(alive, chat)
    alive.discord.deny(Permission.SEND_MESSAGES | Permission.CREATE_PUBLIC_THREADS)
    asked = await alive.discord.person("Theo").slash("/enroll", chat, name="Rex", **named(photos(3)))
    assert "safe with me" in (await asked.message(25))["content"]
    await alive.message(chat, "I know **Rex**")


async def test_a_portrait_that_could_not_be_sent_is_not_painted(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    alive.discord.deny(Permission.ATTACH_FILES)
    elsewhere = alive.discord.new_channel("elsewhere")
    said = await private(await mina.slash("/portrait", elsewhere, style="oil", pet="Rex"))
    assert f"<#{thread.id}>: Attach Files. " in said
    assert "Nobody is in line" in await jobs(alive)


async def test_nor_is_it_painted_again(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    [first] = await whole(alive, thread, 1)
    alive.discord.deny(Permission.ATTACH_FILES)
    await mina.react(first, "🔁")
    await alive.message(alive.discord.world.door(mina.user), "Attach Files. ")
    assert "Nobody is in line" in await jobs(alive)


async def test_whoever_may_do_everything_lacks_nothing(alive: BotEnv):
    alive.discord.world.me.permissions |= Permission.ADMINISTRATOR
    alive.discord.deny(Permission.ATTACH_FILES)
    asked = await alive.discord.person("Mina").slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    assert "safe with me" in (await asked.message(25))["content"]


# ---- threads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [503, 0])
async def test_a_failure_that_passes_is_no_missing_right(alive: BotEnv, status: int):
    mina = alive.discord.person("Mina")
    failed = alive.discord.fail("POST", THREADS, status=status)
    asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    said = (await asked.message(25))["content"]
    [thread] = alive.discord.threads
    assert failed.hits and f"in <#{thread.id}>" in said and "No thread" not in said
    await alive.message(thread, "I know **Rex**")


async def test_a_thread_that_comes_late_is_where_the_answer_goes(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(enrolments, "THREAD_S", 0.1)
    alive.studio.open.clear()
    down = alive.discord.fail("POST", THREADS, status=503, times=1000)
    asked = await alive.discord.person("Mina").slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    assert "I keep trying" in (await asked.message(25))["content"] and not alive.discord.threads
    down.times = 0
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None), 10)
    await alive.message(thread, "Learning **Rex**")
    alive.studio.open.set()
    await alive.message(thread, "I know **Rex**")


async def test_without_a_thread_the_answer_comes_all_the_same(alive: BotEnv, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(enrolments, "THREAD_S", 0.1)
    down = alive.discord.fail("POST", THREADS, status=503, times=1000)
    await alive.discord.person("Mina").slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    await alive.message(alive.discord.channel, "I know **Rex**")
    assert down.hits < 6


async def test_a_thread_that_an_earlier_process_could_not_open_is_opened(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(enrolments, "THREAD_S", 0.1)
    alive.studio.open.clear()
    down = alive.discord.fail("POST", THREADS, status=503, times=1000)
    asked = await alive.discord.person("Mina").slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    await asked.message(25)
    await alive.stop()
    down.times = 0
    await alive.start()
    thread = await alive.discord.until(lambda: next(iter(alive.discord.threads), None), 10)
    alive.studio.open.set()
    await alive.message(thread, "I know **Rex**")


@pytest.mark.parametrize("code", [160006, 200001])
async def test_where_no_thread_can_be_opened_the_channel_will_do(alive: BotEnv, code: int):
    """160006: the most threads are open; 200001: AutoMod does not like the title."""
    alive.discord.fail("POST", THREADS, status=400, code=code)
    asked = await alive.discord.person("Mina").slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
    await alive.message(alive.discord.channel, "No thread can be opened here")
    answer = await alive.message(alive.discord.channel, "I know **Rex**")
    assert answer["attachments"] and (await asked.message(25))["id"] != answer["id"]


async def test_asked_back_the_bot_delivers_at_once(alive: BotEnv):
    mina = alive.discord.person("Mina")
    thread = await enrolled(alive, mina)
    await whole(alive, thread, 1)
    alive.studio.open.clear()
    await private(await mina.slash("/portrait", thread, style="oil"))
    alive.discord.leave()
    alive.studio.open.set()
    for _ in range(100):
        if "Nobody is in line" in await jobs(alive):
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)  # the answer was looked at, and put off for minutes
    assert len(portraits(alive, thread)) == 1
    alive.discord.join()
    await alive.discord.until(lambda: len(portraits(alive, thread)) == 2, 5)
