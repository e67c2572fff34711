"""`make demo`: a scripted person and the real bot, with real training and painting at pocket size.

Knows: the story, and what must be true at each point of it. Does not know: how the bot does anything.
The bot is its own process, logged in to a Discord on this machine over real HTTP and a real WebSocket.
Ends with the path of demo/index.html; exit status 1 if anything was not as it should be.
test_demo.py plays the same story with a child that needs no models.
"""

import asyncio
import io
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageOps
from rich.console import Console

from tests.demo.choices import another_style, ask, placed, qualities
from tests.demo.page import Story, write_page
from tests.demo.poster import poster
from tests.demo.stage import Demo, Json
from tests.helpers.bot_process import REAL, BotProcess, dog_photos
from tests.loopback import Loopback, Person, Thread, Upload
from tests.loopback.checks import SHARED, violations

INTRO = "A real bot, a real Discord client, real training and painting, at pocket size on a CPU."
DOG = "Biscuit"


async def enrol(demo: Demo, theo: Person) -> tuple[Thread, set[str]]:
    demo.chapter("A dog is learnt")
    photos = dog_photos("demo1", 6)
    photos.append(mirrored(photos[1], "mirrored.jpg"))
    shown = tuple(demo.pictures / photo.name for photo in photos)
    for file, photo in zip(shown, photos, strict=True):
        file.write_bytes(photo.data)
    demo.says("Theo", f"/enroll name: {DOG}, with {len(photos)} photos", shown)
    began = time.monotonic()
    named = {f"photo{n}": photo for n, photo in enumerate(photos, start=1)}
    asked = await theo.slash("/enroll", demo.discord.channel, name=DOG, **named)
    demo.saw(await demo.answered(asked))
    thread = await demo.discord.until(lambda: next(iter(demo.discord.threads), None), timeout=30)
    await look(demo, theo, thread)
    steps = await watch_progress(demo, thread)
    known: set[str] = set()
    await demo.next_portrait(thread, known, within=420)
    seconds = time.monotonic() - began
    for message in demo.portraits(thread):
        demo.saw(message)
    demo.took("enrolment, from the command to the first portrait", seconds)
    demo.check("the thread is named after the dog", thread.name == DOG, thread.name)
    demo.check("progress showed true steps", steps >= 2, f"{steps} different steps were seen")
    portraits = demo.portraits(thread)
    demo.check("the enrolment is answered once, with one portrait", [len(m["attachments"]) for m in portraits] == [1])
    demo.check("enrolment takes at most 3 minutes", seconds <= 180, f"{seconds:.0f} s")
    return thread, known


async def look(demo: Demo, theo: Person, thread: Thread) -> None:
    """The sheet comes before anything is learnt; Theo is content with it."""
    began = time.monotonic()
    sheet = await demo.discord.until(lambda: next(filter(is_sheet, demo.discord.messages(thread)), None), timeout=120)
    demo.took("a look at the photos, the models' loading included", time.monotonic() - began)
    demo.saw(sheet)
    buttons = {button["label"]: button["custom_id"] for button in sheet["components"][0]["components"]}
    demo.check("the photos are looked at before anything is learnt", "Learn these" in buttons, ", ".join(buttons))
    marked = [line for line in sheet["content"].splitlines() if line.startswith("✗")]
    demo.check("a photo that brings nothing is marked, with the reason", len(marked) == 1, "; ".join(marked))
    demo.does("Theo", "presses “Learn these”")
    demo.saw(await demo.answered(await theo.click(sheet, buttons["Learn these"])))


def mirrored(photo: Upload, name: str) -> Upload:
    """The same photo the other way round, smaller: it shows nothing new."""
    turned = io.BytesIO()
    with Image.open(io.BytesIO(photo.data)) as picture:
        ImageOps.mirror(picture).resize((400, 400)).save(turned, "JPEG", quality=80)
    return Upload(name, turned.getvalue())


def is_sheet(message: Json) -> bool:
    return any("-sheet" in file["filename"] for file in message["attachments"]) and bool(message["components"])


async def watch_progress(demo: Demo, thread: Thread) -> int:
    """Follow the one progress message until the portrait is there; how many different steps it showed."""
    seen = {message["content"] for message in demo.discord.messages(thread)}  # of the look
    before = len(seen)
    phases: set[str] = set()  # the page shows the first step of each

    def look() -> bool:
        for message in demo.discord.messages(thread):
            text = message["content"]
            if "%" not in text or text in seen:
                continue
            seen.add(text)
            phase = text.splitlines()[1]
            if phase in phases:
                demo.tell("Pawtrait", text)
            else:
                phases.add(phase)
                demo.saw(message, "edited since")
        return bool(demo.portraits(thread))

    await demo.discord.until(look, timeout=420)
    return len(seen) - before


async def paint(demo: Demo, theo: Person, mina: Person, thread: Thread, known: set[str]) -> list[Json]:
    demo.chapter("Portraits")
    made = [await ask(demo, theo, thread, known, style="watercolour", wish="on a beach")]
    made.append(await ask(demo, theo, thread, known, style="pixel", wish="in the snow"))
    made.append(await ask(demo, theo, thread, known, style="pop"))
    made.append(await ask(demo, mina, thread, known, style="유화", wish="꽃밭에서 모자를 쓴 모습"))
    demo.check("a Korean wish is answered in Korean", any("가" <= c <= "힣" for c in made[-1]["content"]))
    four = time.monotonic()
    made.append(await ask(demo, theo, thread, known, style="photo", wish="in a forest", count=4))
    seconds = time.monotonic() - four
    demo.check("4 portraits take at most 20 s", seconds <= 20, f"{seconds:.1f} s")
    demo.check("four were asked for, and four came", len(made[-1]["attachments"]) == 4)

    def only_the_sheet() -> bool:
        return len(demo.discord.messages(thread)) == len(demo.portraits(thread)) + 1

    with suppress(TimeoutError):  # the progress message goes when Discord's rate limit lets it
        await demo.discord.until(only_the_sheet, 15)
    demo.check("only the sheet and the portraits stay in the thread", only_the_sheet())
    return made


async def react(demo: Demo, theo: Person, thread: Thread, known: set[str], made: list[Json]) -> None:
    demo.chapter("Reactions")
    demo.does("Theo", "reacts with 🔁 to the watercolour")
    began = time.monotonic()
    await theo.react(made[0], "🔁")
    again = await demo.next_portrait(thread, known, within=120)
    demo.took("a reroll by reaction", time.monotonic() - began)
    demo.saw(again)
    demo.check("a reroll is another picture", demo.discord.file(again) != demo.discord.file(made[0]))
    demo.does("Theo", "reacts with 🗑️ to the pop art")
    await theo.react(made[2], "🗑️")
    await demo.gone(thread, made[2], within=15)
    demo.check("the bin removes a portrait", len(demo.portraits(thread)) == len(known) - 1)


async def restart(demo: Demo, theo: Person, thread: Thread, known: set[str], made: list[Json]) -> None:
    demo.chapter("The bot is killed in the middle, and comes back")
    before = len(demo.portraits(thread))
    demo.says("Theo", "/portrait style: neon count: 2")
    demo.saw(await demo.answered(await theo.slash("/portrait", thread, style="neon", count=2)))
    demo.does("Somebody", "kills the bot with -9, and starts it again")
    await demo.bot.kill()
    demo.took("back online after kill -9", await demo.bot.start())
    demo.saw(await demo.next_portrait(thread, known, within=180))
    await asyncio.sleep(3)  # a second answer would come now
    answers = len(demo.portraits(thread)) - before
    demo.check("a job that was in line survives kill -9, and is answered once", answers == 1, f"{answers} answer")
    demo.does("Theo", "reacts with 🔁 to the pixel art, which is older than this bot process")
    await theo.react(made[1], "🔁")
    again = await demo.next_portrait(thread, known, within=120)
    demo.saw(again)
    right = again["message_reference"]["message_id"] == made[1]["id"]
    demo.check("a reaction works on a portrait from before the restart", right)


async def forget(demo: Demo, theo: Person, thread: Thread) -> None:
    demo.chapter("The dog is forgotten")
    demo.says("Theo", f"/pet forget pet: {DOG}")
    question = await demo.answered(await theo.slash("/pet forget", thread, pet=DOG))
    demo.saw(question)
    [forget, *_] = question["components"][0]["components"]
    demo.check("the bot asks before it forgets", bool(kept_files(demo.bot.data)), f"it offers “{forget['label']}”")
    demo.does("Theo", f"presses “{forget['label']}”")
    pressed = await theo.click(question, forget["custom_id"])
    demo.answers.append((await pressed.first_answer()).seconds)
    demo.saw(await demo.changed(question, within=60))
    left = kept_files(demo.bot.data)
    demo.check("no picture and no adapter is left on disk", not left, f"{len(left)} files")
    demo.says("Theo", "/pets")
    pets = await demo.answered(await theo.slash("/pets", thread))
    demo.saw(pets)
    demo.check("the bot knows no dog any more", DOG not in pets["content"])


def kept_files(data: Path) -> list[Path]:
    """Photos, cut-outs, portraits, and what was learnt."""
    kinds = {".png", ".jpg", ".safetensors"}
    return [path for path in data.rglob("*") if path.suffix in kinds or path.parent.name == "adapter"]


async def story(demo: Demo) -> None:
    theo, mina = demo.discord.person("Theo"), demo.discord.person("Mina", locale="ko")
    thread, known = await enrol(demo, theo)
    made = await paint(demo, theo, mina, thread, known)
    portraits = [picture for message in made for picture in demo.seen[message["id"]].pictures[:2]]
    poster(sorted(demo.pictures.glob("photo*.jpg")), portraits, demo.pictures.parent / "poster.png")
    memory = demo.bot.memory()
    demo.check("the bot itself takes at most 200 MB", memory <= 200, f"{memory:.0f} MB")
    await qualities(demo, theo, thread, known)
    await placed(demo, theo, thread, known)
    await another_style(demo, theo, thread, known, made[0])
    await react(demo, theo, thread, known, made)
    await restart(demo, theo, thread, known, made)
    await forget(demo, theo, thread)
    worst = max(demo.answers)
    demo.check("every first answer comes within 3 s", worst < 3, f"slowest {worst:.2f} s of {len(demo.answers)}")


async def play(folder: Path, console: Console, command: Sequence[str] = REAL) -> Story:
    """The whole story, from an empty folder to its page."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pictures").mkdir(parents=True)
    async with await Loopback.start(record=folder / "record") as discord:
        demo = Demo(discord, BotProcess(discord, folder / "data", command=command, look_minutes=15), folder, console)
        try:
            online = await demo.bot.start()
            demo.check("the bot is online within 3 s", online <= 3, f"{online:.2f} s")
            await story(demo)
        finally:
            status, seconds = await demo.bot.stop()
        demo.check("SIGTERM ends the bot in order", status == 0 and seconds < 25, f"status {status} in {seconds:.1f} s")
    if SHARED.exists():
        wrong = violations(folder / "record")
        demo.check("all traffic is valid by Discord's own API description", not wrong, "; ".join(wrong[:3]))
    demo.took("the whole demo", demo.now)
    write_page(demo.story, folder / "index.html", INTRO)
    return demo.story


def main() -> int:
    console, folder = Console(), Path("demo")
    told = asyncio.run(play(folder, console))
    verdict = "Everything was as it should be" if told.right else "Something was wrong"
    console.print(f"\n{verdict}: {folder / 'index.html'}")
    return 0 if told.right else 1


if __name__ == "__main__":
    sys.exit(main())
