"""What the line may rely on in an executor. A test class inherits this and says how one is built.

Knows: Executor (gpu/line/executor.py), and that fake_studio.py does the work. Does not know: where it does it.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gpu.line.executor import Executor
from gpu.outcomes import Cause, Done, Enrolled, Failed, Looked, Painted, Paused, Progress
from tests.helpers.fake_jobs import enroll_job, look_job, paint_job, saved_step, steps_taken

SLOW = "steps=400 ms=5"


class Watcher:
    """A report that remembers, and can be waited for."""

    def __init__(self) -> None:
        self.heard: list[Progress] = []
        self.threads: set[threading.Thread] = set()
        self._more = asyncio.Event()

    def __call__(self, progress: Progress) -> None:
        self.heard.append(progress)
        self.threads.add(threading.current_thread())
        self._more.set()

    async def step(self, step: int) -> None:
        while not (self.heard and self.heard[-1].step >= step):
            self._more.clear()
            await self._more.wait()


class ExecutorContract:
    def build(self) -> Executor:
        """One that has fake_studio.py do the work; not started yet."""
        raise NotImplementedError

    @pytest.fixture
    async def executor(self) -> AsyncIterator[Executor]:
        executor = self.build()
        yield executor
        await executor.close()

    async def test_runs_an_enrolment(self, executor: Executor, tmp_path: Path) -> None:
        await executor.start()
        outcome = await executor.run(enroll_job(tmp_path, "a"), Watcher())
        assert isinstance(outcome, Done)
        assert isinstance(outcome.result, Enrolled)
        assert outcome.result.adapter.steps == 20

    async def test_runs_portraits_one_after_the_other(self, executor: Executor, tmp_path: Path) -> None:
        for name in ("a", "b", "c"):
            outcome = await executor.run(paint_job(tmp_path, name, seeds=(1, 2)), Watcher())
            assert isinstance(outcome, Done)
            assert isinstance(outcome.result, Painted)
            assert [portrait.path.parents[1].name for portrait in outcome.result.portraits] == [name, name]

    async def test_runs_a_look(self, executor: Executor, tmp_path: Path) -> None:
        job, watcher = look_job(tmp_path, "a"), Watcher()
        outcome = await executor.run(job, watcher)
        assert isinstance(outcome, Done)
        assert isinstance(outcome.result, Looked)
        assert [cutout.photo for cutout in outcome.result.cutouts] == [photo.sha256 for photo in job.photos]
        assert {progress.phase for progress in watcher.heard} == {"loading", "cutting"}

    async def test_start_twice_is_fine(self, executor: Executor, tmp_path: Path) -> None:
        await asyncio.gather(executor.start(), executor.start())
        assert isinstance(await executor.run(paint_job(tmp_path, "a"), Watcher()), Done)

    async def test_reports_in_the_callers_loop(self, executor: Executor, tmp_path: Path) -> None:
        watcher = Watcher()
        await executor.run(enroll_job(tmp_path, "a"), watcher)
        assert watcher.threads == {threading.current_thread()}
        assert watcher.heard[0].phase == "loading"

    async def test_a_flood_of_progress_is_thinned_but_no_news_is_lost(self, executor: Executor, tmp_path: Path) -> None:
        watcher = Watcher()
        await executor.run(enroll_job(tmp_path, "a", "steps=500"), watcher)
        assert {progress.checkpoint for progress in watcher.heard} == {1, *range(0, 501, 10)}
        painting = Watcher()
        outcome = await executor.run(paint_job(tmp_path, "b", "steps=30000"), painting)
        assert isinstance(outcome, Done)
        assert len(painting.heard) <= 2 + outcome.seconds * 10

    async def test_pause_keeps_what_is_there(self, executor: Executor, tmp_path: Path) -> None:
        job, watcher = enroll_job(tmp_path, "a", "steps=60 ms=5"), Watcher()
        running = asyncio.create_task(executor.run(job, watcher))
        await watcher.step(15)
        await executor.pause("a")
        assert await running == Paused(checkpoint=watcher.heard[-1].checkpoint)
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        assert isinstance(await executor.run(job, Watcher()), Done)
        assert steps_taken(job) == list(range(1, 61))

    async def test_asked_right_after_run(self, executor: Executor, tmp_path: Path) -> None:
        for name in ("a", "b"):  # the first time, the executor still starts
            running = asyncio.create_task(executor.run(enroll_job(tmp_path, name, SLOW), Watcher()))
            await asyncio.sleep(0)
            await executor.pause(name)
            assert isinstance(await running, Paused)

    async def test_cancel_ends_the_job_only(self, executor: Executor, tmp_path: Path) -> None:
        watcher = Watcher()
        running = asyncio.create_task(executor.run(enroll_job(tmp_path, "a", SLOW), watcher))
        await watcher.step(12)
        await executor.cancel("a")
        outcome = await running
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.checkpoint) == (Cause.CANCELLED, watcher.heard[-1].checkpoint)
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)

    async def test_a_pause_does_not_take_back_a_cancel(self, executor: Executor, tmp_path: Path) -> None:
        watcher = Watcher()
        running = asyncio.create_task(executor.run(enroll_job(tmp_path, "a", SLOW), watcher))
        await watcher.step(2)
        await executor.cancel("a")
        await executor.pause("a")
        assert isinstance(await running, Failed)

    async def test_a_word_for_another_job_is_no_word(self, executor: Executor, tmp_path: Path) -> None:
        await executor.start()
        watcher = Watcher()
        await executor.cancel("a")
        await executor.pause("a")
        running = asyncio.create_task(executor.run(enroll_job(tmp_path, "a", "steps=40 ms=5"), watcher))
        await watcher.step(10)
        await executor.cancel("b")
        await executor.pause("b")
        assert isinstance(await running, Done)

    async def test_cancelling_a_paused_job_forgets_what_is_warm(self, executor: Executor, tmp_path: Path) -> None:
        job, watcher = enroll_job(tmp_path, "a", "steps=60 ms=5"), Watcher()
        running = asyncio.create_task(executor.run(job, watcher))
        await watcher.step(15)
        await executor.pause("a")
        paused = await running
        assert isinstance(paused, Paused)
        before = len(steps_taken(job))
        await executor.cancel("a")
        await executor.run(job, Watcher())
        again = steps_taken(job)[before:]
        assert again == list(range(paused.checkpoint + 1, 61)), "it went on from the checkpoint on disk"

    async def test_a_studio_error_is_a_value(self, executor: Executor, tmp_path: Path) -> None:
        outcome = await executor.run(enroll_job(tmp_path, "a", "fail=12"), Watcher())
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.checkpoint) == (Cause.TOO_FEW_PHOTOS, 10)

    async def test_any_other_error_is_internal(self, executor: Executor, tmp_path: Path) -> None:
        outcome = await executor.run(enroll_job(tmp_path, "a", "crash=3"), Watcher())
        assert isinstance(outcome, Failed)
        assert outcome.cause is Cause.INTERNAL
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)

    async def test_nobody_dies_of_jobs_that_go_well(self, executor: Executor, tmp_path: Path) -> None:
        await executor.run(paint_job(tmp_path, "a"), Watcher())
        await executor.run(enroll_job(tmp_path, "b", "crash=3"), Watcher())
        assert executor.stats().died == 0
        await executor.close()
        assert executor.stats().died == 0

    async def test_close_leaves_the_job_at_a_fresh_checkpoint(self, executor: Executor, tmp_path: Path) -> None:
        job, watcher = enroll_job(tmp_path, "a", SLOW), Watcher()
        running = asyncio.create_task(executor.run(job, watcher))
        await watcher.step(15)
        await executor.close()
        assert isinstance(await running, Paused)
        assert saved_step(job) == steps_taken(job)[-1]

    async def test_after_close_every_run_is_paused(self, executor: Executor, tmp_path: Path) -> None:
        await executor.start()
        await executor.close()
        await executor.close()
        assert await executor.run(paint_job(tmp_path, "a"), Watcher()) == Paused()
        await executor.pause("a")
        await executor.cancel("a")


class StudioExecutorContract(ExecutorContract):
    """Also of an executor that has a studio do the work: what the machine does to one job costs that job only."""

    @pytest.mark.parametrize(("trouble", "cause"), [("nan=2", Cause.NOT_FINITE), ("oom=2", Cause.OUT_OF_MEMORY)])
    async def test_trouble_beside_a_paused_training_costs_one_job(
        self, executor: Executor, tmp_path: Path, trouble: str, cause: Cause
    ) -> None:
        job, watcher = enroll_job(tmp_path, "a", "steps=60 ms=5"), Watcher()
        running = asyncio.create_task(executor.run(job, watcher))
        await watcher.step(15)
        await executor.pause("a")
        assert isinstance(await running, Paused)
        outcome = await executor.run(paint_job(tmp_path, "b", trouble), Watcher())
        assert isinstance(outcome, Failed)
        assert outcome.cause is cause
        assert "\n" not in outcome.message
        assert isinstance(await executor.run(job, Watcher()), Done)
        assert steps_taken(job) == list(range(1, 61))
