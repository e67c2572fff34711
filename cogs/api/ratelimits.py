"""Whether a request may go now, waits, or is put off: Discord's rate limits, decided in one place.

discord.py learns from each answer how a bucket stands (the requests of some routes, for one channel, server or webhook)
and keeps the requests of a bucket in order. What follows from it is decided here, as it decides by the time of the
reset alone: with 49 of 50 requests left and 300 s to go it refuses the next one, and it holds on to one that is done,
until the bucket that it emptied is full again.

Knows: what is left of a bucket, as Discord said last, and what is under way. Does not know: what a request is for, or
how many fail (budget.py). Source: docs topics/rate-limits.
"""

import asyncio
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Any

import discord
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from discord.http import HTTPClient, Ratelimit, Route, json_or_text

from cogs.api.refusals import TOO_MANY_OLD_EDITS

LONGEST_WAIT_S = 30.0  # for a request's turn; the outbox can wait better, and discord.py takes no less


class Bucket(Ratelimit):
    """The requests that share a limit: each goes if anything is left, and else waits, or is put off."""

    def __init__(self) -> None:
        super().__init__(None)
        self._turn = asyncio.Lock()  # who waits longest goes first
        self._changed = asyncio.Event()

    async def acquire(self) -> None:
        """Wait for a request's turn. Raises discord.RateLimited, with the seconds to go, if that is too long."""
        self._last_request = self._loop.time()
        try:
            async with asyncio.timeout(LONGEST_WAIT_S), self._turn:
                while seconds := self._wait_s():
                    if LONGEST_WAIT_S < seconds < inf:
                        raise discord.RateLimited(seconds)
                    await self._change(seconds)
        except TimeoutError:
            raise discord.RateLimited(min(self._wait_s(), LONGEST_WAIT_S)) from None
        self.remaining -= 1
        self.outgoing += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.outgoing -= 1
        if self.expires is None:  # no word of a limit: the next one will hear of it
            self.reset()
        self._changed.set()

    def update(self, response: ClientResponse, *, use_clock: bool = False) -> None:
        """Discord said what is left; the others that are under way may not be counted in it yet."""
        super().update(response, use_clock=use_clock)
        self.remaining = int(response.headers["X-Ratelimit-Remaining"]) - (self.outgoing - 1)
        self._changed.set()

    def _wait_s(self) -> float:
        """Seconds until something is left; 0: now; inf: as long as the first request takes, which tells the limit."""
        if self.is_expired():
            self.reset()
        if self.remaining > 0:
            return 0.0
        return inf if self.expires is None else max(self.expires - self._loop.time(), 0.001)

    async def _change(self, seconds: float) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, LONGEST_WAIT_S)):
                await self._changed.wait()


class RateLimitedHTTP(HTTPClient):
    """discord.py's HTTP client with these buckets, which hears of every 429."""

    def __init__(self, plain: HTTPClient) -> None:
        super().__init__(plain.loop, http_trace=plain.http_trace, max_ratelimit_timeout=LONGEST_WAIT_S)

    def get_ratelimit(self, key: str) -> Ratelimit:
        """The bucket of this name."""
        if key not in self._buckets:
            self._buckets[key] = Bucket()
            self._try_clear_expired_ratelimits()
        return self._buckets[key]

    async def request(self, route: Route, **options: Any) -> Any:
        """Make a request. Raises discord.RateLimited where it is put off."""

        async def listen(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
            response = await handler(request)
            if response.status == 429:
                await self._hear_refusal(route, response)
            return response

        return await super().request(route, middlewares=(listen,), **options)

    async def _hear_refusal(self, route: Route, response: ClientResponse) -> None:
        """discord.py does not note how the bucket stands then, and cannot read a 429 that no time will heal."""
        if response.headers.get("X-RateLimit-Remaining") == "0":
            name = self._bucket_hashes.get(route.key, route.key)
            self.get_ratelimit(f"{name}:{route.major_parameters}").update(response, use_clock=self.use_clock)
        data = await json_or_text(response)
        if isinstance(data, dict) and ("retry_after" not in data or data.get("code") == TOO_MANY_OLD_EDITS):
            raise discord.HTTPException(response, data)
