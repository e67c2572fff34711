"""The line in trouble: failures, crashes, drains, a slow executor, a journal that stumbles."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gpu import line as line_module
from gpu.errors import WorkerDied
from gpu.executor import InlineExecutor
from gpu.line import Claim, Line, Ticket
from gpu.process import ProcessExecutor
from gpu.types import Done, Enroll, Failed, Paint, Paused, Progress, Report
from tests.hall import LONG, Hall, opened
from tests.light_jobs import enroll_job, paint_job, steps_taken
from tests.light_studio import COMMAND, LightStudio
from tests.memory_journal import MemoryJournal


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    async with opened(InlineExecutor(LightStudio())) as hall:
        yield hall


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "STUMBLE_S", 0.01)
    monkeypatch.setattr(line_module, "RETRY_S", (0.01, 0.01, 0.01))


async def test_a_failure_is_settled_and_the_next_job_runs(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "a", "fail=3"), enroll_job(tmp_path, "b", "crash=3"), enroll_job(tmp_path, "c"))
    await hall.all_settled("a", "b", "c")
    assert [hall.state(name) for name in "abc"] == ["failed", "failed", "done"]


async def test_a_job_that_kills_its_child_is_set_aside_and_its_neighbours_complete(tmp_path: Path) -> None:
    async with opened(ProcessExecutor(COMMAND)) as hall:
        hall.submit(paint_job(tmp_path, "before"), paint_job(tmp_path, "poison", "die=1"), paint_job(tmp_path, "after"))
        await hall.all_settled("before", "poison", "after")
        assert [hall.state(name) for name in ("before", "poison", "after")] == ["done", "failed", "done"]
        assert hall.journal.rows["poison"].fence == 3
        [answer] = hall.journal.rows["poison"].answers
        assert isinstance(answer, Failed)
        assert answer.error == "WorkerDied"


async def test_close_keeps_the_running_job_for_the_next_line(tmp_path: Path) -> None:
    job = enroll_job(tmp_path, "a", LONG)
    async with opened(ProcessExecutor(COMMAND)) as first:
        first.submit(job, enroll_job(tmp_path, "b"))
        await first.at_step("a", 15)
    assert [first.state(name) for name in "ab"] == ["waiting", "waiting"]
    assert first.settled == []
    async with opened(ProcessExecutor(COMMAND), first.journal) as second:
        await second.all_settled("a", "b")
    assert steps_taken(job) == list(range(1, 61)), "the drain wrote a checkpoint"


async def test_start_takes_up_what_a_crash_left(tmp_path: Path) -> None:
    journal = MemoryJournal()
    for name in ("was running", "was waiting"):
        journal.accept(enroll_job(tmp_path, name))
    await journal.claim("was running")
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        await hall.all_settled("was running", "was waiting")
        assert hall.settled == ["was running", "was waiting"]


class SlowStart(InlineExecutor):
    """Fails to start a few times, then takes until it is allowed to."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(LightStudio())
        self.allowed = asyncio.Event()
        self._failures = failures

    async def start(self) -> None:
        await self.allowed.wait()
        self._failures -= 1
        if self._failures >= 0:
            raise WorkerDied("planned")


async def test_start_does_not_wait_for_the_executor(tmp_path: Path) -> None:
    executor = SlowStart()
    async with opened(executor) as hall:
        hall.submit(paint_job(tmp_path, "a"), paint_job(tmp_path, "b"))
        assert await hall.line.places() == {"a": 1, "b": 2}
        assert await hall.line.cancel("b")
        executor.allowed.set()
        await hall.all_settled("a", "b")


async def test_an_executor_that_cannot_start_costs_no_job_an_attempt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    executor = SlowStart(failures=5)
    executor.allowed.set()
    async with opened(executor) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await hall.all_settled("a")
        assert (hall.state("a"), hall.journal.rows["a"].fence) == ("done", 1)
    assert caplog.text.count("The line stumbled") == 5


async def test_close_before_the_executor_is_ready(tmp_path: Path) -> None:
    async with opened(SlowStart()) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await asyncio.sleep(0)
    assert hall.state("a") == "waiting"


class Broken(InlineExecutor):
    """Raises where it must not."""

    async def run(self, job: Enroll | Paint, report: Report) -> Done | Paused | Failed:
        raise OSError("planned")


async def test_an_executor_that_raises_counts_as_a_crash(tmp_path: Path) -> None:
    async with opened(Broken(LightStudio())) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await hall.all_settled("a")
        assert (hall.state("a"), hall.journal.rows["a"].fence) == ("failed", 3)


class Flaky(MemoryJournal):
    """Every write and every look fails the first time it is tried for a job."""

    def __init__(self) -> None:
        super().__init__()
        self._failed: set[str] = set()

    def _flake(self, what: str) -> None:
        if what not in self._failed:
            self._failed.add(what)
            raise OSError("planned")

    async def waiting(self) -> list[Ticket]:
        self._flake(f"waiting with {len(self.rows)} rows")
        return await super().waiting()

    async def claim(self, job_id: str) -> Claim | None:
        self._flake(f"claim {job_id}")
        return await super().claim(job_id)

    async def progressed(self, claim: Claim, progress: Progress) -> None:
        self._flake(f"progress {claim.job.job_id} {progress.checkpoint}")
        await super().progressed(claim, progress)

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._flake(f"settle {claim.job.job_id}")
        return await super().settle(claim, outcome)


async def test_the_line_outlives_a_journal_that_stumbles(tmp_path: Path) -> None:
    async with opened(InlineExecutor(LightStudio()), Flaky()) as hall:
        hall.submit(enroll_job(tmp_path, "a"), paint_job(tmp_path, "b"))
        await hall.all_settled("a", "b")
        assert (hall.state("a"), hall.state("b")) == ("done", "done")
        assert hall.journal.rows["a"].checkpoint == 20


class Full(MemoryJournal):
    """Writes nothing while the disk is full, and may fail after a claim is written."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.refused = 0

    def _check(self) -> None:
        if self.full:
            self.refused += 1
            raise OSError("planned")

    async def claim(self, job_id: str) -> Claim | None:
        claim = await super().claim(job_id)
        self._check()
        return claim

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._check()
        return await super().settle(claim, outcome)

    async def recover(self) -> None:
        self._check()
        await super().recover()


async def test_an_outcome_that_cannot_be_written_is_not_lost(tmp_path: Path) -> None:
    journal = Full()
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        hall.submit(paint_job(tmp_path, "a", "steps=40 ms=5"), paint_job(tmp_path, "b"))
        await hall.at_step("a", 1)
        journal.full = True
        async with asyncio.timeout(5):
            while journal.refused < 8:  # noqa: ASYNC110 - the line gives up writing, then tries to recover
                await asyncio.sleep(0.01)
        assert hall.settled == []
        journal.full = False
        await hall.all_settled("a", "b")
        assert [len(journal.rows[name].answers) for name in "ab"] == [1, 1]


class Refusing(MemoryJournal):
    """Refuses outcomes for as long as the line tries once."""

    def __init__(self) -> None:
        super().__init__()
        self._left = len(line_module.RETRY_S) + 1

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._left -= 1
        if self._left >= 0:
            raise OSError("planned")
        return await super().settle(claim, outcome)


async def test_a_job_whose_outcome_was_refused_runs_again(tmp_path: Path) -> None:
    async with opened(InlineExecutor(LightStudio()), Refusing()) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await hall.all_settled("a")
        assert (hall.state("a"), hall.journal.rows["a"].fence) == ("done", 2)


async def test_a_claim_that_was_written_but_not_heard_of_is_not_lost(tmp_path: Path) -> None:
    journal = Full()
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        journal.full = True
        hall.submit(paint_job(tmp_path, "a"))
        async with asyncio.timeout(5):
            while journal.refused < 2:  # noqa: ASYNC110 - nobody can tell us
                await asyncio.sleep(0.01)
        assert journal.rows["a"].state == "running"
        journal.full = False
        await hall.all_settled("a")
        assert (hall.state("a"), journal.rows["a"].fence) == ("done", 2)


async def test_the_lease_is_renewed_while_the_job_reports(
    hall: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "RENEW_S", 0.02)
    hall.submit(paint_job(tmp_path, "a", "steps=150 ms=5"))
    leases: set[float] = set()
    for step in (1, 50, 100):  # executors report ten times a second
        await hall.at_step("a", step)
        leases.add(hall.journal.rows["a"].alive)
    assert len(leases) == 3
    await hall.all_settled("a")


async def test_a_listener_that_raises_harms_no_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = MemoryJournal()

    def raises(*_: object) -> None:
        raise ValueError("planned")

    line = Line(InlineExecutor(LightStudio()), journal, raises, raises)
    await line.start()
    with caplog.at_level(logging.CRITICAL, logger="asyncio"):
        line.submitted(journal.accept(paint_job(tmp_path, "a")))
        async with asyncio.timeout(5):
            while journal.rows["a"].state != "done":  # noqa: ASYNC110 - nobody can tell us
                await asyncio.sleep(0.01)
    await line.close()
