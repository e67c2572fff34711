"""When a child counts as hung, and how long to wait before the next one is started.

Knows: what counts as progress. Does not know: processes, pipes, or what time it is: the time is an argument, in seconds
of any clock that never goes back, so that a test need not wait.
"""

from gpu.outcomes import Progress
from gpu.profile import Timeouts

BACKOFF_S = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before the next start, by failed starts in a row: one is bad luck, several are a broken machine."""


class Watchdog:
    """Follows one job's progress. A report that says nothing new is no progress."""

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self._timeouts = timeouts
        self._last = Progress(phase="loading")
        self.deadline = now + timeouts.after(self._last)

    def observe(self, progress: Progress, now: float) -> None:
        """A report came; only a new phase, step, picture or checkpoint moves the deadline, or more that is painted."""
        if _position(progress) != _position(self._last):
            self._last = progress
            self.deadline = now + self._timeouts.after(progress)

    def left(self, now: float) -> float:
        """Seconds until the child counts as hung, 0 when it does."""
        return max(0.0, self.deadline - now)

    def __str__(self) -> str:
        return f"no progress for {self._timeouts.after(self._last):g} s while {self._last.phase}"


def _position(progress: Progress) -> tuple[object, ...]:
    return progress.phase, progress.step, progress.painted, progress.picture, progress.checkpoint


class StartBackoff:
    """Counts failed starts, so that a child which never gets ready is not started in a tight loop."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0

    def record_failure(self, now: float) -> None:
        self._until = now + BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1

    def reset(self) -> None:
        self._failures = 0

    def left(self, now: float) -> float:
        """Seconds until the next start."""
        return max(0.0, self._until - now) if self._failures else 0.0
