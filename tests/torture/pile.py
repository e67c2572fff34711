"""A pile of proofs that need nothing but a processor, for processes that give way to everything else.

Knows: seeds of the simulation, the Hypothesis machines, truncations of the database's log, and how they are spread
over processes. Does not know: what any of them proves (tests/sim, tests/helpers/truncate.py), what else runs meanwhile.
"""

import asyncio
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.pool import AsyncResult
from multiprocessing.queues import SimpleQueue
from multiprocessing.util import Finalize
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.helpers.truncate import truncate
from tests.sim.line_machine import LineMachine
from tests.sim.run import Story, play
from tests.sim.storage_machine import StorageMachine

STEPS = 1000
NICENESS = 19
AUTOGROUP = Path("/proc/self/autogroup")
MEMORY = Path("/dev/shm")  # a simulated power cut needs no true disk, and a true one makes it wait
MACHINES = {"storage": StorageMachine, "line": LineMachine}
LONG = settings(
    max_examples=100, stateful_step_count=60, deadline=None, database=None, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # it gives way to others
)  # fmt: skip


class Pile:
    """Begins at once, with the stories last. Leaving it ends what still runs."""

    def __init__(self, seeds: Iterable[int], cuts: int = 0) -> None:
        self._cores = sorted(os.sched_getaffinity(0))
        context = multiprocessing.get_context("spawn")
        free = context.SimpleQueue()
        for core in self._cores:
            free.put(core)
        # each process is given up after some pieces of work, so that nothing adds up; a new one takes a second to begin
        self._pool = context.Pool(len(self._cores), _step_back, [free], maxtasksperchild=50)
        self._cut = self._pool.apply_async(_cut, [cuts]) if cuts else None
        names = MACHINES if cuts else ()
        self._machines: dict[str, AsyncResult[str]] = {name: self._pool.apply_async(_machine, [name]) for name in names}
        self._stories = self._pool.imap(_play, seeds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.terminate()
        self._pool.join()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """What is started in here keeps to one core, where small models are as fast as on two. The pile does not."""
        os.sched_setaffinity(0, self._cores[:1])
        try:
            yield
        finally:
            os.sched_setaffinity(0, self._cores)

    def stories(self, wait_s: float | None = None) -> Iterator[Story]:
        """In the order of their seeds: all of them, or those that come without waiting for longer than that."""
        try:
            while True:
                yield self._stories.next(wait_s)
        except (StopIteration, multiprocessing.TimeoutError):
            return

    def truncated(self) -> dict[str, Any]:
        """Figures; waits for them."""
        assert self._cut
        return self._cut.get()

    def machines(self) -> dict[str, Any]:
        """Figures; waits for them."""
        said = {name: result.get() for name, result in self._machines.items()}
        return {"examples": LONG.max_examples * len(said), "wrong": sum(map(bool, said.values())), **said}


class Sums:
    """The figures of all stories so far."""

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        empty = {"seeds": 0, "wrong": 0, "wrong_seeds": [], "steps": 0, "jobs": 0, "lived_s": 0.0, "took_s": 0.0}
        self.figures: dict[str, Any] = dict(known or {**empty, "actions": {}})

    def add(self, story: Story) -> None:
        figures = self.figures
        figures["seeds"] += 1
        for name in ("steps", "jobs", "lived_s", "took_s"):
            figures[name] = round(figures[name] + getattr(story, name), 1)
        for name, count in story.counts.items():
            figures["actions"][name] = figures["actions"].get(name, 0) + count
        if story.wrong:
            figures["wrong"] += 1
            figures["wrong_seeds"].append(story.seed)
            print(story.text, flush=True)

    def mended(self, seed: int) -> None:
        """It was wrong, and is not any more."""
        self.figures["wrong_seeds"].remove(seed)
        self.figures["wrong"] -= 1


def _step_back(free: "SimpleQueue[int]") -> None:
    """Give way to whatever is measured, and let the parent decide about the end.

    On one core, until this process ends: the two threads of a history wait for each other all the time. And as a batch:
    then whoever is woken lets the other finish first, instead of finding it in possession of Python's lock (of 180,000
    switches 60,000 are left, and a tenth of the time is saved).

    In a session of its own: Linux shares a core between sessions first, and counts niceness only within one (sched(7),
    "The autogroup feature"). In the session of the one who measures, on its core, this process left a bot's child,
    which has its own, 0.1 of 10 s.
    """
    os.setsid()
    os.nice(NICENESS)
    with suppress(OSError):  # no such feature, or not root and asked within 0.1 s of another
        AUTOGROUP.write_text(str(NICENESS))
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    core = free.get()
    os.sched_setaffinity(0, [core])
    Finalize(None, free.put, [core], exitpriority=0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _play(seed: int) -> Story:
    if MEMORY.is_dir():
        tempfile.tempdir = str(MEMORY)
    return play(seed, STEPS)


def _machine(name: str) -> str:
    """What it found; empty: nothing."""
    try:
        run_state_machine_as_test(MACHINES[name], settings=LONG)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _cut(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            figures = asyncio.run(truncate(Path(folder), count, seed=1))
        except Exception as error:
            return {"truncations": count, "wrong": 1, "said": f"{type(error).__name__}: {error}"}
    return {
        "truncations": figures.truncations,
        "wrong": 0,
        "transactions": figures.transactions,
        "log_bytes": figures.log_bytes,
        "prefixes": figures.prefixes,
    }
