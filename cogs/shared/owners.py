"""What owners of dogs are called in their server.

Knows: how to ask Discord, seldom and not for long. Does not know: dogs.
Members are not cached, as that takes a privileged intent. And nothing of this is stored: it would be one more thing
about people that grows old and has to be forgotten. So Discord is asked, and its answer is remembered for ten minutes.
"""

import asyncio
import logging
from collections.abc import Sequence

import discord

from cogs.shared.errors import DROPPED
from storage.names import shorten, visible

log = logging.getLogger(__name__)

LONGEST_OWNER = 32  # Discord's limit for what somebody is called
WAIT_S = 0.8  # for Discord to say what owners are called: choices are due within 3 s, while people type
MOST_ASKED = 5  # at once: about people who have left, each request fails, and few may (cogs/api/budget.py)
REMEMBERED_S = 600.0
MOST_REMEMBERED = 1000  # owners


class Owners:
    """What owners are called, as far as that is known in time."""

    def __init__(self) -> None:
        self._asked: dict[tuple[int, int], tuple[float, asyncio.Task[str]]] = {}

    async def called(self, guild: discord.Guild, ids: Sequence[int]) -> dict[int, str]:
        """Those of whom Discord tells within WAIT_S, or told before; others are known by the next letter typed."""
        self._forget_old()
        unknown = [owner_id for owner_id in ids if (guild.id, owner_id) not in self._asked]
        for owner_id in unknown[:MOST_ASKED]:
            task = asyncio.create_task(_called(guild, owner_id), name="owner")
            self._asked[guild.id, owner_id] = asyncio.get_running_loop().time(), task
        asked = {
            owner_id: self._asked[guild.id, owner_id][1] for owner_id in ids if (guild.id, owner_id) in self._asked
        }
        if asked:
            await asyncio.wait(asked.values(), timeout=WAIT_S)
        return {owner_id: task.result() for owner_id, task in asked.items() if task.done() and task.result()}

    def _forget_old(self) -> None:
        since = asyncio.get_running_loop().time() - REMEMBERED_S
        known = [(key, one) for key, one in self._asked.items() if one[0] > since]
        self._asked = dict(known[-MOST_REMEMBERED:])


async def _called(guild: discord.Guild, owner_id: int) -> str:
    """Empty where Discord does not say: the owner has left, say."""
    try:
        return shorten(visible((await guild.fetch_member(owner_id)).display_name), LONGEST_OWNER)
    except DROPPED as error:
        log.debug("What %s is called is not known: %s", owner_id, error)
        return ""
