"""Rate limits that are announced: which routes share a bucket, and the headers and the 429 that come of it.

Knows: how many requests of a channel, server or webhook each bucket lets through in a window, which begins with its
first request. Does not know: what the routes do, or the limits and faults that only a test wants (faults.py).
Sources: docs topics/rate-limits; the figures are not documented, people measured them: discord-api-docs issues 182
(reactions), 981 (sending and editing are one bucket), 8330 and eris#1173 (deleting, by age), 7816 (threads).
"""

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

from tests.loopback.clock import Clock, born

FORTNIGHT_S = 14 * 86400.0


class Bucket(NamedTuple):
    """So many requests in so many seconds. "shared": everybody's requests count together."""

    name: str
    count: int
    per: float
    scope: str = "user"


WRITING, READING = Bucket("write", 5, 5.0), Bucket("read", 10, 1.0)
DELETING, DELETING_OLD = Bucket("delete", 5, 1.0), Bucket("delete old", 30, 120.0)
REACTING, THREADS = Bucket("react", 1, 0.25), Bucket("threads", 50, 300.0, "shared")
CHANNEL, DOORS = Bucket("channel", 5, 1.0), Bucket("dm", 10, 10.0)
MEMBERS, WEBHOOK = Bucket("member", 5, 1.0), Bucket("webhook", 5, 2.0)

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = MESSAGES + "/{message_id}"
EMOJI = MESSAGE + "/reactions/{emoji}"
ANSWER = "/webhooks/{application_id}/{token}"

BUCKETS = {
    ("POST", MESSAGES): WRITING,
    ("PATCH", MESSAGE): WRITING,
    ("DELETE", MESSAGE): DELETING,
    ("GET", MESSAGES): READING,
    ("GET", MESSAGE): READING,
    ("GET", EMOJI): READING,
    ("PUT", EMOJI + "/@me"): REACTING,
    ("DELETE", EMOJI + "/{user_id}"): REACTING,
    ("POST", MESSAGE + "/threads"): THREADS,
    ("POST", "/channels/{channel_id}/threads"): THREADS,
    ("GET", "/channels/{channel_id}"): CHANNEL,
    ("PATCH", "/channels/{channel_id}"): CHANNEL,
    ("POST", "/users/@me/channels"): DOORS,
    ("GET", "/guilds/{guild_id}/members/{user_id}"): MEMBERS,
    ("POST", ANSWER): WEBHOOK,
    ("GET", ANSWER + "/messages/{message_id}"): WEBHOOK,
    ("PATCH", ANSWER + "/messages/{message_id}"): WEBHOOK,
    ("DELETE", ANSWER + "/messages/{message_id}"): WEBHOOK,
}
"""Of every other route only the limit of the whole API is announced, on a 429: nothing here comes near it."""


@dataclass(slots=True)
class Window:
    """What is left of a bucket, and until when."""

    ends: float  # by the server's clock
    left: int


@dataclass
class RateLimits:
    """The buckets of one bot. At a `pace` of 100 every window is a hundredth as long as Discord's."""

    clock: Clock
    pace: float = 1.0
    _windows: dict[tuple[str, ...], Window] = field(default_factory=dict[tuple[str, ...], Window])

    def refusal(self, request: web.Request) -> web.Response | None:
        """Count a request; the 429 if nothing is left for it."""
        bucket = self._bucket(request)
        if bucket is None:
            return None
        window = self._window(bucket, request)
        if window.left > 0:
            window.left -= 1
            return None
        return too_many(window.ends - self.clock.now(), bucket.scope)

    def announce(self, request: web.Request, response: web.Response) -> None:
        """Say how the bucket of a request stands."""
        bucket = self._bucket(request)
        if bucket is None:
            return
        window = self._window(bucket, request)
        response.headers["X-RateLimit-Bucket"] = hashlib.md5(bucket.name.encode()).hexdigest()
        response.headers["X-RateLimit-Limit"] = str(bucket.count)
        response.headers["X-RateLimit-Remaining"] = str(window.left)
        response.headers["X-RateLimit-Reset"] = f"{window.ends:.3f}"
        response.headers["X-RateLimit-Reset-After"] = f"{window.ends - self.clock.now():.3f}"

    def _bucket(self, request: web.Request) -> Bucket | None:
        bucket = BUCKETS.get((request.method, template(request)))
        if bucket is DELETING and self.clock.now() - born(request.match_info["message_id"]) > FORTNIGHT_S:
            return DELETING_OLD
        return bucket

    def _window(self, bucket: Bucket, request: web.Request) -> Window:
        key, now = (bucket.name, *major(request)), self.clock.now()
        if key not in self._windows or self._windows[key].ends <= now:
            self._windows[key] = Window(now + bucket.per / self.pace, bucket.count)
        return self._windows[key]


def major(request: web.Request) -> tuple[str, ...]:
    """What a route's requests are counted for: its channel or server, or the webhook with its token."""
    values = tuple(request.match_info.values())
    return values[:2] if "token" in request.match_info else values[:1]


def template(request: web.Request) -> str:
    """The route's template below /api/v10, such as "/channels/{channel_id}/messages"."""
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix("/api/v10") if resource is not None else ""


def too_many(seconds: float, scope: str = "user") -> web.Response:
    """429 as Discord's own edge sends it. discord.py takes one without `Via` for a ban, and raises."""
    body = {"message": "You are being rate limited.", "retry_after": round(seconds, 3), "global": False}
    headers = {
        "Via": "1.1 google",
        "Retry-After": str(math.ceil(seconds)),
        "X-RateLimit-Scope": scope,
        "Content-Type": "application/json",
    }
    return web.Response(status=429, body=json.dumps(body).encode(), headers=headers)
