"""Answers that are owed go out, once each; and what has to come down again comes down.

A room added to the design: sending belongs to neither the commands (they end long before) nor to storage (it knows no
Discord). Knows: when the rounds begin and end. Does not know: what is done on them (rounds.py, strays.py), or how
Discord is asked (counter.py).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from discord.ext import commands

from cogs.api.transport import DiscordCounter
from cogs.delivery.sender import Rounds
from cogs.delivery.takedown import Catcher
from cogs.progress.messages import Board
from cogs.shared.services import House


class Postman(commands.Cog):
    """Sends what lies in the outbox. The clock counts Unix seconds."""

    def __init__(self, bot: commands.Bot, house: House, board: Board, clock: Callable[[], float] = time.time) -> None:
        self._bot = bot
        counter = DiscordCounter(bot)
        self._rounds = Rounds(house, counter, board.finish, clock)
        self._catcher = Catcher(house.takedowns, counter, clock)
        self._workers: list[asyncio.Task[None]] = []

    async def cog_load(self) -> None:
        self._workers = [
            asyncio.create_task(self._begin(work), name=name)
            for name, work in (("delivery", self._rounds.work), ("strays", self._catcher.work))
        ]

    async def cog_unload(self) -> None:
        self._rounds.cancel()
        for worker in self._workers:
            worker.cancel()

    @commands.Cog.listener()
    async def on_job_settled(self, _job_id: str) -> None:
        """From the line: an answer lies in the outbox."""
        self._rounds.wake()

    async def deliver(self) -> None:
        """Send everything that is due; returns when each of them was tried once."""
        await self._rounds.deliver()

    async def catch(self) -> None:
        """Take down what is due to come down; returns when each was tried once."""
        await self._catcher.round()

    async def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        await self._bot.wait_until_ready()
        await work()
