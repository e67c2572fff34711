"""The transport of the simulation: where the real rounds of cogs/ meet the simulated Discord.

Knows: the seam (it passes tests/contracts/transport.py) and the budget of failing requests. Does not know: words,
pictures, HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from cogs.api.budget import CROWDED_S, Budget, Resting
from cogs.api.message import OutgoingMessage
from cogs.api.refusals import Refused
from tests.sim.discord import NO_REPLY, SimDiscord

T = TypeVar("T")


class SimTransport:
    def __init__(self, discord: SimDiscord) -> None:
        self._discord = discord
        self._budget = Budget(asyncio.get_running_loop().time)

    def serves(self, guild_id: int) -> bool:
        return True

    async def send(self, channel_id: int, message: OutgoingMessage, nonce: str) -> int:
        try:
            return await self._send(channel_id, message, nonce)
        except Refused as refusal:
            if (refusal.status, refusal.code) != NO_REPLY:
                raise
        return await self._send(channel_id, replace(message, reply_to=None), nonce)

    async def _send(self, channel_id: int, message: OutgoingMessage, nonce: str) -> int:
        return (await self._ask(lambda: self._discord.send(channel_id, nonce, message))).id

    async def find(self, channel_id: int, mark: str, since: float) -> int | None:
        history = await self._ask(lambda: self._discord.history(channel_id))
        return next((message.id for message in history if message.name == mark), None)

    async def delete(self, channel_id: int, message_id: int) -> None:
        await self._ask(lambda: self._discord.delete(channel_id, message_id))

    async def open_dm(self, user_id: int) -> int:
        return self._discord.direct(user_id)

    async def add_reactions(self, channel_id: int, message_id: int) -> None:
        """Nobody here waits to be asked."""

    async def _ask(self, request: Callable[[], Awaitable[T]]) -> T:
        """As the hooks of cogs/api/budget.py do. Raises Resting, and what the request does."""
        while seconds := self._budget.wait_s() or self._budget.is_full():
            if seconds is not True:
                raise Resting(seconds)
            await asyncio.sleep(CROWDED_S)
        self._budget.begin()
        failed = True
        try:
            answer = await request()
            failed = False
            return answer
        finally:
            self._budget.end(failed=failed)
