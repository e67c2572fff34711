"""At most 20 failing requests a minute, whoever makes them: Discord bans an address for 10,000 in ten minutes.

Knows: how many requests failed lately, and aiohttp's hooks, through which all of discord.py's requests go.
Does not know: what they were for. First answers to people are let through always: they have 3 seconds, and each has
its own token. Source of the ban: docs topics/rate-limits, "invalid request limit".

It is not written down: a bot that dies begins to count anew, so a crash loop makes up to 20 in each of its lives. The
logins bound those (client.py): half of a day's 1,000 are free, the next one comes minutes later. A life takes 1.5 s
and more (imports, login, 20 answers that come back), which is at most 401 lives or 8,020 failing requests in any ten
minutes, and 18,000 a day; with lives of one second it would be 10,000. Rows that failed rest meanwhile.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

MOST_FAILING = 20
PER_S = 60.0
SPARED = ("/interactions/", "/webhooks/", "/gateway")
CROWDED_S = 0.05


class Resting(aiohttp.ClientError):
    """The request was not made: too many have failed lately, or were made. `retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"no requests for {retry_after:.1f} s")
        self.retry_after = retry_after


class Budget:
    """Counts. A request under way counts as failing until it has succeeded, so that the limit is never passed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: deque[float] = deque()
        self._under_way = 0

    def wait_s(self) -> float:
        """Seconds until a request may leave again; 0: now, if there is room."""
        now = self._clock()
        while self._failed and self._failed[0] <= now - PER_S:
            self._failed.popleft()
        return self._failed[-MOST_FAILING] + PER_S - now if len(self._failed) >= MOST_FAILING else 0.0

    def is_full(self) -> bool:
        """Would one more request be one too many, should all of them fail?"""
        return len(self._failed) + self._under_way >= MOST_FAILING

    def begin(self) -> None:
        """A request leaves."""
        self._under_way += 1

    def end(self, *, failed: bool) -> None:
        """Its outcome is known."""
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
