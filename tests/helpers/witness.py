"""What can be seen of one enrolment from outside the bot: its rows, its files, and the messages in Discord.

Knows: the tables, what a job's folder holds, what an answer looks like. Does not know: how the bot does it, or what
is done to it meanwhile.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from tests.loopback import Loopback

LOOK_S = 0.002  # between two looks
Json = dict[str, Any]


class Witness:
    """Looks on; changes nothing."""

    def __init__(self, discord: Loopback, data: Path) -> None:
        self.discord, self.data = discord, data

    async def until(self, true: Callable[[], bool], within_s: float) -> None:
        """Files and rows tell nobody that they changed, so they are looked at again and again."""
        async with asyncio.timeout(within_s):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a reader of the database sees now; nothing before there is one."""
        place = f"file:{self.data / 'pawtrait.db'}?mode=ro"
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(place, uri=True)) as db:
            return db.execute(sql).fetchall()
        return []

    def job(self, column: str) -> Any:
        """A column of the one job; None before it is accepted."""
        return next((row[0] for row in self.rows(f"SELECT {column} FROM jobs")), None)

    def found(self, pattern: str) -> list[Path]:
        """Files and folders below the job's folder."""
        return sorted(self.data.glob(f"jobs/*/{pattern}"))

    @property
    def step(self) -> int:
        """The newest training step that a fake child has taken."""
        taken = [line for file in self.found("steps") for line in file.read_text().split()]
        return int(taken[-1]) if taken else 0

    @property
    def messages(self) -> list[Json]:
        """The bot's, in the channel and all threads."""
        places = [self.discord.channel, *self.discord.threads]
        own = self.discord.world.me.id
        return [one for place in places for one in self.discord.messages(place) if one["author"]["id"] == own]

    @property
    def answers(self) -> list[Json]:
        """Those with portraits."""
        return [one for one in self.messages if any("-sheet" not in file["filename"] for file in one["attachments"])]

    def whole(self) -> bool:
        """Every picture can be read to its end, nothing half-written is left, and the database is sound."""
        for path in self.found("**/*.png"):
            with Image.open(path) as picture:
                picture.load()
        return not self.found("**/*.tmp") and self.rows("PRAGMA integrity_check") == [("ok",)]
