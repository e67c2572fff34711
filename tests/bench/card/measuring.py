"""Each measurement for itself: one that fails is written down as failed, and the others go on.

Knows: errors, the time that is left, where figures go. Does not know: what is measured.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import torch

from gpu.errors import OutOfMemory
from tests.bench import results
from tests.bench.card.bench import Bench, Figures
from tests.bench.card.limits import judged

SHARE = 1 / 3  # of the time that is left: most of what a part may take, so that others have their turn


class TooLong(Exception):
    """The time is up."""


class Part(NamedTuple):
    name: str
    measure: Callable[[Bench], Figures]
    least_s: float  # at full size; with less time left it is not begun


class Measurements:
    """Of one card, in one run that ends after so many seconds. The file is written anew after each part."""

    def __init__(self, bench: Bench, about: Figures, ends: float) -> None:
        """`ends`: by time.monotonic()."""
        self.bench, self.about, self.ends = bench, about, ends
        self.began = time.monotonic()
        self.found: dict[str, Figures] = {}

    def take(self, part: Part) -> None:
        began = time.monotonic()
        self.found[part.name] = self._tried(part) | {"took_s": round(time.monotonic() - began, 1)}
        self.bench.clock.free()  # also what a failed try held, now that its error is forgotten
        self.write()

    def _tried(self, part: Part) -> Figures:
        left = self.ends - time.monotonic()
        if left < (part.least_s if self.bench.scale.name == "full" else 0):
            return {"left_out": f"it needs about {part.least_s:.0f} s, and {max(left, 0):.0f} s were left"}
        try:
            self.bench.clock.peak()
            with within(min(left, max(part.least_s, SHARE * left))):
                found = part.measure(self.bench)
            return self.bench.clock.peak() | found  # a part that looked for itself knows better
        except (torch.OutOfMemoryError, MemoryError, OutOfMemory) as error:
            return {"error": f"it does not fit: {_first_line(error)}"}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {_first_line(error)}"}

    def write(self) -> None:
        """Into tests/bench/results/card-<name>.json."""
        figures = {**self.about, "seconds": round(time.monotonic() - self.began, 1), **self.found}
        results.note(slug(self.about["card"]["name"]), {**figures, "limits": self.judged()})

    def judged(self) -> list[dict[str, Any]]:
        """How the figures so far stand to the limits, which are of full size."""
        return judged(self.found, self.about["card"]["name"]) if self.bench.scale.name == "full" else []


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TooLong inside, at the next line of Python, when the time is up. In the main thread only."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLong(f"it was not done after {seconds:.0f} s, when the time was up")

    began, earlier = time.monotonic(), signal.signal(signal.SIGALRM, stop)
    left, every = signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, earlier)
        rest = max(left - (time.monotonic() - began), 0.001) if left else 0.0
        signal.setitimer(signal.ITIMER_REAL, rest, every)


def slug(card: str) -> str:
    """The name of its file: letters and digits, and dashes between them."""
    words = "".join(one if one.isalnum() else " " for one in card.lower()).split()
    return "-".join(["card", *words])


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
