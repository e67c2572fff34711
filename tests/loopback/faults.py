"""Bad days on purpose: failing and slow routes, and rate limits that no header announces, set by a test.

Knows: which request is hit, and the 429 that discord.py takes for a ban. Does not know: what the routes do, or the
limits that every bot meets (limits.py). Routes are named by their template, such as "/channels/{channel_id}/messages".
"""

import asyncio
import json
from dataclasses import dataclass, field
from random import Random

from aiohttp import web

from tests.loopback.clock import Clock
from tests.loopback.limits import major, template, too_many

JSON = {"Content-Type": "application/json"}  # exactly so: discord.py reads nothing else as JSON


@dataclass(kw_only=True)
class Limit:
    """At most `count` requests in `per` seconds on a route, counted for each channel or webhook apart.

    Discord has such limits inside of those that it announces: for a channel's topic, for messages that are old.
    """

    method: str
    route: str
    count: int
    per: float  # seconds
    hits: int = 0  # how many 429 it has caused
    _seen: dict[tuple[str, ...], list[float]] = field(default_factory=dict[tuple[str, ...], list[float]])

    def refuse(self, major: tuple[str, ...], now: float) -> web.Response | None:
        """Count a request of a channel or webhook; the 429 if it is one too many."""
        recent = [moment for moment in self._seen.get(major, []) if moment > now - self.per]
        if len(recent) < self.count:
            self._seen[major] = [*recent, now]
            return None
        self.hits += 1
        return too_many(recent[0] + self.per - now)


@dataclass(kw_only=True)
class Fault:
    """The next `times` requests on a route go wrong, or a share of them drawn with a seed."""

    method: str
    route: str
    status: int  # 0 cuts the connection; 5xx; 429 is a ban at the edge, without `Via`; 200 is the true answer
    code: int = 0  # Discord's own, as the body of a refusal
    times: int = 1
    after: bool = False  # True: it is done first, and only the answer is lost
    slow: float = 0.0  # seconds before the answer, or the cut
    share: float = 1.0  # of the requests
    random: Random = field(default_factory=lambda: Random(0))
    within: str = ""  # a part of the path, such as a channel's id or an interaction's token
    hits: int = 0

    def strikes(self, request: web.Request, *, after: bool) -> bool:
        """Does it hit this request? Then it is used up by one."""
        if (self.method, self.route, self.after) != (request.method, template(request), after) or self.times <= 0:
            return False
        if self.within not in request.path:
            return False
        if self.random.random() >= self.share:
            return False
        self.times -= 1
        self.hits += 1
        return True

    async def answer(self, request: web.Request, truth: web.Response | None = None) -> web.Response:
        """What the client sees instead of the true answer."""
        await asyncio.sleep(self.slow)
        if self.status == 200 and truth is not None:
            return truth
        if self.status == 0 and request.transport is not None:
            request.transport.abort()
        if self.code:
            body = {"message": f"refused on purpose: {self.code}", "code": self.code}
            return web.Response(status=self.status, body=json.dumps(body).encode(), headers=JSON)
        text = "error code: 1015" if self.status == 429 else "upstream connect error"
        return web.Response(status=self.status or 502, text=text, content_type="text/plain")


class Faults:
    """The limits and faults in force."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.limits: list[Limit] = []
        self.faults: list[Fault] = []

    def limited(self, request: web.Request) -> web.Response | None:
        """The 429 of the first limit that this request breaks."""
        hit = [limit for limit in self.limits if (limit.method, limit.route) == (request.method, template(request))]
        refusals = [limit.refuse(major(request), self._clock.now()) for limit in hit]
        return next((refusal for refusal in refusals if refusal is not None), None)

    def take(self, request: web.Request, *, after: bool) -> Fault | None:
        """The fault that hits this request now."""
        return next((fault for fault in self.faults if fault.strikes(request, after=after)), None)
