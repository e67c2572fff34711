"""`make demo`: a scripted person and the real bot, with real training and painting at pocket size.

Knows: the story, and what must be true at each point of it. Does not know: how the bot does anything.
The bot is its own process, logged in to a Discord on this machine over real HTTP and a real WebSocket.
Ends with the path of demo/index.html; exit status 1 if anything was not as it should be.
"""

import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bot_process import BotProcess, dog_photos
from tests.demo_page import ZOOM, Check, Moment, Story, write_page
from tests.loopback import Loopback, Person, Thread
from tests.loopback.people import Exchange

FOLDER = Path("demo")
DATA = Path.cwd() / FOLDER / "data"
Json = dict[str, Any]


class Demo:
    """What the script holds in its hands: the Discord, the bot, and the story so far."""

    def __init__(self, discord: Loopback, bot: BotProcess, console: Console) -> None:
        self.discord, self.bot, self.console = discord, bot, console
        self.story, self.began = Story(), time.monotonic()
        self.answers: list[float] = []

    @property
    def now(self) -> float:
        return time.monotonic() - self.began

    def chapter(self, heading: str) -> None:
        self.story.chapter(heading)
        self.console.rule(f"[bold]{heading}")

    def does(self, who: str, what: str) -> None:
        self.story.add(Moment(at=self.now, who=who, text=what, action=True))
        self.console.print(f"[dim]{self.now:6.1f} s[/]  {who} {what}")

    def check(self, what: str, right: bool, seen: str = "") -> None:
        self.story.checks.append(Check(what=what, seen=seen, right=right))
        self.console.print(f"{'[green]✓' if right else '[red]✗'}[/] {what} [dim]{seen}")

    def took(self, what: str, seconds: float) -> None:
        self.story.times.append((what, f"{seconds:.1f} s"))

    def saw(self, message: Json, *, gone: bool = False) -> None:
        """Keep a message of the bot as it is now."""
        pictures: list[Path] = []
        for number, file in enumerate(message["attachments"]):
            pictures.append(FOLDER / "pictures" / f"{message['id']}-{file['filename']}")
            pictures[-1].write_bytes(self.discord.file(message, number))
        width = 128 * ZOOM if pictures and "-sheet" not in pictures[0].name else None
        self.story.add(
            Moment(
                at=self.now,
                who="Pawtrait",
                text=message["content"],
                pictures=tuple(pictures),
                reactions=tuple(r["emoji"]["name"] for r in message.get("reactions", [])),
                bot=True,
                gone=gone,
                width=width and (width if len(pictures) == 1 else width // 2),
            )
        )
        self.console.print(f"[dim]{self.now:6.1f} s[/]  [bold]Pawtrait[/]: {message['content'].splitlines()[0]}")

    async def answered(self, asked: Exchange) -> Json:
        """The interaction's first answer in time, then its message."""
        self.answers.append((await asked.first_answer()).seconds)
        return await asked.message(timeout=30)

    def portraits(self, thread: Thread) -> list[Json]:
        """The bot's messages with both reactions: whole answers."""
        messages = self.discord.messages(thread)
        return [m for m in messages if len(m.get("reactions", [])) >= 2 and m["attachments"]]

    async def next_portrait(self, thread: Thread, known: set[str], within: float) -> Json:
        def look() -> Json | None:
            return next((m for m in self.portraits(thread) if m["id"] not in known), None)

        message = await self.discord.until(look, within)
        assert message
        known.add(message["id"])
        return message


async def enrol(demo: Demo, theo: Person) -> tuple[Thread, set[str]]:
    demo.chapter("A dog is learnt")
    photos = dog_photos("demo1", 6)
    shown = [FOLDER / "pictures" / photo.name for photo in photos]
    for file, photo in zip(shown, photos, strict=True):
        file.write_bytes(photo.data)
    demo.story.add(
        Moment(at=demo.now, who="Theo", text="/enroll name: Biscuit, with 6 photos", pictures=tuple(shown), width=170)
    )
    began = time.monotonic()
    named = {f"photo{n}": photo for n, photo in enumerate(photos, start=1)}
    asked = await theo.slash("/enroll", demo.discord.channel, name="Biscuit", **named)
    demo.saw(await demo.answered(asked))
    thread = await demo.discord.until(lambda: demo.discord.threads and demo.discord.threads[0], timeout=30)
    assert thread
    shown_steps = await _watch_progress(demo, thread)
    known: set[str] = set()
    answer = await demo.next_portrait(thread, known, within=420)
    seconds = time.monotonic() - began
    for message in demo.discord.messages(thread):
        demo.saw(message)
    demo.took("enrolment, from the command to the first portrait", seconds)
    demo.check("the thread is named after the dog", thread.name == "Biscuit", thread.name)
    demo.check("progress showed true steps", shown_steps >= 2, f"{shown_steps} different steps were seen")
    demo.check("the enrolment was answered once, with a portrait", len(answer["attachments"]) == 1)
    demo.check("enrolment takes at most 3 minutes", seconds <= 180, f"{seconds:.0f} s")
    return thread, known


async def _watch_progress(demo: Demo, thread: Thread) -> int:
    """Follow the one progress message until the portrait is there; how many different texts it had."""
    seen: set[str] = set()

    def look() -> bool:
        for message in demo.discord.messages(thread):
            text = message["content"]
            if "%" in text and text not in seen:
                seen.add(text)
                demo.console.print(f"[dim]{demo.now:6.1f} s[/]  {' · '.join(text.splitlines()[1:])}")
        return bool(demo.portraits(thread))

    await demo.discord.until(look, timeout=420)
    return len(seen)


async def ask(demo: Demo, person: Person, thread: Thread, known: set[str], **wish: Any) -> Json:
    """One /portrait and its answer."""
    words = ", ".join(f"{k}: {v}" for k, v in wish.items())
    demo.story.add(Moment(at=demo.now, who=person.user.name, text=f"/portrait {words}"))
    began = time.monotonic()
    await demo.answered(await person.slash("/portrait", thread, **wish))
    message = await demo.next_portrait(thread, known, within=120)
    demo.took(f"/portrait {words}", time.monotonic() - began)
    demo.saw(message)
    return message


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
    return made


async def react(demo: Demo, theo: Person, thread: Thread, known: set[str], made: list[Json]) -> None:
    demo.chapter("Reactions")
    demo.does("Theo", "reacts with 🔁 to the watercolour")
    began = time.monotonic()
    await theo.react(made[0], "🔁")
    again = await demo.next_portrait(thread, known, within=120)
    demo.took("a reroll by reaction", time.monotonic() - began)
    demo.saw(again)
    fresh = demo.discord.file(again) != demo.discord.file(made[0])
    demo.check("a reroll is another picture", fresh)
    demo.does("Theo", "reacts with 🗑️ to the pop art")
    await theo.react(made[2], "🗑️")

    def gone() -> bool:
        return all(m["id"] != made[2]["id"] for m in demo.discord.messages(thread))

    await demo.discord.until(gone, timeout=15)
    demo.check("the bin removes a portrait", gone())


async def restart(demo: Demo, theo: Person, thread: Thread, known: set[str], made: list[Json]) -> None:
    demo.chapter("The bot is killed in the middle, and comes back")
    demo.does("Theo", "asks for two neon portraits, and the bot is killed with -9 at once")
    before = len(demo.portraits(thread))
    await demo.answered(await theo.slash("/portrait", thread, style="neon", count=2))
    await demo.bot.kill()
    demo.took("back online after kill -9", await demo.bot.start())
    demo.saw(await demo.next_portrait(thread, known, within=180))
    await asyncio.sleep(3)  # a second answer would come now
    answers = len(demo.portraits(thread)) - before
    demo.check("a job that was in line survives kill -9, and is answered once", answers == 1, f"{answers} answer")
    demo.does("Theo", "reacts with 🔁 to a portrait from before the restart")
    await theo.react(made[1], "🔁")
    demo.saw(await demo.next_portrait(thread, known, within=120))
    demo.check("a reaction works on a portrait from before the restart", True)


async def forget(demo: Demo, theo: Person, thread: Thread) -> None:
    demo.chapter("The dog is forgotten")
    demo.story.add(Moment(at=demo.now, who="Theo", text="/pet forget pet: Biscuit"))
    asked = await theo.slash("/pet forget", thread, pet="Biscuit")
    question = await demo.answered(asked)
    demo.saw(question)
    button = question["components"][0]["components"][0]
    demo.does("Theo", f"presses “{button['label']}”")
    pressed = await theo.click(question, button["custom_id"])
    demo.answers.append((await pressed.first_answer()).seconds)
    await demo.discord.until(lambda: not any(_pictures(demo.bot.data)), timeout=60)
    await asyncio.sleep(1)
    for message in [asked.interaction.original, *pressed.interaction.followups]:
        if message:
            demo.saw(demo.discord.world.wire(message))
    left = list(_pictures(demo.bot.data))
    demo.check("no picture and no adapter is left on disk", not left, f"{len(left)} files")


def _pictures(data: Path) -> list[Path]:
    return [p for p in data.rglob("*") if p.suffix in {".png", ".jpg", ".safetensors"}]


async def story(demo: Demo) -> None:
    theo, mina = demo.discord.person("Theo"), demo.discord.person("Mina", locale="ko")
    thread, known = await enrol(demo, theo)
    made = await paint(demo, theo, mina, thread, known)
    memory = demo.bot.memory()
    demo.check("the bot itself takes at most 200 MB", memory <= 200, f"{memory:.0f} MB")
    await react(demo, theo, thread, known, made)
    await restart(demo, theo, thread, known, made)
    await forget(demo, theo, thread)
    worst = max(demo.answers)
    demo.check("every first answer comes within 3 s", worst < 3, f"slowest {worst:.2f} s of {len(demo.answers)}")


async def main() -> int:
    console = Console()
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "pictures").mkdir(parents=True)
    async with await Loopback.start(record=FOLDER / "record") as discord:
        bot = BotProcess(discord, DATA)
        demo = Demo(discord, bot, console)
        try:
            online = await bot.start()
            demo.check("the bot is online within 3 s", online <= 3, f"{online:.2f} s")
            await story(demo)
        finally:
            status, seconds = await bot.stop()
        demo.check("SIGTERM ends the bot in order", status == 0 and seconds < 25, f"status {status} in {seconds:.1f} s")
    demo.took("the whole demo", demo.now)
    intro = "A real bot, a real Discord client, real training and painting, at pocket size on a CPU."
    page = FOLDER / "index.html"
    write_page(demo.story, page, intro)
    console.print(f"\n{'Everything was as it should be' if demo.story.right else 'Something was wrong'}: {page}")
    return 0 if demo.story.right else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
