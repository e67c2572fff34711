"""Children that stay when they are killed, as a driver may hold them (helpers/unreapable.py): they are given up."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import gpu.line.child
from gpu.line.process import ProcessExecutor
from gpu.outcomes import Done, Failed, Paused
from tests.contracts.executor import Watcher
from tests.helpers.children import LONG, NEXT_S, SHORT_S
from tests.helpers.fake_jobs import enroll_job, paint_job

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="from Python 3.12 on asyncio itself waits, in its loop, for an ended child that somebody traces; one that a "
    "driver holds has not ended",
)


@asynccontextmanager
async def unreapable(root: Path, **options: Any) -> AsyncIterator[tuple[ProcessExecutor, psutil.Process]]:
    """An executor whose children stay when they are killed, and the first of them; at the end all must be gone."""
    before, leash = _young(), root / "leash"
    os.mkfifo(leash)
    rope = os.open(leash, os.O_RDWR)
    executor = ProcessExecutor((sys.executable, "-m", "tests.helpers.unreapable", str(leash)), **options)
    try:
        await executor.start()
        [first] = _young() - before
        if not _traced(first):
            pytest.skip("nobody may trace a process here")
        yield executor, first
        await executor.close()
    finally:
        os.close(rope)
    async with asyncio.timeout(5):
        while _watches():  # noqa: ASYNC110 - nobody can tell us
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.02)  # the loop hears of it, too


def _watches() -> list[threading.Thread]:
    """Threads that wait for the end of a child, each until the loop was told of it: later than the child is gone."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("asyncio-waitpid")]


def _young() -> set[psutil.Process]:
    return set(psutil.Process().children())


def _traced(process: psutil.Process) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{process.pid}/status").read_text()


async def test_a_child_that_cannot_be_reaped_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpu.line.child, "REAP_S", 0.3)
    async with unreapable(tmp_path, timeouts=replace(LONG, learning=SHORT_S), close_s=1.0) as (executor, first):
        async with asyncio.timeout(NEXT_S):
            outcome = await executor.run(enroll_job(tmp_path, "a", "hang=learning"), Watcher())
            assert isinstance(outcome, Failed)
            assert "hung" in outcome.message
            assert isinstance(await executor.run(paint_job(tmp_path, "b"), Watcher()), Done)
        assert first.status() == psutil.STATUS_ZOMBIE
        assert f"Child {first.pid} was killed and is not gone" in caplog.text


async def test_a_child_that_cannot_be_reaped_does_not_keep_the_bot_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu.line.child, "REAP_S", 3.0)
    async with unreapable(tmp_path, close_s=0.2) as (executor, _):
        watcher = Watcher()
        running = asyncio.create_task(executor.run(paint_job(tmp_path, "a", "hang=painting"), watcher))
        await watcher.step(1)
        await asyncio.sleep(0.2)  # it is deaf by now
        async with asyncio.timeout(5):  # its 3 s once, though both close() and run() reap it
            await executor.close()
            assert await running == Paused()
