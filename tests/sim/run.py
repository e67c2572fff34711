"""One seed, played from its first step to its end, and what is left to say about it.

Knows: how to make a world and clear it away. Does not know: what happens in it, who asks for how many.
"""

import asyncio
import hashlib
import logging
import sqlite3
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.sim.clockwork import Clockwork
from tests.sim.world import World

LAST_WORDS = 30  # events, to be printed with what went wrong
ROOMS = ("gpu", "cogs", "storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How a seed went."""

    seed: int
    steps: int
    wrong: str  # empty: nothing
    digest: str  # of all that happened: the same in each run
    events: tuple[str, ...]  # the last ones
    counts: dict[str, int]
    jobs: int
    lived_s: float  # in the simulation
    took_s: float

    @property
    def text(self) -> str:
        """For people."""
        head = f"seed {self.seed}: {self.steps} steps, {self.jobs} jobs, {self.lived_s:.0f} s in {self.took_s:.1f} s"
        if not self.wrong:
            return f"{head}, {self.digest}"
        again = f"python -m tests.torture --seed {self.seed} --steps {self.steps}"
        return "\n".join([*self.events, f"{head}: {self.wrong}", f"Again: {again}"])


class ErrorCollector(logging.Handler):
    """Hears of every error that somebody caught and only wrote down, but for the database's."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not (record.exc_info and isinstance(record.exc_info[1], sqlite3.OperationalError)):
            self.errors.append(self.format(record))


@contextmanager
def listening() -> Generator[list[str]]:
    collector = ErrorCollector()
    for room in ROOMS:
        logging.getLogger(room).addHandler(collector)
    yield collector.errors
    for room in ROOMS:
        logging.getLogger(room).removeHandler(collector)


def play(seed: int, steps: int) -> Story:
    """Blocks."""
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        listening() as errors,
        asyncio.Runner(loop_factory=Clockwork) as runner,
    ):
        loop = runner.get_loop()
        assert isinstance(loop, Clockwork)
        world = World(seed, Path(folder), loop, errors)
        wrong = runner.run(_history(world, steps))
        return Story(
            seed=seed,
            steps=steps,
            wrong=wrong,
            digest=hashlib.sha256("\n".join(world.events).encode()).hexdigest()[:12],
            events=tuple(world.events[-LAST_WORDS:]),
            counts=world.counts,
            jobs=len(world.judge.promises),
            lived_s=loop.now,
            took_s=time.perf_counter() - began,
        )


async def _history(world: World, steps: int) -> str:
    """What went wrong."""
    try:
        await world.history(steps)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await world.reap()
    return ""
