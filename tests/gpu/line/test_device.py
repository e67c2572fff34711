"""What the bot hears of the machine when a child is ready; and a machine that may not compute, with the real child."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gpu.device import DeviceReport
from gpu.line.executor import ProcessStats
from gpu.line.process import ProcessExecutor, worker
from gpu.memory import REAL, plan
from gpu.outcomes import Cause, Failed
from gpu.profile import PROFILES, SDXL
from gpu.wire import EVENT, Ready
from gpu.worker.control import StudioProtocol
from gpu.worker.refusing import RefusingStudio
from tests.contracts.executor import Watcher
from tests.helpers.fake_jobs import enroll_job, look_job, paint_job
from tests.helpers.fake_studio import COMMAND
from tests.helpers.line_env import opened


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == level]


def test_a_machine_crosses_the_pipe_whole() -> None:
    shared = plan(SDXL, REAL, memory=24 * 10**9, host=64 * 10**9)
    ready = Ready(DeviceReport(name="RTX 3090", driver="580.95.05", dtype="bfloat16", plan=shared))
    assert EVENT.validate_json(EVENT.dump_json(ready)) == ready


async def test_each_child_says_once_what_it_computes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    executor = ProcessExecutor(COMMAND)
    await executor.start()
    await executor.run(paint_job(tmp_path, "a"), Watcher())
    await executor.close()
    assert lines(caplog, logging.INFO) == ["The GPU process is ready on CPU"]


async def test_the_child_starts_with_the_bot_which_does_not_wait_for_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with opened(ProcessExecutor(COMMAND)):
        assert not lines(caplog, logging.INFO)
        async with asyncio.timeout(20):
            while not lines(caplog, logging.INFO):  # noqa: ASYNC110 (nobody asked for anything, so nobody is told)
                await asyncio.sleep(0.02)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
async def test_a_machine_that_may_not_compute_fails_every_job_and_starts_no_second_child(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    executor = ProcessExecutor(worker(replace(PROFILES["pocket"], allow_cpu=False)))
    await executor.start()
    for job in (paint_job(tmp_path, "a"), enroll_job(tmp_path, "b"), look_job(tmp_path, "c")):
        outcome = await executor.run(job, Watcher())
        assert isinstance(outcome, Failed)
        assert outcome.cause is Cause.NO_DEVICE
        assert "No card can be used: " in outcome.message
    stats = executor.stats()
    assert stats == ProcessStats(started=1, died=0, pid=stats.pid)
    await executor.close()
    [told] = lines(caplog, logging.ERROR)
    assert told.startswith("Every job will fail: No card can be used: ") and "ALLOW_CPU=1" in told


def test_a_refusing_studio_keeps_the_protocol(tmp_path: Path) -> None:
    studio: StudioProtocol = RefusingStudio("no card")
    studio.checkpoint_paused()
    studio.drop("a")
    assert studio.memory_reserved() == 0
    assert studio.device_report() == DeviceReport(refused="no card")
