"""One line to a person who reacted: a reaction has no private answer of its own.

The promise kept here: nobody is told the same thing twice in ten minutes, however often they press. It goes to their
direct messages. Where somebody takes none, or many would have to be told at once (Discord takes a bot that opens many
of those for a spammer), it stands in the channel for half a minute, once for all who press meanwhile.

Knows: who was told what lately; after a restart, nothing. Does not know: why.
"""

import logging
import time
from collections.abc import Callable

import discord
from discord.ext import commands

from cogs.shared.errors import DROPPED

log = logging.getLogger(__name__)

QUIET_S = 600.0
MOST_DIRECT = 10  # people who are written to in that time
SHOWN_S = 30.0


class Notices:
    """Tells people, once. The clock counts seconds from anywhere."""

    def __init__(self, bot: commands.Bot, clock: Callable[[], float] = time.monotonic) -> None:
        self._bot = bot
        self._clock = clock
        self._quiet: dict[tuple[int, str], float] = {}  # (person or channel, what they were told): until when
        self._direct: list[float] = []  # when somebody was written to

    async def tell(
        self, user_id: int, about: discord.PartialMessage, kind: str, text: str, quiet_s: float = QUIET_S
    ) -> None:
        """Tell a person something about a message, unless they were told something of this kind `quiet_s` ago."""
        if not self._is_first(user_id, kind, quiet_s):
            return
        if self._may_write() and await self._write(user_id, f"{text}\n-# {about.jump_url}"):
            return
        if self._is_first(about.channel.id, kind, SHOWN_S):
            await self._say(about, text)

    def _is_first(self, who: int, kind: str, quiet_s: float) -> bool:
        now = self._clock()
        self._quiet = {key: until for key, until in self._quiet.items() if until > now}
        first = (who, kind) not in self._quiet
        if first:
            self._quiet[who, kind] = now + quiet_s
        return first

    def _may_write(self) -> bool:
        now = self._clock()
        self._direct = [then for then in self._direct if then > now - QUIET_S]
        if len(self._direct) >= MOST_DIRECT:
            return False
        self._direct.append(now)
        return True

    async def _write(self, user_id: int, text: str) -> bool:
        """False: they take no direct messages, or Discord none of ours just now."""
        try:
            channel = await self._bot.create_dm(discord.Object(user_id))
            await channel.send(text, suppress_embeds=True)
        except DROPPED as error:
            log.info("A person is not told directly: %s", error)
            return False
        return True

    async def _say(self, about: discord.PartialMessage, text: str) -> None:
        try:
            await about.channel.send(text, delete_after=SHOWN_S, suppress_embeds=True)
        except DROPPED as error:
            log.warning("Could not tell %r: %s", text, error)
