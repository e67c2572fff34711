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
from storage.takedowns import Takedown, Takedowns

log = logging.getLogger(__name__)

LOOK_S = 5.0  # seconds between two looks
SETTLED_S = 5 * PATIENCE_S  # after the forgetting; whatever has not arrived by then never will
SHUT_S = 3600.0  # a place that is shut to us may be opened again by a person
WEEK_S = 7 * 86400.0
GONE = (UNKNOWN_CHANNEL, UNKNOWN_MESSAGE)
SHUT = (MISSING_ACCESS, MISSING_PERMISSIONS)


class Catcher:
    """Takes messages down. The clock counts Unix seconds; `shut_s` of them pass until a shut place is tried again."""

    def __init__(
        self, takedowns: Takedowns, counter: Counter, clock: Callable[[], float], shut_s: float = SHUT_S
    ) -> None:
        self._takedowns = takedowns
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
        for takedown in await self._takedowns.due(self._clock()):
            shut = self._shut.get(takedown.channel_id, 0.0)
            try:
                due = shut if shut > self._clock() else await self._caught(takedown)
            except Resting as error:  # Discord was not even asked: that is no try, and no reason to rest longer
                await self._takedowns.retry(takedown, self._clock() + error.retry_after, takedown.tries)
                continue
            if due is None:
                await self._takedowns.close(takedown)
            else:
                await self._takedowns.retry(takedown, due, takedown.tries + 1)

    async def _caught(self, takedown: Takedown) -> float | None:
        """When to try again; None: it is gone, or never will be. Raises Resting."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._catch(takedown)
        except Resting:
            raise
        except Exception as error:
            return self._again(takedown, error)

    async def _catch(self, takedown: Takedown) -> float | None:
        """Raises Refused, and what the network does."""
        message_id = takedown.message_id or await self._counter.find(takedown.channel_id, takedown.mark, takedown.since)
        if message_id is not None:
            await self._counter.delete(takedown.channel_id, message_id)
            return None
        settled = takedown.forgotten + SETTLED_S
        return settled if self._clock() < settled else None

    def _again(self, takedown: Takedown, error: Exception) -> float | None:
        now = self._clock()
        if isinstance(error, Refused) and error.code in GONE:
            return None
        if now > takedown.forgotten + WEEK_S:
            log.warning("Forgotten, but it stays: %s: %s", takedown, error)
            return None
        if passing(error):
            return now + patience(error, takedown.tries)
        if isinstance(error, Refused):
            log.info("Out of reach: %s: %s", takedown, error)
            if error.code in SHUT:
                self._shut[takedown.channel_id] = now + self._shut_s
        else:
            log.error("%s could not be caught", takedown, exc_info=error)
        return now + self._shut_s
