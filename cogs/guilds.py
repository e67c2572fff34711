"""Servers that the bot was removed from, and threads that were deleted.

Knows: what follows when a thread or a whole server is gone. Does not know: what belongs to a pet (storage/erasure.py).

Servers. One that removes the bot is not forgotten at once: it may be a mistake, and what was learnt cost people photos
and hours. For three days its jobs go on and their answers wait. As nobody there can use /pet forget any more, its jobs
are then cancelled and everything about it is forgotten. An outage of Discord does not count as a removal.

Threads. The pets of a deleted thread, and their jobs, go on in the channel above it.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import discord
from discord.ext import commands

from cogs.shared.services import Services

log = logging.getLogger(__name__)

DAY_S = 86400.0
GRACE_S = 3 * DAY_S
EVERY_S = 600.0  # seconds between two looks for servers that are to be forgotten


class GuildsCog(commands.Cog):
    """Notes which servers removed us, and forgets them when it is time. The clock counts Unix seconds."""

    def __init__(self, bot: commands.Bot, services: Services, clock: Callable[[], float] = time.time) -> None:
        self._bot = bot
        self._services = services
        self._clock = clock
        self._worker: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._worker = asyncio.create_task(self._work(), name="guilds")

    async def cog_unload(self) -> None:
        if self._worker:
            self._worker.cancel()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new login: a server may have removed us before it, and nobody heard."""
        for guild_id in await self._services.guilds.known():
            if self._bot.get_guild(guild_id):
                await self._services.guilds.mark_joined(guild_id)
            else:
                await self._left(guild_id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """We were removed, or the server was deleted."""
        await self._left(guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """We were added, or added again."""
        await self._services.guilds.mark_joined(guild.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread was deleted, alone or together with its channel."""
        await self._services.pets.leave_thread(payload.thread_id)

    async def _work(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            try:
                await self.clear()
            except Exception:
                log.exception("The look for servers that left failed")
            await asyncio.sleep(EVERY_S)

    async def _left(self, guild_id: int) -> None:
        log.warning("Not in guild %s any more: it is forgotten after %d days", guild_id, GRACE_S // DAY_S)
        await self._services.guilds.mark_left(guild_id, self._clock())

    async def clear(self) -> None:
        """Forget the servers that removed us long enough ago; one whose job still runs is forgotten the next time."""
        for guild_id in await self._services.guilds.left_before(self._clock() - GRACE_S):
            if self._bot.get_guild(guild_id):  # added again a moment ago
                continue
            if jobs := await self._services.jobs.active(guild_id):
                for job in jobs:
                    await self._services.line.cancel(job.id)
            else:
                await self._forget(guild_id)

    async def _forget(self, guild_id: int) -> None:
        pets = await self._services.pets.of_guild(guild_id)
        for pet in pets:
            await self._services.erasure.forget(pet.id)
        await self._services.guilds.forget(guild_id)
        log.info("Guild %s is forgotten, with %d pets", guild_id, len(pets))
