"""When to lose patience with a child, when it has served long enough, and how long to rest before the next one.

Knows: what counts as progress, as worn out, as a bad start. Does not know: processes, pipes, or what time it is: the
time is an argument, in seconds of any clock that never goes back, so a test or a simulation need not wait for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gpu.errors import OutOfMemory, WorkerDied
from gpu.types import Done, Failed, Paused, Progress

SPOILT = (OutOfMemory.__name__, WorkerDied.__name__)
"""Failures of the process, not of the job: a new one is as good as new, and may well get the job done."""

RESTS_S = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Before the next birth, by deaths at birth in a row: one is bad luck, several are a broken machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds without progress after which a child is taken for hung."""

    birth: float  # until it is ready: its imports alone read gigabytes of libraries
    loading: float
    cutting: float
    learning: float
    thinking: float
    painting: float

    def after(self, progress: Progress) -> float:
        """How long the next progress may take."""
        match progress.phase:
            case "loading":
                return self.loading
            case "cutting":
                return self.cutting
            case "learning":
                return self.learning
            case "thinking":
                return self.thinking
            case "painting":
                return self.painting


class Watchdog:
    """Follows one job's progress. A message that says nothing new is no progress."""

    def __init__(self, patience: Patience, now: float) -> None:
        self._patience = patience
        self._last = Progress(phase="loading")
        self.deadline = now + patience.after(self._last)

    def heard(self, progress: Progress, now: float) -> None:
        """Something was said; only a new phase, step, picture or checkpoint buys time."""
        if _news(progress) != _news(self._last):
            self._last = progress
            self.deadline = now + self._patience.after(progress)

    def left(self, now: float) -> float:
        """Seconds of patience that are left, 0 when it is lost."""
        return max(0.0, self.deadline - now)

    def __str__(self) -> str:
        return f"no progress for {self._patience.after(self._last):g} s while {self._last.phase}"


def _news(progress: Progress) -> tuple[object, ...]:
    return progress.phase, progress.step, progress.picture, progress.checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Stint:
    """How long one child serves. Memory creeps when adapters are put on and off (diffusers#8532)."""

    jobs: int
    growth: float  # bytes of resident memory since it was ready, with the models that it loaded


class Wear:
    """Follows one child from the moment it is ready. `memory`: its resident bytes."""

    def __init__(self, stint: Stint, memory: Callable[[], int]) -> None:
        self._stint = stint
        self._memory = memory
        self._at_first = memory()
        self._jobs = 0

    def out(self, outcome: Done | Paused | Failed) -> bool:
        """Whether the child ends after this outcome. Not at a pause: somebody waits for a portrait right now."""
        if isinstance(outcome, Paused):
            return False
        self._jobs += 1
        spoilt = isinstance(outcome, Failed) and outcome.error in SPOILT
        return spoilt or self._jobs >= self._stint.jobs or self._memory() - self._at_first > self._stint.growth


class Rests:
    """Follows births, so that a child that dies again and again before it is ready is not started in a tight loop."""

    def __init__(self) -> None:
        self._deaths = 0
        self._until = 0.0

    def died(self, now: float) -> None:
        self._until = now + RESTS_S[min(self._deaths, len(RESTS_S) - 1)]
        self._deaths += 1

    def lived(self) -> None:
        self._deaths = 0

    def left(self, now: float) -> float:
        """Seconds until the next birth."""
        return max(0.0, self._until - now) if self._deaths else 0.0
