"""`python -m tests.bench.look`: the real bot looks at photos with the pocket models, and people answer.

Knows: three enrolments of ten photos each, in English and in Korean; the bot is killed in the middle of the last look.
Does not know: what is cut out of a photo, or what is wrong with one (tests/bench/pocket/segmenter.py).
Bars: a sheet within 10 s of the command where the GPU process is idle; each look is answered once.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.results import keep
from tests.demo.__main__ import is_sheet, mirrored
from tests.helpers.bot_process import BotProcess, dog_photos
from tests.helpers.look_env import custom_id
from tests.loopback import Loopback, Person, Thread
from tests.loopback.values import Json

MOST_S = 10.0
PATIENCE_S = 300.0
CUTTING_S = 2.0  # after the thread is there, photos are being cut out


async def enrol(discord: Loopback, who: Person, name: str) -> tuple[Thread, float]:
    """Nine photos of a dog and one that shows nothing new; the thread, and when it was asked for."""
    photos = dog_photos(name, 9)
    photos.insert(4, mirrored(photos[1], "again.jpg"))
    began = time.monotonic()
    given = {f"photo{n}": photo for n, photo in enumerate(photos, start=1)}
    await (await who.slash("/enroll", discord.channel, name=name, **given)).message(60)
    found = await discord.until(lambda: next((one for one in discord.threads if one.name == name), None), 30)
    return found, began


async def looked(discord: Loopback, thread: Thread) -> Json:
    return await discord.until(lambda: next(filter(is_sheet, discord.messages(thread)), None), PATIENCE_S)


async def timed(discord: Loopback, who: Person, name: str) -> tuple[float, Json]:
    """Seconds from the command to the sheet; and what is said."""
    thread, began = await enrol(discord, who, name)
    answer = await looked(discord, thread)
    return time.monotonic() - began, answer


async def killed(discord: Loopback, bot: BotProcess, who: Person, name: str) -> int:
    """kill -9 while photos are cut out; how many sheets come."""
    thread, _ = await enrol(discord, who, name)
    await asyncio.sleep(CUTTING_S)
    await bot.kill()
    await bot.start()
    await looked(discord, thread)
    await asyncio.sleep(3)  # a second one would come now
    return len(list(filter(is_sheet, discord.messages(thread))))


async def forgotten(discord: Loopback, who: Person, answer: Json) -> str:
    """What is said to whoever lets it be forgotten, instead of being learnt."""
    return (await (await who.click(answer, custom_id(answer, "forget"))).message(30))["content"]


async def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with await Loopback.start() as discord:
            bot = BotProcess(discord, Path(folder) / "data", look_minutes=15)
            await bot.start()
            mina, hana = discord.person("Mina"), discord.person("Hana", locale="ko")
            first, english = await timed(discord, mina, "Biscuit")
            idle, korean = await timed(discord, hana, "보리")
            sheets = await killed(discord, bot, mina, "Mochi")
            gone = await forgotten(discord, mina, english), await forgotten(discord, hana, korean)
            left = [one for one in (bot.data / "jobs").glob("*/photos/*") if one.is_file()]
            status, _ = await bot.stop()
    for said in (english["content"], korean["content"], *gone):
        print(said, "\n")
    figures = {"first_s": round(first, 1), "idle_s": round(idle, 1), "sheets_after_kill": sheets}
    keep("look", {"photos": 10, **figures, "photos_left": len(left), "status": status})
    named = all("✗ **5**" in one["content"] for one in (english, korean))
    return 0 if idle <= MOST_S and sheets == 1 and len(left) == 10 and named and status == 0 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
