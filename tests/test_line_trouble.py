"""The line in trouble: failures, crashes, drains, executors that are slow or broken."""

import asyncio
import logging
from pathlib import Path

import pytest

from gpu.errors import OutOfMemory, WorkerDied
from gpu.line.line import Line
from gpu.line.process import ProcessExecutor
from gpu.types import Done, Enroll, Failed, Paint, Paused, Report
from tests.hall import LONG, Hall, hall, opened, short_rests
from tests.inline_executor import InlineExecutor
from tests.light_jobs import enroll_job, paint_job, steps_taken
from tests.light_studio import COMMAND, LightStudio
from tests.memory_journal import MemoryJournal

__all__ = ["hall", "short_rests"]  # fixtures
pytestmark = pytest.mark.usefixtures("short_rests")


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


async def test_a_job_that_lacks_memory_has_three_attempts_and_is_set_aside(tmp_path: Path) -> None:
    studio = LightStudio()
    async with opened(InlineExecutor(studio)) as hall:
        studio.fails = OutOfMemory()
        hall.submit(paint_job(tmp_path, "a"))
        await hall.all_settled("a")
        studio.fails = None
        hall.submit(paint_job(tmp_path, "b"))
        await hall.all_settled("b")
        assert [(hall.state(name), hall.journal.rows[name].fence) for name in "ab"] == [("failed", 3), ("done", 1)]
        [answer] = hall.journal.rows["a"].answers
        assert isinstance(answer, Failed)
        assert answer.error == "OutOfMemory"


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
