"""Hypothesis against the line: people, a child in trouble, restarts, and a journal in memory.

Knows: what the line owes to whoever submitted a job. Does not know: rows, Discord, real time.
"""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from gpu.jobs import Job
from gpu.line.line import Line
from gpu.outcomes import Done, Looked
from tests.helpers.fake_jobs import enroll_job, look_job, paint_job
from tests.helpers.memory_journal import MemoryJournal, Row
from tests.sim.child import SimChild, Trouble
from tests.sim.clockwork import Clockwork
from tests.sim.judge import OVER

T = TypeVar("T")


class LineMachine(RuleBasedStateMachine):
    """A line with a child that dies now and then, and jobs that are cancelled now and then."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner(loop_factory=Clockwork)
        self.journal = MemoryJournal()
        self.cancelled: set[str] = set()
        self.troubles: list[Trouble] = []
        self.line = self.do(self.begin())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def begin(self) -> Line:
        def trouble(_job: Job, _step: int) -> Trouble:
            return self.troubles.pop() if self.troubles else ""

        line = Line(SimChild(trouble), self.journal, lambda *_: None, lambda *_: None)
        await line.start()
        return line

    def teardown(self) -> None:
        self.troubles.clear()
        self.do(asyncio.sleep(10_000))
        states = {job_id: row.state for job_id, row in self.journal.rows.items()}
        assert set(states.values()) <= {*OVER, "looked"}
        assert all(_ends(row) == (row.state != "looked") for row in self.journal.rows.values())
        assert {job_id for job_id, state in states.items() if state == "cancelled"} <= self.cancelled
        self.do(self.line.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(
        target=jobs,
        kind=st.sampled_from([enroll_job, paint_job, look_job]),
        user_id=st.integers(1, 3),
        steps=st.integers(1, 9),
    )
    def submit(self, kind: Callable[..., Job], user_id: int, steps: int) -> str:
        how = steps if kind is look_job else f"steps={steps} ms=300"
        job = kind(Path(self.folder.name), f"job{len(self.journal.rows)}", how)
        self.line.submit(self.journal.accept(job, user_id))
        return job.job_id

    @rule(seconds=st.floats(0, 4))
    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        over = self.journal.rows[job_id].state in OVER
        agreed = self.do(self.line.cancel(job_id))
        assert agreed is not over
        if agreed:
            self.cancelled.add(job_id)

    @rule(trouble=st.sampled_from(["die", "hang", "late", "nan"]))
    def cause_trouble(self, trouble: Trouble) -> None:
        if sum(trouble in ("die", "hang") for trouble in self.troubles) < 2:
            self.troubles.append(trouble)

    @rule()
    def restart(self) -> None:
        self.do(self.line.close())
        self.line = self.do(self.begin())

    @invariant()
    def places_are_a_permutation(self) -> None:
        places = self.do(self.line.places())
        first = min(places.values(), default=0)
        assert first in (0, 1)
        assert sorted(places.values()) == list(range(first, first + len(places)))
        assert set(places) == {
            job_id for job_id, row in self.journal.rows.items() if row.state in ("waiting", "running")
        }


def _ends(row: Row) -> int:
    """How many answers say that the job is over."""
    return sum(not isinstance(one, Done) or not isinstance(one.result, Looked) for one in row.answers)
