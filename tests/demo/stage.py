"""What the demo's script works with: the Discord, the bot, and the story so far.

Knows: how to ask, wait and look, and how what was seen becomes moments of a story. Does not know: the story.
"""

import re
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from tests.demo.page import ZOOM, Check, Moment, Story
from tests.helpers.bot_process import BotProcess
from tests.loopback import Exchange, Loopback, Thread
from tests.loopback.rules import EPHEMERAL

Json = dict[str, Any]
PHOTO_PX = 170  # of a person's photo on the page


class Demo:
    """What the script works with: the Discord, the bot, and the story so far."""

    def __init__(self, discord: Loopback, bot: BotProcess, folder: Path, console: Console) -> None:
        self.discord, self.bot, self.console = discord, bot, console
        self.pictures = folder / "pictures"
        self.story, self.began = Story(), time.monotonic()
        self.answers: list[float] = []
        self.seen: dict[str, Moment] = {}  # by message id

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
        self.console.print(f"{'[green]✓' if right else '[red]✗'}[/] {what} [dim]{escape(seen)}")

    def took(self, what: str, seconds: float) -> None:
        self.story.times.append((what, f"{seconds:.1f} s"))

    def says(self, who: str, text: str, pictures: tuple[Path, ...] = ()) -> None:
        self.story.add(Moment(at=self.now, who=who, text=text, pictures=pictures, width=PHOTO_PX))
        self.tell(who, text)

    def saw(self, message: Json, note: str = "") -> None:
        """Keep a message of the bot as it is now."""
        pictures: list[Path] = []
        for number, file in enumerate(message["attachments"]):
            pictures.append(self.pictures / f"{file['id']}-{file['filename']}")
            pictures[-1].write_bytes(self.discord.file(message, number))
        width = 128 * ZOOM if pictures and "-sheet" not in pictures[0].name else None
        moment = self.seen[message["id"]] = Moment(
            at=self.now,
            who="Pawtrait",
            text=self.named(message["content"]),
            pictures=tuple(pictures),
            reactions=tuple(r["emoji"]["name"] for r in message.get("reactions", [])),
            buttons=tuple(button for row in message.get("components", []) for button in labels(row)),
            bot=True,
            note=note or ("only they see this" if message["flags"] & EPHEMERAL else ""),
            width=width and (width if len(pictures) == 1 else width // 2),
        )
        self.story.add(moment)
        self.tell("Pawtrait", moment.text)

    def tell(self, who: str, text: str) -> None:
        """In the terminal only."""
        words = " · ".join(text.splitlines()).replace("**", "")
        self.console.print(f"[dim]{self.now:6.1f} s[/]  [bold]{who}[/]: {escape(words)}")

    def named(self, text: str) -> str:
        """With names of places and people in place of their ids, and times as from now, as Discord shows them."""
        guild = self.discord.guild
        text = re.sub(r"<t:(\d+):R>", lambda found: f"in {(int(found[1]) - time.time()) / 60:.0f} minutes", text)
        text = re.sub(r"<#(\d+)>", lambda found: f"#{self.discord.world.place(found[1]).name}", text)
        return re.sub(r"<@(\d+)>", lambda found: f"@{guild.users[found[1]].name}", text)

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
        known.add(message["id"])
        return message

    async def gone(self, thread: Thread, message: Json, within: float) -> None:
        """Wait until it was deleted, and show it so."""
        await self.discord.until(lambda: message["id"] not in [m["id"] for m in self.discord.messages(thread)], within)
        self.story.strike(self.seen[message["id"]])

    async def changed(self, message: Json, within: float) -> Json:
        """Wait until it says something else; what it says then."""
        world = self.discord.world
        known = world.messages[message["id"]]
        await self.discord.until(lambda: known.content != message["content"], within)
        return world.wire(known)


def labels(row: Json) -> list[str]:
    """What the buttons of a row are called."""
    return [" ".join([(one.get("emoji") or {}).get("name", ""), one.get("label", "")]) for one in row["components"]]
