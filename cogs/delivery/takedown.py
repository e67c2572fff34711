"""Messages of forgotten pets come down, and answers that may hang at a second place.

Knows: the strays (storage/outbox.py): messages that somebody wanted to be gone together with their pet, and those that
were on their way when it was forgotten, or when their place was shut to us, of which nobody can say whether they
arrived. Those are looked for by their mark. Does not know: which pet it was; nothing of it is left.

A message that is not found may still arrive: its sender waits for it (or died before) for PATIENCE_S at the most, so
it is looked for once more when that is long over, and then let be. What passes is tried again for a week, and so is
what people may change (a thread is hidden from us, or locked): once an hour. What is left then is in the log, for a
person to do it.
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
    passing,
    patience,
)
from cogs.api.transport import Counter
from cogs.delivery.sender import PATIENCE_S
from storage.outbox import Outbox, Stray

log = logging.getLogger(__name__)

LOOK_S = 5.0  # seconds between two looks
SETTLED_S = 5 * PATIENCE_S  # after the forgetting; whatever has not arrived by then never will
SHUT_S = 3600.0  # a place that is shut to us may be opened again by a person
WEEK_S = 7 * 86400.0
GONE = (UNKNOWN_CHANNEL, UNKNOWN_MESSAGE)
SHUT = (MISSING_ACCESS, MISSING_PERMISSIONS)


class Catcher:
    """Takes the strays down. The clock counts Unix seconds; `shut_s` of them pass until a shut place is tried again."""

    def __init__(self, outbox: Outbox, counter: Counter, clock: Callable[[], float], shut_s: float = SHUT_S) -> None:
        self._outbox = outbox
        self._counter = counter
        self._clock = clock
        self._shut_s = shut_s
        self._shut: dict[int, float] = {}  # channels, and until when: one refusal speaks for all that hangs there

    async def work(self) -> None:
        """For ever."""
        while True:
            try:
                await self.round()
            except Exception:
                log.exception("The catcher stumbled")
            await asyncio.sleep(LOOK_S)

    async def round(self) -> None:
        """Everything that is due, once."""
        for stray in await self._outbox.strays(self._clock()):
            shut = self._shut.get(stray.channel_id, 0.0)
            try:
                due = shut if shut > self._clock() else await self._caught(stray)
            except Resting as error:  # Discord was not even asked: that is no try, and no reason to rest longer
                await self._outbox.stray_later(stray, self._clock() + error.retry_after, stray.tries)
                continue
            if due is None:
                await self._outbox.stray_gone(stray)
            else:
                await self._outbox.stray_later(stray, due, stray.tries + 1)

    async def _caught(self, stray: Stray) -> float | None:
        """When to try again; None: it is gone, or never will be. Raises Resting."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._catch(stray)
        except Resting:
            raise
        except Exception as error:
            return self._again(stray, error)

    async def _catch(self, stray: Stray) -> float | None:
        """Raises Refused, and what the network does."""
        message_id = stray.message_id or await self._counter.find(stray.channel_id, stray.mark, stray.since)
        if message_id is not None:
            await self._counter.delete(stray.channel_id, message_id)
            return None
        settled = stray.forgotten + SETTLED_S
        return settled if self._clock() < settled else None

    def _again(self, stray: Stray, error: Exception) -> float | None:
        now = self._clock()
        if isinstance(error, Refused) and error.code in GONE:
            return None
        if now > stray.forgotten + WEEK_S:
            log.warning("Forgotten, but it stays: %s: %s", stray, error)
            return None
        if passing(error):
            return now + patience(error, stray.tries)
        if isinstance(error, Refused):
            log.info("Out of reach: %s: %s", stray, error)
            if error.code in SHUT:
                self._shut[stray.channel_id] = now + self._shut_s
        else:
            log.error("%s could not be caught", stray, exc_info=error)
        return now + self._shut_s
