"""The server's time, which a test can push forward, and the ids that are made of it.

Knows: seconds and snowflakes. Does not know: what is timed by them.
"""

import time
from datetime import UTC, datetime

DISCORD_EPOCH = 1_420_070_400_000  # milliseconds; the first of January 2015


class Clock:
    """Seconds since 1970. Runs at the true pace from the true time, and jumps when told to."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970; never goes back."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Jump forward: interaction tokens grow old, signed URLs expire, rate limits refill."""
        self._offset += seconds

    def stamp(self) -> str:
        """Now as Discord writes it."""
        return iso(self.now())


class Snowflakes:
    """Ids that rise with time: `snowflakes()` is a new one. They are strings, as on the wire."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def __call__(self) -> str:
        milliseconds = int(self._clock.now() * 1000) - DISCORD_EPOCH
        self._last = max(self._last + 1, milliseconds << 22)
        return str(self._last)


def born(snowflake: str) -> float:
    """When an id was made, in seconds since 1970."""
    return ((int(snowflake) >> 22) + DISCORD_EPOCH) / 1000


def iso(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 with microseconds and +00:00."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
