"""Losing timeouts, wearing out and resting, by numbers; test_hangs.py has the children for it."""

import errno
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest

from gpu.errors import DiskFull, Internal, NotFinite, OutOfMemory, StudioError, WorkerDied
from gpu.line.watchdog import BACKOFF_S, StartBackoff, Watchdog
from gpu.outcomes import Paused, Progress
from gpu.profile import PROFILES, RecyclePolicy, Timeouts
from gpu.worker.control import as_studio_error
from gpu.worker.recycle import RecycleTracker
from tests.helpers.fake_jobs import done, paint_job

LONG = Timeouts(startup=60, loading=60, cutting=60, learning=60, thinking=60, painting=60)
PHASES = get_args(Progress.__annotations__["phase"])


@pytest.mark.parametrize("phase", PHASES)
def test_each_phase_has_its_own_patience(phase: str) -> None:
    timeouts = replace(LONG, **{phase: 7.0})
    watchdog = Watchdog(timeouts, now=1000.0)
    watchdog.observe(Progress(phase="loading"), now=1001.0)
    assert watchdog.left(1002.0) == (5.0 if phase == "loading" else 58.0), "a second `loading` is no news"
    watchdog.observe(Progress(phase=phase, step=1), now=1003.0)
    assert (watchdog.left(1009.0), watchdog.left(1010.0), watchdog.left(2000.0)) == (1.0, 0.0, 0.0)
    assert f"7 s while {phase}" in str(watchdog)


@pytest.mark.parametrize(
    ("change", "buys"),
    [
        ({}, False),
        ({"seconds_left": 1.0}, False),
        ({"steps": 99}, False),
        ({"step": 4}, True),
        ({"step": 2}, True),  # begun anew
        ({"painted": 1}, True),
        ({"picture": Path("sheet.png")}, True),
        ({"checkpoint": 3}, True),
        ({"phase": "thinking"}, True),
    ],
)
def test_only_news_buys_time(change: dict[str, object], buys: bool) -> None:
    watchdog = Watchdog(LONG, now=0.0)
    step = Progress(phase="learning", step=3, steps=9, seconds_left=5.0)
    watchdog.observe(step, now=10.0)
    watchdog.observe(replace(step, **change), now=30.0)
    assert watchdog.deadline == (90.0 if buys else 70.0)


def test_every_profile_is_patient_and_sdxl_the_most() -> None:
    for profile in PROFILES.values():
        for field in fields(Timeouts):
            seconds = getattr(profile.timeouts, field.name)
            assert profile.checkpoint_every_s < seconds <= getattr(PROFILES["sdxl"].timeouts, field.name)


class Scales:
    """Memory that a test decides on."""

    weight = 1000

    def __call__(self) -> int:
        return self.weight


@pytest.mark.parametrize("error", [OutOfMemory, WorkerDied])
def test_a_child_that_failed_itself_goes(error: type[StudioError]) -> None:
    assert RecycleTracker(RecyclePolicy(jobs=9, growth=9), Scales()).is_due(error().as_failed())
    assert not RecycleTracker(RecyclePolicy(jobs=9, growth=9), Scales()).is_due(NotFinite().as_failed())


def test_a_worn_child_goes_between_jobs_and_not_at_a_pause(tmp_path: Path) -> None:
    job_done, scales = done(paint_job(tmp_path, "a")), Scales()
    tracker = RecycleTracker(RecyclePolicy(jobs=3, growth=50), scales)
    outcomes = (Paused(), job_done, Paused(), NotFinite().as_failed(), Paused(), job_done)
    assert [tracker.is_due(outcome) for outcome in outcomes] == [False] * 5 + [True]
    tracker = RecycleTracker(RecyclePolicy(jobs=3, growth=50), scales)
    scales.weight += 50
    assert not tracker.is_due(job_done)
    scales.weight += 1
    assert not tracker.is_due(Paused())
    assert tracker.is_due(job_done)


def test_rests_grow_to_a_minute_and_a_good_start_ends_them() -> None:
    rests, now, slept = StartBackoff(), 500.0, []
    for _ in range(10):
        slept.append(rests.left(now))
        now += rests.left(now) + 3.0  # it takes three seconds to die
        rests.record_failure(now)
    assert slept == [0.0, *BACKOFF_S, 60.0]
    assert rests.left(now + 59.0) == 1.0
    rests.reset()
    assert rests.left(now) == 0.0


def test_what_the_machine_raises_has_a_name() -> None:
    import torch

    lacks: list[Exception] = [torch.OutOfMemoryError("CUDA out of memory. Tried"), MemoryError()]
    breaks: list[Exception] = [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
        RuntimeError("CUDA driver error: unspecified launch failure"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("cuDNN Frontend error: [cudnn_frontend] Error: No valid engine configs returned from heuristics."),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("cusolver error: CUSOLVER_STATUS_INTERNAL_ERROR, when calling `cusolverDnCreate(handle)`. If you"),
        RuntimeError("cuFFT error: CUFFT_EXEC_FAILED"),
        RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    ]
    bugs: list[Exception] = [
        RuntimeError("The size of tensor a (3) must match"),
        RuntimeError("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"),
    ]
    assert {type(as_studio_error(error)) for error in lacks} == {OutOfMemory}
    assert {str(error) for error in breaks if type(as_studio_error(error)) is not WorkerDied} == set()
    assert {type(as_studio_error(error)) for error in bugs} == {Internal}
    assert isinstance(as_studio_error(OSError(errno.ENOSPC, "No space left on device")), DiskFull)
    assert isinstance(as_studio_error(OSError(errno.EACCES, "Permission denied")), Internal)
