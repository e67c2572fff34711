"""What happened while we were away, and what has left.

Knows: how to read the reactions under a message, and what follows when a thread or a whole server is gone. Does not
know: what a reaction asks for (reactions.py), or what hangs on a pet (storage/pets.py). The rules:

Reactions. After every new login (a resumed connection replays what it missed by itself) the portraits of the last week
are looked at. Whoever's 🔁 or 🗑️ hangs there and is not noted yet is answered once, as if it came now. One that is
noted but hangs there no more was taken back. Taken back and made again while we were away, it looks as before: an old
one. A portrait whose message was deleted is taken down, so that nothing answers for it any more.

Servers. One that sends us away is not forgotten at once: kicks happen by mistake, and what was learnt cost people's
photos and hours. For three days its jobs go on and their answers wait. Nobody there can say "forget" any more, so then
its jobs are cancelled and everything about it is forgotten, unasked. An outage of Discord is no leaving.

Threads. The pets of a deleted thread, and their jobs, go on in the channel above it.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp
import discord
from discord.ext import commands

from cogs import House
from cogs.counter import REACTIONS, invite, translated
from cogs.postage import UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, Refused, passing, patience
from cogs.reactions import DELETE, REROLL, Reaction, Reactions

log = logging.getLogger(__name__)

DAY_S = 86400.0
LOOKED_BACK_S = 7 * DAY_S
MOST_MESSAGES = 300
PACE_S = 0.25  # between two of them
MOST_TRIES = 5  # at one of them, before the others come first
FRESH_S = 3600.0  # so young a portrait gets its reactions again if a crash cost it them; later they were taken off
GRACE_S = 3 * DAY_S
EVERY_S = 600.0  # seconds between two looks for servers that are to be forgotten


class Upkeep(commands.Cog):
    """Catches up, and clears away. The clock counts Unix seconds."""

    def __init__(
        self, bot: commands.Bot, house: House, reactions: Reactions, clock: Callable[[], float] = time.time
    ) -> None:
        self._bot = bot
        self._house = house
        self._reactions = reactions
        self._clock = clock
        self._catching_up = asyncio.Lock()
        self._failures = 0  # in a row, at whatever message: if all of Discord is down, the rests grow long
        self._keeper: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name="upkeep")

    async def cog_unload(self) -> None:
        if self._keeper:
            self._keeper.cancel()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new login: whatever was said before it was said to nobody."""
        for guild_id in await self._house.pets.guilds():
            if self._bot.get_guild(guild_id):
                await self._house.pets.guild_back(guild_id)
            else:
                await self._left(guild_id)
        await self.catch_up()

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """We were sent away, or the server is no more."""
        await self._left(guild.id)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Asked in, or asked back."""
        await self._house.pets.guild_back(guild.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Alone, or together with its channel."""
        await self._house.pets.thread_gone(payload.thread_id)

    # ---- reactions -----------------------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Answer the reactions that nobody heard. What fails again and again has one more chance after all others."""
        async with self._catching_up:
            hanging = await self._house.portraits.hanging(self._clock() - LOOKED_BACK_S, MOST_MESSAGES)
            await self._round(await self._round(hanging))

    async def _round(self, messages: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those that failed again and again. A channel that refuses one look is not asked again."""
        refused: set[int] = set()
        failed: list[tuple[int, int]] = []
        for channel_id, message_id in messages:
            try:
                if channel_id not in refused and not await self._insist(channel_id, message_id):
                    refused.add(channel_id)
            except (Refused, aiohttp.ClientError, OSError) as error:
                log.warning("The reactions under message %s are not known: %s", message_id, error)
                failed.append((channel_id, message_id))
            await asyncio.sleep(PACE_S)
        return failed

    async def _insist(self, channel_id: int, message_id: int) -> bool:
        """False if this channel is closed to us. Raises what may pass, after MOST_TRIES."""
        tries = 1
        while True:
            try:
                with translated():
                    await self._look(channel_id, message_id)
                self._failures = 0
                return True
            except (Refused, aiohttp.ClientError, OSError) as error:
                if isinstance(error, Refused) and not passing(error):
                    return await self._missing(error.code, channel_id, message_id)
                if tries == MOST_TRIES:
                    raise
                await asyncio.sleep(patience(error, self._failures))
                tries, self._failures = tries + 1, self._failures + 1

    async def _missing(self, code: int, channel_id: int, message_id: int) -> bool:
        if code == UNKNOWN_MESSAGE:
            rows = await self._house.portraits.by_message(message_id)
            await self._house.portraits.delete([row.id for row in rows])
        elif code == UNKNOWN_CHANNEL:
            await self._house.pets.thread_gone(channel_id)
        return code == UNKNOWN_MESSAGE

    async def _look(self, channel_id: int, message_id: int) -> None:
        rows = await self._house.portraits.by_message(message_id)
        if not rows:  # deleted since
            return
        # What is noted comes first: a reaction that is made and noted after our look must not seem taken back.
        noted = {sign: await self._house.portraits.reactors(rows[0].id, sign) for sign in (REROLL, DELETE)}
        message = await self._bot.get_partial_messageable(channel_id).fetch_message(message_id)
        for sign, known in noted.items():
            people = await _people(message, sign)
            for user_id in known - people:
                await self._house.portraits.took_back(rows[0].id, user_id, sign)
            for user_id in people - known:
                await self._reactions.answer(Reaction(channel_id, message_id, user_id, sign), rows)
        ours = [one for one in message.reactions if one.me]
        if len(ours) < len(REACTIONS) and self._clock() - message.created_at.timestamp() < FRESH_S:
            await invite(message)

    # ---- servers -------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            try:
                await self.clear()
            except Exception:
                log.exception("The upkeep stumbled")
            await asyncio.sleep(EVERY_S)

    async def _left(self, guild_id: int) -> None:
        log.warning("Not in guild %s any more: it is forgotten after %d days", guild_id, GRACE_S // DAY_S)
        await self._house.pets.guild_left(guild_id, self._clock())

    async def clear(self) -> None:
        """Forget the servers that we left long enough ago; one whose job still runs is forgotten the next time."""
        for guild_id in await self._house.pets.left_before(self._clock() - GRACE_S):
            if self._bot.get_guild(guild_id):  # asked back a moment ago
                continue
            if jobs := await self._house.jobs.active(guild_id):
                for job in jobs:
                    await self._house.line.cancel(job.id)
            else:
                await self._forget(guild_id)

    async def _forget(self, guild_id: int) -> None:
        pets = await self._house.pets.of_guild(guild_id)
        for pet in pets:
            await self._house.pets.forget(pet.id)
        await self._house.pets.guild_forgotten(guild_id)
        log.info("Guild %s is forgotten, with %d pets", guild_id, len(pets))


async def _people(message: discord.Message, sign: str) -> set[int]:
    """User ids of the people whose reaction with this sign hangs there, in whatever form."""
    found: set[int] = set()
    for reaction in message.reactions:
        if str(reaction.emoji).removesuffix("\ufe0f") != sign or reaction.count == reaction.me:
            continue
        for kind in (discord.ReactionType.normal, discord.ReactionType.burst):
            found |= {user.id async for user in reaction.users(type=kind) if not user.bot}
    return found
