"""Answers that are owed are sent, once each, and messages of forgotten pets are deleted.

Knows: when the two begin and end. Does not know: how either is done (sender.py, takedown.py), or how Discord is asked
(cogs/api/transport.py).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import discord
from discord.ext import commands

from cogs.api.transport import DiscordTransport
from cogs.delivery.notifier import Notifier
from cogs.delivery.sender import Sender
from cogs.delivery.takedown import TakedownWorker
from cogs.shared.services import Services


class DeliveryCog(commands.Cog):
    """Runs the sender and the takedowns beside the bot. The clock counts Unix seconds."""

    def __init__(self, bot: commands.Bot, services: Services, clock: Callable[[], float] = time.time) -> None:
        self._bot = bot
        self._clock = clock
        self._outbox = services.outbox
        transport = DiscordTransport(bot)
        notifier, finish = Notifier(services.notifications, transport, clock), services.progress.finish
        self._sender = Sender(services.outbox, services.jobs, services.pets, transport, notifier, finish, clock)
        self._takedown_worker = TakedownWorker(services.takedowns, transport, clock)
        self._workers: list[asyncio.Task[None]] = []

    async def cog_load(self) -> None:
        self._workers = [
            asyncio.create_task(self._begin(work), name=name)
            for name, work in (("delivery", self._sender.work), ("takedown", self._takedown_worker.work))
        ]

    async def cog_unload(self) -> None:
        self._sender.cancel()
        for worker in self._workers:
            worker.cancel()

    @commands.Cog.listener()
    async def on_job_settled(self, _job_id: str) -> None:
        """From the line: there is a new answer in the outbox."""
        self._sender.wake()

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """We are back in a guild: what was finished meanwhile is sent now."""
        await self._outbox.make_due(guild.id, self._clock())
        self._sender.wake()

    async def deliver(self) -> None:
        """Send everything that is due; returns when each of them was tried once."""
        await self._sender.deliver()

    async def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        await self._bot.wait_until_ready()
        await work()
