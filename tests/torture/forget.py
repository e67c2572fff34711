"""A dog is forgotten, and a second bot comes: the real bot with a fake child, real photos, a real copy.

Knows: what to search for, and all places where it may lie. Does not know: how the bot forgets. A search proves
something only if it finds what is there: so everything is found in every place before it may be in none.
"""

import asyncio
import time
from pathlib import Path
from random import Random
from typing import Any

import aiosqlite

from storage.backup import Backups
from tests.helpers.bot_process import REAL, ROOT, BotProcess, dog_photos, light
from tests.helpers.witness import Witness
from tests.loopback import Loopback, Person

MARKER = "EinMopsKamInDieKueche"
PIECES, PIECE = 16, 48  # of each photo; bytes of a piece
WITHIN_S = 60.0
SAID = "SELECT 1 FROM jobs WHERE state != 'done' UNION SELECT 1 FROM outbox WHERE message_id IS NULL"
ANOTHER = "Another bot has this data folder open."


async def measure(folder: Path) -> dict[str, dict[str, Any]]:
    """Figures of both, by name."""
    async with await Loopback.start() as discord:
        bot = BotProcess(discord, folder / "data", command=light("steps=4"))
        try:
            await bot.start()
            return {"second": await second(bot), "forget": await _forget(bot)}
        finally:
            await bot.stop()


async def second(bot: BotProcess) -> dict[str, Any]:
    """One more bot, as an operator starts it, on the folder of this one."""
    other = await asyncio.create_subprocess_exec(*REAL, cwd=ROOT, env=bot.environment, stderr=asyncio.subprocess.PIPE)
    _, said = await other.communicate()
    alone = bot.discord.online and bot.discord.gateway.identified == 1
    return {
        "status": other.returncode,
        "said_so": int(said.decode() == f"{ANOTHER} ({bot.data})\n"),
        "first_goes_on": int(alone),
    }


async def _forget(bot: BotProcess) -> dict[str, Any]:
    theo, witness = bot.discord.person("Theo"), Witness(bot.discord, bot.data)
    await _lived(bot, theo, witness)
    pet_id = _one(witness, f"SELECT id FROM pets WHERE name = '{MARKER}'")
    marks = _marks(witness, pet_id)
    before = places(bot.data, marks)
    question = await (await theo.slash("/pet forget", bot.discord.channel, pet=MARKER)).message()
    began = time.monotonic()
    await theo.click(question, f"forget:{pet_id}:forget")
    await bot.discord.until(lambda: "I forgot" in bot.discord.world.messages[question["id"]].content, WITHIN_S)
    seconds, after = time.monotonic() - began, places(bot.data, marks)
    return {
        "marks": len(marks),
        "found_before": before,
        "found_after": after,
        "places_before": sum(map(bool, before.values())),
        "places_after": sum(map(bool, after.values())),
        "seconds": round(seconds, 1),
        "dogs_left": _one(witness, "SELECT count(*) FROM pets"),
    }


async def _lived(bot: BotProcess, theo: Person, witness: Witness) -> None:
    """Two dogs; a restart, so that the log's content is in the database; then a portrait and a copy."""
    for name in (MARKER, "Other"):
        photos = {f"photo{n}": one for n, one in enumerate(dog_photos(name, 6), start=1)}
        await (await theo.slash("/enroll", bot.discord.channel, name=name, **photos)).message()
    await witness.until(lambda: not witness.rows(SAID), WITHIN_S)
    await bot.stop()
    await bot.start()
    wish = {"style": "oil", "pet": MARKER, "wish": f"with {MARKER}"}
    await (await theo.slash("/portrait", bot.discord.channel, **wish)).message()
    await witness.until(lambda: not witness.rows(SAID), WITHIN_S)
    async with aiosqlite.connect(bot.data / "pawtrait.db") as reader:
        await Backups(bot.data / "backups").make(reader, 9)


def _marks(witness: Witness, pet_id: int) -> list[bytes]:
    """The planted word, the photos' names, and pieces of the photos from anywhere behind their headers."""
    chance, marks = Random(1), [MARKER.encode()]
    for sha256, path in witness.rows(f"SELECT sha256, path FROM photos WHERE pet_id = {pet_id}"):
        data = Path(path).read_bytes()
        starts = [chance.randrange(len(data) // 2, len(data) - PIECE) for _ in range(PIECES)]
        marks += [sha256.encode(), *(data[at : at + PIECE] for at in starts)]
    return marks


def places(data: Path, marks: list[bytes]) -> dict[str, int]:
    """How many marks are found in each place of a data folder, names of files and folders included."""
    found: dict[str, set[bytes]] = {"database": set(), "log": set(), "copies": set(), "files": set()}
    for path in data.rglob("*"):
        content = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        found[_place(path.relative_to(data))].update(mark for mark in marks if mark in content)
    return {place: len(those) for place, those in found.items()}


def _place(path: Path) -> str:
    names = {"pawtrait.db": "database", "pawtrait.db-wal": "log", "backups": "copies"}
    return names.get(path.parts[0], "files")


def _one(witness: Witness, sql: str) -> int:
    return witness.rows(sql)[0][0]
