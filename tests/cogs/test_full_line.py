"""A full line is said at once, in one sentence, and nothing is kept: the whole bot against a loopback Discord."""

import asyncio
from pathlib import Path

from tests.helpers.bot_env import bot_env, named, photos

FULL = "My line is full right now"


async def test_one_of_two_that_enrol_at_once(tmp_path: Path):
    async with bot_env(tmp_path, jobs_total=1) as alive:
        alive.studio.open.clear()
        people = [alive.discord.person(name) for name in ("Mina", "Theo")]
        asked = [
            await person.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3, 3 * number)))
            for number, person in enumerate(people)
        ]
        said = sorted([(await one.message(25))["content"] for one in asked], key=lambda text: FULL in text)
        assert "3 photos of **Rex**" in said[0]
        assert said[1].startswith(FULL)
        kept = [path for path in (alive.data / "jobs").rglob("photos/*") if path.is_file()]
        assert len(kept) == 3 and len({path.parent for path in kept}) == 1


async def test_portraits_and_rerolls(tmp_path: Path):
    async with bot_env(tmp_path, jobs_total=1) as alive:
        mina = alive.discord.person("Mina", locale="ko")
        await mina.slash("/enroll", alive.discord.channel, name="Rex", **named(photos(3)))
        thread = await alive.discord.until(lambda: alive.discord.threads and alive.discord.threads[0])
        first = await alive.message(thread, "알아요")
        alive.studio.open.clear()
        await (await mina.slash("/portrait", alive.discord.channel, style="oil")).message(25)
        await alive.discord.until(lambda: alive.studio.painted)
        theo = alive.discord.person("Theo")
        asked = await theo.slash("/portrait", alive.discord.channel, style="oil", pet="Rex")
        assert (await asked.message(25))["content"].startswith(FULL)
        await theo.react(first, "🔁")
        await alive.message(alive.discord.world.door(theo.user), "대기열이 가득 차서")
        alive.studio.open.set()
        await asyncio.sleep(0.5)
        assert len(alive.studio.painted) == 1
