"""The executors: the contract for each, and what only a child process can go through."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from gpu.errors import WorkerDied
from gpu.jobs import Enroll, Look, Paint
from gpu.line.child import Child
from gpu.line.executor import Executor, ProcessStats
from gpu.line.process import ProcessExecutor, worker
from gpu.outcomes import Cause, Done, Failed, Paused
from gpu.profile import PROFILES
from gpu.worker.__main__ import SPINS
from gpu.worker.control import StudioProtocol
from tests.contracts.executor import SLOW, StudioExecutorContract, Watcher
from tests.contracts.studio import StudioContract
from tests.helpers.children import child_started, children, ended
from tests.helpers.fake_jobs import enroll_job, import_job, look_job, paint_job, steps_taken
from tests.helpers.fake_studio import COMMAND, FakeStudio
from tests.helpers.inline_executor import InlineExecutor

ROOT = Path(__file__).parents[3]

EXECUTORS: dict[str, Callable[[], Executor]] = {
    "inline": lambda: InlineExecutor(FakeStudio()),
    "process": lambda: ProcessExecutor(COMMAND),
}
"""Each passes the contract. A new one is a line here."""

PARENT = """
import asyncio, pathlib
from gpu.line.process import ProcessExecutor
from tests.helpers.fake_jobs import enroll_job
from tests.helpers.fake_studio import COMMAND

async def main():
    job = enroll_job(pathlib.Path({root!r}), "a", "steps=100000 ms=2")
    await ProcessExecutor(COMMAND).run(job, lambda progress: print(progress.step, flush=True))

asyncio.run(main())
"""


class TestFakeStudio(StudioContract):
    @pytest.fixture
    def build(self) -> Callable[[], StudioProtocol]:
        return FakeStudio

    @pytest.fixture
    def enrolment(self, tmp_path: Path) -> Enroll:
        return replace(enroll_job(tmp_path, "a"), photos=look_job(tmp_path, "a").photos)

    @pytest.fixture
    def looking(self, tmp_path: Path) -> Look:
        return look_job(tmp_path, "other")

    @pytest.fixture
    def importing(self, tmp_path: Path) -> Enroll:
        return import_job(tmp_path, "import")

    @pytest.fixture
    def painting(self, tmp_path: Path) -> Paint:
        return paint_job(tmp_path, "b")


class TestEveryExecutor(StudioExecutorContract):
    @pytest.fixture(params=EXECUTORS.values(), ids=EXECUTORS)
    async def executor(self, request: pytest.FixtureRequest) -> AsyncIterator[Executor]:
        executor = request.param()
        yield executor
        await executor.close()
        assert not children()


class TestProcessExecutor:
    @pytest.fixture
    async def executor(self) -> AsyncIterator[ProcessExecutor]:
        executor = ProcessExecutor(COMMAND)
        yield executor
        await executor.close()
        assert not children()

    async def test_a_child_killed_in_the_middle_costs_its_job_only(
        self, executor: ProcessExecutor, tmp_path: Path
    ) -> None:
        job, watcher = enroll_job(tmp_path, "a", SLOW), Watcher()
        running = asyncio.create_task(executor.run(job, watcher))
        await watcher.step(12)
        [child] = children()
        child.kill()
        outcome = await running
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.checkpoint) == (Cause.WORKER_DIED, watcher.heard[-1].checkpoint)
        assert "-9" in outcome.message
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        assert children() != [child]

    @pytest.mark.parametrize(("end", "status"), [("exit=12", "status 0"), ("segv=12", "status -11")])
    async def test_however_a_child_ends_its_job_is_told_and_the_next_one_runs(
        self, executor: ProcessExecutor, tmp_path: Path, end: str, status: str
    ) -> None:
        outcome = await executor.run(enroll_job(tmp_path, "a", end), Watcher())
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.checkpoint) == (Cause.WORKER_DIED, 10)
        assert status in outcome.message
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        assert executor.stats() == ProcessStats(started=2, died=1, ending="exited", pid=children()[0].pid)

    async def test_a_broken_device_ends_its_child(self, executor: ProcessExecutor, tmp_path: Path) -> None:
        await executor.start()
        [child] = children()
        outcome = await executor.run(enroll_job(tmp_path, "a", "poison=12"), Watcher())
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.checkpoint) == (Cause.WORKER_DIED, 10)
        assert "device-side assert" in outcome.message
        assert executor.stats().ending == "device_lost"
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        assert ended(child, within_s=1)

    @pytest.mark.parametrize(("trouble", "stays"), [("nan=2", True), ("fail=2", True), ("oom=2", False)])
    async def test_only_a_child_that_is_as_good_as_new_stays(
        self, executor: ProcessExecutor, tmp_path: Path, trouble: str, stays: bool
    ) -> None:
        await executor.start()
        first = children()
        await executor.run(paint_job(tmp_path, "a", trouble), Watcher())
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        assert (children() == first) is stays
        stats = executor.stats()
        assert (stats.died, stats.ending) == ((0, None) if stays else (1, "out_of_memory"))

    async def test_a_job_goes_on_from_its_checkpoint_in_a_new_child(
        self, executor: ProcessExecutor, tmp_path: Path
    ) -> None:
        job = enroll_job(tmp_path, "a", "steps=30 die=15")
        assert isinstance(await executor.run(job, Watcher()), Failed)
        spared = enroll_job(tmp_path, "a", "steps=30")
        assert isinstance(await executor.run(spared, Watcher()), Done)
        assert steps_taken(job) == [*range(1, 15), *range(11, 31)]

    async def test_a_child_killed_while_idle_costs_nothing(self, executor: ProcessExecutor, tmp_path: Path) -> None:
        await executor.start()
        [child] = children()
        child.kill()
        await asyncio.sleep(0.1)
        assert isinstance(await executor.run(paint_job(tmp_path, "a"), Watcher()), Done)
        assert executor.stats() == ProcessStats(started=2, died=1, ending="exited", pid=children()[0].pid)

    async def test_a_run_that_nobody_waits_for_ends_its_child(self, executor: ProcessExecutor, tmp_path: Path) -> None:
        watcher = Watcher()
        running = asyncio.create_task(executor.run(enroll_job(tmp_path, "a", SLOW), watcher))
        await watcher.step(2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not children()
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)

    async def test_the_child_has_its_own_session_and_no_terminal(self, executor: ProcessExecutor) -> None:
        await executor.start()
        [child] = children()
        assert os.getsid(child.pid) == child.pid

    async def test_close_while_starting_ends_the_child(self, executor: ProcessExecutor, tmp_path: Path) -> None:
        running = asyncio.create_task(executor.run(paint_job(tmp_path, "a"), Watcher()))
        await child_started()
        await executor.close()
        assert await running == Paused()

    async def test_a_start_that_is_given_up_leaves_nothing(self, executor: ProcessExecutor) -> None:
        starting = asyncio.create_task(executor.start())
        await child_started()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert not children()


async def test_a_child_that_cannot_start_says_so(tmp_path: Path) -> None:
    executor = ProcessExecutor((sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(WorkerDied, match="status 3"):
        await executor.start()
    outcome = await executor.run(paint_job(tmp_path, "a"), Watcher())
    assert isinstance(outcome, Failed)
    assert outcome.cause is Cause.WORKER_DIED
    await executor.close()


async def test_a_child_that_does_not_close_is_killed(tmp_path: Path) -> None:
    executor = ProcessExecutor(COMMAND, close_s=0.2)
    await executor.start()
    running = asyncio.create_task(executor.run(paint_job(tmp_path, "a", "ms=60000"), Watcher()))
    await asyncio.sleep(0)  # it has its job and will not look up for a minute
    began = time.monotonic()
    await executor.close()
    assert time.monotonic() - began < 2
    assert await running == Paused()
    assert not children()


async def test_a_child_that_is_not_there_says_so() -> None:
    executor = ProcessExecutor((str(ROOT / "nobody"),))
    with pytest.raises(WorkerDied, match="cannot be started"):
        await executor.start()
    assert executor.stats() == ProcessStats(started=1, died=1, ending="not_ready")
    await executor.close()


async def test_the_real_child_lets_the_bot_go_first() -> None:
    child = await Child.spawn(worker(PROFILES["pocket"]), None)
    try:
        [process] = [one for one in psutil.Process().children() if "gpu.worker" in one.cmdline()]
        async with asyncio.timeout(20):
            while _oom_score(process.pid) != 1000:  # noqa: ASYNC110 - nobody can tell us
                await asyncio.sleep(0.05)
        assert process.nice() == 10
    finally:
        await child.reap()


@pytest.mark.skipif(sys.platform != "linux", reason="another library than libgomp")
def test_the_childs_threads_do_not_spin_for_long() -> None:
    """As libgomp itself says when torch loads it."""
    program = "from gpu.worker.__main__ import _give_way; _give_way(); import torch"
    environment = {**os.environ, "OMP_DISPLAY_ENV": "VERBOSE"}
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert f"GOMP_SPINCOUNT = '{SPINS}'" in told.stderr


def _oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


async def test_the_bots_side_never_imports_torch() -> None:
    program = "import sys, gpu.line.line, gpu.line.process; sys.exit('torch' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT)
    assert await process.wait() == 0


def test_the_childs_life_ends_with_its_parents(tmp_path: Path) -> None:
    program = PARENT.format(root=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        parent.stdout.readline()
        [child] = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
        assert ended(child, within_s=1)
        parent.stdout.read()
