"""The line in trouble: failures, crashes, drains, executors that are slow or broken."""

import asyncio
import logging
from pathlib import Path

import pytest

from gpu.errors import OutOfMemory, WorkerDied
from gpu.jobs import Enroll, Paint
from gpu.line.line import Line
from gpu.line.process import ProcessExecutor
from gpu.outcomes import Cause, Done, Failed, Paused, Report
from tests.helpers.fake_jobs import enroll_job, paint_job, steps_taken
from tests.helpers.fake_studio import COMMAND, FakeStudio
from tests.helpers.inline_executor import InlineExecutor
from tests.helpers.line_env import LONG, LineEnv, opened
from tests.helpers.memory_journal import MemoryJournal

pytestmark = pytest.mark.usefixtures("short_rests")


async def test_a_failure_is_settled_and_the_next_job_runs(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "a", "fail=3"), enroll_job(tmp_path, "b", "crash=3"), enroll_job(tmp_path, "c"))
    await env.all_settled("a", "b", "c")
    assert [env.state(name) for name in "abc"] == ["failed", "failed", "done"]


async def test_a_job_that_kills_its_child_is_set_aside_and_its_neighbours_complete(tmp_path: Path) -> None:
    async with opened(ProcessExecutor(COMMAND)) as env:
        env.submit(paint_job(tmp_path, "before"), paint_job(tmp_path, "poison", "die=1"), paint_job(tmp_path, "after"))
        await env.all_settled("before", "poison", "after")
        assert [env.state(name) for name in ("before", "poison", "after")] == ["done", "failed", "done"]
        assert env.journal.rows["poison"].fence == 3
        [answer] = env.journal.rows["poison"].answers
        assert isinstance(answer, Failed)
        assert answer.cause is Cause.WORKER_DIED


async def test_a_job_that_lacks_memory_has_three_attempts_and_is_set_aside(tmp_path: Path) -> None:
    studio = FakeStudio()
    async with opened(InlineExecutor(studio)) as env:
        studio.fails = OutOfMemory()
        env.submit(paint_job(tmp_path, "a"))
        await env.all_settled("a")
        studio.fails = None
        env.submit(paint_job(tmp_path, "b"))
        await env.all_settled("b")
        assert [(env.state(name), env.journal.rows[name].fence) for name in "ab"] == [("failed", 3), ("done", 1)]
        [answer] = env.journal.rows["a"].answers
        assert isinstance(answer, Failed)
        assert answer.cause is Cause.OUT_OF_MEMORY


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
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        await env.all_settled("was running", "was waiting")
        assert env.settled == ["was running", "was waiting"]


class SlowStart(InlineExecutor):
    """Fails to start a few times, then takes until it is allowed to."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(FakeStudio())
        self.allowed = asyncio.Event()
        self._failures = failures

    async def start(self) -> None:
        await self.allowed.wait()
        self._failures -= 1
        if self._failures >= 0:
            raise WorkerDied("planned")


async def test_start_does_not_wait_for_the_executor(tmp_path: Path) -> None:
    executor = SlowStart()
    async with opened(executor) as env:
        env.submit(paint_job(tmp_path, "a"), paint_job(tmp_path, "b"))
        assert await env.line.places() == {"a": 1, "b": 2}
        assert await env.line.cancel("b")
        executor.allowed.set()
        await env.all_settled("a", "b")


async def test_an_executor_that_cannot_start_costs_no_job_an_attempt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    executor = SlowStart(failures=5)
    executor.allowed.set()
    async with opened(executor) as env:
        env.submit(paint_job(tmp_path, "a"))
        await env.all_settled("a")
        assert (env.state("a"), env.journal.rows["a"].fence) == ("done", 1)
    assert caplog.text.count("The line failed") == 5


async def test_close_before_the_executor_is_ready(tmp_path: Path) -> None:
    async with opened(SlowStart()) as env:
        env.submit(paint_job(tmp_path, "a"))
        await asyncio.sleep(0)
    assert env.state("a") == "waiting"


class Broken(InlineExecutor):
    """Raises where it must not."""

    async def run(self, job: Enroll | Paint, report: Report) -> Done | Paused | Failed:
        raise OSError("planned")


async def test_an_executor_that_raises_counts_as_a_crash(tmp_path: Path) -> None:
    async with opened(Broken(FakeStudio())) as env:
        env.submit(paint_job(tmp_path, "a"))
        await env.all_settled("a")
        assert (env.state("a"), env.journal.rows["a"].fence) == ("failed", 3)


async def test_a_listener_that_raises_harms_no_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = MemoryJournal()

    def raises(*_: object) -> None:
        raise ValueError("planned")

    line = Line(InlineExecutor(FakeStudio()), journal, raises, raises)
    await line.start()
    with caplog.at_level(logging.CRITICAL, logger="asyncio"):
        line.submit(journal.accept(paint_job(tmp_path, "a")))
        async with asyncio.timeout(5):
            while journal.rows["a"].state != "done":  # noqa: ASYNC110 - nobody can tell us
                await asyncio.sleep(0.01)
    await line.close()
