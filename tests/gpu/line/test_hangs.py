"""Children that hang, creep or die at startup: real ones, under executors of little timeouts."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

from gpu.errors import WorkerDied
from gpu.jobs import Enroll, Paint
from gpu.line.executor import ProcessStats
from gpu.line.process import ProcessExecutor
from gpu.line.watchdog import BACKOFF_S
from gpu.outcomes import Cause, Done, Failed, Paused, Progress
from gpu.pets import Photo
from tests.contracts.executor import SLOW, Watcher
from tests.helpers.children import LONG, NEXT_S, SHORT_S, children, ended
from tests.helpers.fake_jobs import enroll_job, look_job, paint_job, saved_step, steps_taken
from tests.helpers.fake_studio import COMMAND

PHASES = get_args(Progress.__annotations__["phase"])


@asynccontextmanager
async def opened(*words: str, **timeouts: float) -> AsyncIterator[ProcessExecutor]:
    executor = ProcessExecutor((*COMMAND, *words), timeouts=replace(LONG, **timeouts))
    await executor.start()
    try:
        yield executor
    finally:
        await executor.close()
        assert not children()


def photographed(root: Path, job_id: str, text: str) -> Enroll:
    """A job with a photo to cut."""
    Image.new("RGB", (80, 80), "tan").save(root / "photo.png")
    photo = Photo(path=root / "photo.png", sha256="0" * 64, width=80, height=80)
    return replace(enroll_job(root, job_id, text), photos=(photo,))


JOBS: dict[str, Callable[[Path, str, str], Enroll | Paint]] = {
    "loading": paint_job,
    "cutting": photographed,
    "learning": enroll_job,
    "thinking": paint_job,
    "painting": paint_job,
}


@pytest.mark.parametrize("phase", PHASES)
async def test_a_child_that_hangs_in_a_phase_is_killed_and_the_next_job_runs(phase: str, tmp_path: Path) -> None:
    async with opened(**{phase: SHORT_S}) as executor:
        [child] = children()
        outcome = await executor.run(JOBS[phase](tmp_path, "a", f"hang={phase}"), Watcher())
        hung = time.monotonic()
        assert isinstance(outcome, Failed)
        assert outcome.cause is Cause.WORKER_DIED
        assert f"hung and is killed: no progress for {SHORT_S} s while {phase}" in outcome.message
        assert ended(child, within_s=1)
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        assert time.monotonic() - hung < NEXT_S
        assert executor.stats() == ProcessStats(started=2, died=1, ending="hung", pid=children()[0].pid)


async def test_a_look_that_hangs_is_killed(tmp_path: Path) -> None:
    async with opened("hang=cutting", cutting=SHORT_S) as executor:
        outcome = await executor.run(look_job(tmp_path, "a"), Watcher())
        assert isinstance(outcome, Failed)
        assert (outcome.cause, executor.stats().ending) == (Cause.WORKER_DIED, "hung")
        assert f"no progress for {SHORT_S} s while cutting" in outcome.message


async def test_saying_the_same_again_and_again_is_no_progress(tmp_path: Path) -> None:
    async with opened(learning=1.0) as executor:
        watcher = Watcher()
        outcome = await executor.run(enroll_job(tmp_path, "a", "stuck=learning"), watcher)
        assert isinstance(outcome, Failed)
        assert "while learning" in outcome.message
        assert len(watcher.heard) > 3
        assert outcome.checkpoint == 1


async def test_a_child_that_is_stopped_from_outside_hangs(tmp_path: Path) -> None:
    async with opened(learning=SHORT_S) as executor:
        [child] = children()
        watcher = Watcher()
        running = asyncio.create_task(executor.run(enroll_job(tmp_path, "a", SLOW), watcher))
        await watcher.step(12)
        os.kill(child.pid, signal.SIGSTOP)
        outcome = await running
        assert isinstance(outcome, Failed)
        assert "hung" in outcome.message
        assert outcome.checkpoint == watcher.heard[-1].checkpoint


async def test_slow_is_not_hung(tmp_path: Path) -> None:
    async with opened(painting=1.0) as executor:
        assert isinstance(await executor.run(paint_job(tmp_path, "a", "steps=6 ms=300"), Watcher()), Done)


async def test_a_bot_that_was_away_does_not_blame_its_child(tmp_path: Path) -> None:
    async with opened(learning=SHORT_S) as executor:
        watcher = Watcher()
        running = asyncio.create_task(executor.run(enroll_job(tmp_path, "a", "steps=40 ms=20"), watcher))
        await watcher.step(2)
        time.sleep(2 * SHORT_S)  # noqa: ASYNC251 (the whole bot stands still)
        assert isinstance(await running, Done)


async def test_a_child_that_is_never_ready_is_killed() -> None:
    executor = ProcessExecutor(
        (sys.executable, "-c", "import time; time.sleep(99)"), timeouts=replace(LONG, startup=0.2)
    )
    with pytest.raises(WorkerDied, match=r"not ready after 0\.2 s"):
        await executor.start()
    await executor.close()


async def test_children_that_fail_to_start_are_not_started_in_a_tight_loop(tmp_path: Path) -> None:
    started = tmp_path / "started"
    program = f"open({str(started)!r}, 'a').write('x'); raise SystemExit(3)"
    executor = ProcessExecutor((sys.executable, "-c", program))
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(WorkerDied):
            await executor.start()
    assert started.read_text() == "xxx"
    assert time.monotonic() - began >= BACKOFF_S[0] + BACKOFF_S[1]
    resting = asyncio.create_task(executor.run(paint_job(tmp_path, "a"), Watcher()))
    await asyncio.sleep(0.1)
    assert started.read_text() == "xxx"
    began = time.monotonic()
    await executor.close()
    assert await resting == Paused()
    assert time.monotonic() - began < BACKOFF_S[2]


async def test_a_new_child_comes_after_so_many_jobs(tmp_path: Path) -> None:
    async with opened("jobs=2") as executor:
        served: list[int] = []
        for name in "abcde":
            assert isinstance(await executor.run(paint_job(tmp_path, name), Watcher()), Done)
            await executor.start()
            served += [child.pid for child in children()]
    assert len(served) == 5
    assert served[1] == served[2] != served[3] == served[4]
    assert served[0] != served[1]
    assert executor.stats() == ProcessStats(started=3), "none of them ended before its time"


async def test_a_new_child_comes_when_memory_grew(tmp_path: Path) -> None:
    async with opened(f"growth={100 << 20}") as executor:
        [child] = children()
        for name, text in (("a", "steps=2"), ("b", "hoard=40"), ("c", "hoard=40")):
            assert isinstance(await executor.run(paint_job(tmp_path, name, text), Watcher()), Done)
            await executor.start()
            assert children() == [child]
        assert isinstance(await executor.run(paint_job(tmp_path, "d", "hoard=40"), Watcher()), Done)
        await executor.start()
        assert children() != [child]


async def test_a_worn_child_rests_a_paused_training_before_it_goes(tmp_path: Path) -> None:
    async with opened("jobs=1") as executor:
        [child] = children()
        job, watcher = enroll_job(tmp_path, "a", "steps=60 ms=5"), Watcher()
        running = asyncio.create_task(executor.run(job, watcher))
        await watcher.step(15)
        await executor.pause("a")
        assert isinstance(await running, Paused)
        assert children() == [child], "the portrait that it paused for must not wait for a new child"
        assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        await executor.start()
        assert children() != [child]
        assert saved_step(job) == steps_taken(job)[-1]
        assert isinstance(await executor.run(job, Watcher()), Done)
        assert steps_taken(job) == list(range(1, 61))


async def test_a_worn_child_does_not_rest_a_training_that_was_cancelled_meanwhile(tmp_path: Path) -> None:
    async with opened("jobs=1") as executor:
        job, watcher = enroll_job(tmp_path, "a", "steps=60 ms=5"), Watcher()
        running = asyncio.create_task(executor.run(job, watcher))
        await watcher.step(15)
        await executor.pause("a")
        assert isinstance(await running, Paused)
        watcher = Watcher()
        painting = asyncio.create_task(executor.run(paint_job(tmp_path, "b", "steps=10 ms=50"), watcher))
        await watcher.step(1)
        await executor.cancel("a")
        (job.folder / "checkpoint").unlink()
        assert isinstance(await painting, Done)
        await executor.start()  # when the worn one is gone
        assert not (job.folder / "checkpoint").exists()
