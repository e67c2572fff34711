"""Deletes the messages of forgotten pets, answers that may stand at a second place, and replaced progress messages.

Knows: the takedowns (storage/takedowns.py). Some are messages that somebody wanted deleted together with their pet. The
others were on their way when the pet was forgotten, or when their channel was closed to us: nobody can say whether they
arrived, so they are looked for by their mark. Does not know: which pet it was; nothing of it is left.

A message that is not found may still arrive. Its sender waits at most SEND_TIMEOUT_S for it, so it is looked for once
more when that is long over, and then given up. What passes by itself is tried again for a week. So is, once an hour,
what people may change (a thread is hidden from us, or locked). What is left after that is in the log, for a person to
delete.
"""

import asyncio
import logging
from collections.abc import Callable

from cogs.api.budget import Resting
from cogs.api.refusals import (
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    Refused,
    is_transient,
    retry_after_s,
)
from cogs.api.transport import Transport
from cogs.delivery.sender import SEND_TIMEOUT_S
from storage.takedowns import Takedown, Takedowns

log = logging.getLogger(__name__)

LOOK_S = 5.0  # seconds between two looks
SETTLED_S = 5 * SEND_TIMEOUT_S  # after the pet was forgotten; what has not arrived by then never will
SHUT_S = 3600.0  # a channel that is shut to us may be opened again by a person
WEEK_S = 7 * 86400.0
GONE = (UNKNOWN_CHANNEL, UNKNOWN_MESSAGE)
SHUT = (MISSING_ACCESS, MISSING_PERMISSIONS)


class TakedownWorker:
    """Deletes messages. The clock counts Unix seconds; a channel that is shut is tried again after `shut_s` of them."""

    def __init__(
        self, takedowns: Takedowns, transport: Transport, clock: Callable[[], float], shut_s: float = SHUT_S
    ) -> None:
        self._takedowns = takedowns
        self._transport = transport
        self._clock = clock
        self._shut_s = shut_s
        self._shut: dict[int, float] = {}  # channels, and until when: one refusal speaks for all messages there

    async def work(self) -> None:
        """Delete whatever comes to be due, until cancelled."""
        while True:
            try:
                await self.take_down_due()
            except Exception:
                log.exception("The messages to take down could not be looked at")
            await asyncio.sleep(LOOK_S)

    async def take_down_due(self) -> None:
        """Try everything that is due, once."""
        for takedown in await self._takedowns.due(self._clock()):
            shut = self._shut.get(takedown.channel_id, 0.0)
            try:
                due = shut if shut > self._clock() else await self._try(takedown)
            except Resting as error:  # Discord was not even asked: that is no try
                await self._takedowns.retry(takedown, self._clock() + error.retry_after, takedown.tries)
                continue
            if due is None:
                await self._takedowns.close(takedown)
            else:
                await self._takedowns.retry(takedown, due, takedown.tries + 1)

    async def _try(self, takedown: Takedown) -> float | None:
        """When to try again; None: it is gone, or never will be. Raises Resting."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                return await self._take_down(takedown)
        except Resting:
            raise
        except Exception as error:
            return self._next_try(takedown, error)

    async def _take_down(self, takedown: Takedown) -> float | None:
        """Raises Refused, and what the network does."""
        message_id = takedown.message_id
        if message_id is None:
            message_id = await self._transport.find(takedown.channel_id, takedown.mark, takedown.since)
        if message_id is not None:
            await self._transport.delete(takedown.channel_id, message_id)
            return None
        settled = takedown.forgotten + SETTLED_S
        return settled if self._clock() < settled else None

    def _next_try(self, takedown: Takedown, error: Exception) -> float | None:
        now = self._clock()
        if isinstance(error, Refused) and error.code in GONE:
            return None
        if now > takedown.forgotten + WEEK_S:
            log.warning("A message of a forgotten pet could not be deleted: %s: %s", takedown, error)
            return None
        if is_transient(error):
            return now + retry_after_s(error, takedown.tries)
        if isinstance(error, Refused):
            log.info("Out of reach: %s: %s", takedown, error)
            if error.code in SHUT:
                self._shut[takedown.channel_id] = now + self._shut_s
        else:
            log.error("%s failed", takedown, exc_info=error)
        return now + self._shut_s
