"""/doctor, to those who manage the server: what lacks here, and nothing about anybody or about the machine's disk."""

import os
import re
from pathlib import Path

import pytest

from gpu.errors import NotFinite
from gpu.line.executor import ProcessStats
from tests.helpers.bot_env import BotEnv, bot_env, enrolled, named, photos, private
from tests.helpers.inline_executor import InlineExecutor
from tests.loopback import threads
from tests.loopback.options import Impossible
from tests.loopback.permissions import Permission


def manager(alive: BotEnv, locale: str = "en-US"):
    return alive.discord.person("Ann", locale=locale, permissions=Permission.MANAGE_GUILD)


async def test_whoever_manages_the_server_hears_how_it_is_here_and_nobody_else(alive: BotEnv):
    await alive.stop()
    await alive.start(profile="sdxl")
    asked = await manager(alive).slash("/doctor", alive.discord.channel)
    told = (await private(asked)).splitlines()
    assert told == [
        f"**What I may do in <#{alive.discord.channel.id}>**",
        "✅ Add Reactions · ✅ View Channel · ✅ Send Messages · ✅ Attach Files · ✅ Read Message History"
        " · ✅ Create Public Threads · ✅ Send Messages in Threads",
        "**In line**: 0 running, 0 waiting",
        "**My GPU process**: none at the moment",
        "**Last job that failed**: none. 🐾",
        "**My models**: ❌ segmenter · ❌ sdxl · ❌ vae · ⚠️ llama · ⚠️ few_step · ❌ dino",
        "Whoever runs me can see with `make doctor` what is wrong, and what mends it.",
    ]
    with pytest.raises(Impossible, match="does not see"):
        await alive.discord.person("Theo").slash("/doctor", alive.discord.channel)


async def test_in_korean(tmp_path: Path):
    async with bot_env(tmp_path) as alive:
        told = await private(await manager(alive, "ko").slash("/doctor", alive.discord.channel))
    assert "에서 제 권한**\n✅ 반응 추가 · ✅ 채널 보기" in told and "0개 진행 중, 0개 대기 중" in told
    assert told.endswith("**모델**: ✅ segmenter · ✅ sdxl · ✅ llama · ✅ dino")


async def test_what_lacks_here_is_named(alive: BotEnv):
    ann, world = manager(alive), alive.discord.world
    chat = threads.start(world, world.me, alive.discord.channel, {"name": "chat", "auto_archive_duration": 1440})
    alive.discord.deny(Permission.ATTACH_FILES | Permission.ADD_REACTIONS | Permission.CREATE_PUBLIC_THREADS)
    told = await private(await ann.slash("/doctor", alive.discord.channel))
    assert re.findall("❌ ([A-Z][^·\n]+?)(?= ·|\n)", told) == ["Add Reactions", "Attach Files", "Create Public Threads"]
    told = await private(await ann.slash("/doctor", chat))
    assert re.findall("❌ ([A-Z][^·\n]+?)(?= ·|\n)", told) == ["Add Reactions", "Attach Files"]
    assert "Send Messages ·" not in told, "in a thread it is another permission"
    world.me.permissions |= Permission.ADMINISTRATOR
    assert "❌ A" not in await private(await ann.slash("/doctor", chat))


async def test_where_only_its_commands_are_it_gives_the_invite_link(alive: BotEnv):
    alive.discord.leave()
    await alive.stop()
    await alive.start()
    assert "can invite me" in await private(await manager(alive).slash("/doctor", alive.discord.channel))


async def test_the_line_and_what_failed_last_without_a_name(alive: BotEnv):
    ann, mina = manager(alive), alive.discord.person("Mina")
    await enrolled(alive, mina)
    alive.studio.fails = NotFinite()
    await (await mina.slash("/portrait", alive.discord.channel, style="oil")).message(25)
    await alive.message(alive.discord.threads[0], "numbers ran away")
    alive.studio.fails = None
    alive.studio.open.clear()
    for name in ("Bo", "Cy"):
        await (await mina.slash("/enroll", alive.discord.channel, name=name, **named(photos(3)))).message(25)
    told = ""
    while "**In line**: 1 running" not in told:  # the first one begins in a moment
        told = await private(await ann.slash("/doctor", alive.discord.channel))
    assert "**In line**: 1 running, 1 waiting" in told
    assert re.search(r"failed\*\*: `NotFinite`, <t:\d{10}:R>\n", told)
    assert not {"Rex", "Bo", "Cy", "Mina", mina.id} & set(re.findall(r"\w+", told))


async def test_the_process_that_computes_and_what_became_of_those_before(
    alive: BotEnv, monkeypatch: pytest.MonkeyPatch
):
    stats = [ProcessStats(started=3, died=2, ending="out_of_memory", pid=os.getpid())]
    monkeypatch.setattr(InlineExecutor, "stats", lambda _: stats[-1])
    ann = manager(alive)
    await alive.stop()
    await alive.start()
    told = await private(await ann.slash("/doctor", alive.discord.channel))
    assert re.search(rf"alive \(process {os.getpid()}, \d\.\d GB of memory\)", told)
    assert "since I started: 2. The last one ran out of graphics memory." in told
    stats.append(ProcessStats(started=1, pid=2**22 + 1))
    assert "none at the moment" in await private(await ann.slash("/doctor", alive.discord.channel))
