"""Reactions that were made while the bot was away.

Knows: how to read the reactions under a message. Does not know: what a reaction asks for (reactions.py).

After every new login (a resumed connection replays by itself what it missed) the portraits of the last week are looked
at. A 🔁 or 🗑️ that is there and not noted yet is answered once, as if it came now; one that is noted but no longer
there was taken back. One that was taken back and made again while we were away cannot be told from the old one. A
portrait whose message was deleted is deleted here too, so that nothing answers for it any more.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp
import discord
from discord.ext import commands

from cogs.api.refusals import UNKNOWN_MESSAGE, Refused, is_transient, retry_after_s
from cogs.api.transport import REACTIONS, add_reactions, raising_refused
from cogs.reactions import DELETE, REROLL, Reaction, ReactionsCog
from cogs.shared.portraits import forget_missing
from cogs.shared.services import Services

log = logging.getLogger(__name__)

LOOKED_BACK_S = 7 * 86400.0
MOST_MESSAGES = 300
PACE_S = 0.25  # between two messages
MOST_TRIES = 5  # at one message; the others come first then
FRESH_S = 3600.0  # a younger portrait without our reactions lost them to a crash; from an older one they were removed


class CatchUpCog(commands.Cog):
    """Answers reactions that nobody heard. The clock counts Unix seconds."""

    def __init__(
        self, bot: commands.Bot, services: Services, reactions: ReactionsCog, clock: Callable[[], float] = time.time
    ) -> None:
        self._bot = bot
        self._services = services
        self._reactions = reactions
        self._clock = clock
        self._catching_up = asyncio.Lock()
        self._failures = 0  # in a row, at any message: if all of Discord is down, the rests grow long

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A new login: nobody heard what happened before it."""
        await self.catch_up()

    async def catch_up(self) -> None:
        """Answer the reactions that nobody heard. A message that fails too often is tried again after all others."""
        async with self._catching_up:
            hanging = await self._services.portraits.posted_since(self._clock() - LOOKED_BACK_S, MOST_MESSAGES)
            await self._round(await self._round(hanging))

    async def _round(self, messages: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Look at each message once; those that failed. A channel that refuses one look is not asked again."""
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
        """Look until it works; False if this channel is closed to us. Raises what may pass, after MOST_TRIES."""
        tries = 1
        while True:
            try:
                with raising_refused():
                    await self._look(channel_id, message_id)
                self._failures = 0
                return True
            except (Refused, aiohttp.ClientError, OSError) as error:
                if isinstance(error, Refused) and not is_transient(error):
                    await forget_missing(self._services, error.code, channel_id, message_id)
                    return error.code == UNKNOWN_MESSAGE
                if tries == MOST_TRIES:
                    raise
                await asyncio.sleep(retry_after_s(error, self._failures))
                tries, self._failures = tries + 1, self._failures + 1

    async def _look(self, channel_id: int, message_id: int) -> None:
        rows = await self._services.portraits.by_message(message_id)
        if not rows:  # deleted since
            return
        # The notes are read first: a reaction that is made and noted after our look must not seem taken back.
        noted = {sign: await self._services.portraits.reactors(rows[0].id, sign) for sign in (REROLL, DELETE)}
        message = await self._bot.get_partial_messageable(channel_id).fetch_message(message_id)
        for sign, known in noted.items():
            people = await _people(message, sign)
            for user_id in known - people:
                await self._services.portraits.forget_reaction(rows[0].id, user_id, sign)
            for user_id in people - known:
                await self._reactions.answer(Reaction(channel_id, message_id, user_id, sign), rows)
        ours = [one for one in message.reactions if one.me]
        if len(ours) < len(REACTIONS) and self._clock() - message.created_at.timestamp() < FRESH_S:
            await add_reactions(message)


async def _people(message: discord.Message, sign: str) -> set[int]:
    """User ids of the people who reacted with this sign, in a normal or a super reaction."""
    found: set[int] = set()
    for reaction in message.reactions:
        if str(reaction.emoji).removesuffix("\ufe0f") != sign or reaction.count == reaction.me:
            continue
        for kind in (discord.ReactionType.normal, discord.ReactionType.burst):
            found |= {user.id async for user in reaction.users(type=kind) if not user.bot}
    return found
