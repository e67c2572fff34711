"""The promise kept here: at most 20 failing requests a minute, whoever makes them.

Discord bans an address for 10,000 of them in ten minutes (docs topics/rate-limits, "invalid request limit").
Knows: how many requests failed lately, and aiohttp's hooks, through which all of discord.py's requests go.
Does not know: what a request is for. Answers to interactions are always let through: they are due within 3 seconds, and
each has a token of its own.

The count is not stored: after a crash it starts again from 0, so a bot that crashes again and again may make 20 failing
requests per run. Logins limit the number of runs (client.py): half of a day's 1,000 are free, after that each one has
to wait for minutes. A run takes at least 1.5 s (imports, login, 20 answers), so there are at most 401 runs and 8,020
failing requests in any ten minutes, and 18,000 a day; with runs of one second it would be 10,000 in ten minutes.
Deliveries that failed wait in the meantime.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

MOST_FAILING = 20
PER_S = 60.0
SPARED = ("/interactions/", "/webhooks/", "/gateway")  # parts of paths that are never held back
CROWDED_S = 0.05  # between two looks whether one more request may be made


class Resting(aiohttp.ClientError):
    """The request was not made: too many have failed lately, or were made. `retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"no requests for {retry_after:.1f} s")
        self.retry_after = retry_after


class Budget:
    """Counts failing requests. One under way counts as failing until it has succeeded, so the limit is never passed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: deque[float] = deque()
        self._under_way = 0

    def wait_s(self) -> float:
        """Seconds until the next request may be made; 0: now, unless is_full()."""
        now = self._clock()
        while self._failed and self._failed[0] <= now - PER_S:
            self._failed.popleft()
        return self._failed[-MOST_FAILING] + PER_S - now if len(self._failed) >= MOST_FAILING else 0.0

    def is_full(self) -> bool:
        """Would one more request be one too many, should all of them fail?"""
        return len(self._failed) + self._under_way >= MOST_FAILING

    def begin(self) -> None:
        """A request is made."""
        self._under_way += 1

    def end(self, *, failed: bool) -> None:
        """A request has its answer, or never will."""
        self._under_way -= 1
        if failed:
            self._failed.append(self._clock())


def watched(budget: Budget) -> aiohttp.TraceConfig:
    """The hooks, for discord.Client(http_trace=...). While the budget is spent they raise Resting."""

    async def start(_session: object, _context: SimpleNamespace, request: aiohttp.TraceRequestStartParams) -> None:
        spared = request.url.scheme in ("ws", "wss") or any(part in request.url.path for part in SPARED)
        while not spared:
            if seconds := budget.wait_s():
                raise Resting(seconds)
            if not budget.is_full():
                break
            await asyncio.sleep(CROWDED_S)
        budget.begin()

    async def end(_session: object, _context: SimpleNamespace, request: aiohttp.TraceRequestEndParams) -> None:
        budget.end(failed=request.response.status >= 400)

    async def stumble(_session: object, _context: SimpleNamespace, _: aiohttp.TraceRequestExceptionParams) -> None:
        budget.end(failed=True)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    trace.on_request_exception.append(stumble)
    return trace
