"""A studio without models, a double of the real one: true steps, real small files, and misbehaviour on demand.

Knows: what executors, cogs and storage may rely on (it passes contracts/studio.py). Does not know: learning.
A wish may say what happens: "steps=40 ms=10 die=20" is 40 steps of 10 ms, killed at step 20. Every training step taken
leaves a line in the job's folder, so that a test can see what was done twice.
As a program it is the child of a ProcessExecutor: `python -m tests.helpers.fake_studio [PLAN] [STINT] FD_IN FD_OUT`.
"""

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from gpu.device import DeviceReport
from gpu.errors import NotFinite, PauseAsked, StudioError, TooFewPhotos
from gpu.jobs import Enroll, Look, Paint
from gpu.outcomes import Enrolled, Looked, Painted, Progress, Report
from gpu.profile import SDXL, RecyclePolicy
from gpu.worker.serve import serve
from tests.helpers.fake_jobs import cut, enrolled, learn, learnt, looked, painted, saved_step, seen_before, taken_in

COMMAND = (sys.executable, "-m", "tests.helpers.fake_studio")
CHECKPOINT_EVERY = 10  # steps; and at the first step of every run, as gpu/studio/train.py does
STROKES = 4  # steps of a painting


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a job does."""

    steps: int = 20
    ms: int = 0  # each step takes; a photo is a step of a look
    refuse: int = 0  # photos that cannot be learnt from, the first ones
    remark: int = 0  # photos after them of which there is something to be said
    die: int = 0  # the step at which it kills its process
    crash: int = 0  # ... raises what nobody expects
    fail: int = 0  # ... raises a StudioError
    nan: int = 0  # ... finds that its numbers ran away
    oom: int = 0  # ... has not enough memory
    poison: int = 0  # ... breaks the device, for every later step of the process too
    exit: int = 0  # ... ends its process as if all were well
    segv: int = 0  # ... reads where there is nothing
    hoard: int = 0  # megabytes that the job leaves behind
    reserved: int = 0  # bytes of a card's memory that its process says it holds
    hang: str = ""  # the phase in which it stops, deaf
    stuck: str = ""  # ... in which it says the same again and again

    def changed(self, text: str) -> "Plan":
        """As a wish or a command line says."""
        said = re.findall(
            r"\b(steps|ms|refuse|remark|die|crash|fail|nan|oom|poison|exit|segv|hoard|reserved)=(\d+)", text
        )
        phases = re.findall(r"\b(hang|stuck)=([a-z]+)", text)
        return replace(self, **{name: int(number) for name, number in said}, **dict(phases))


class FakeStudio:
    """Tests in the same process may also set from outside what it does next."""

    def __init__(self, plan: Plan = Plan()) -> None:
        self.plan = plan
        self.rejects, self.remarks = plan.refuse, plan.remark  # photos
        self.fails: StudioError | None = None
        self.open = threading.Event()  # closed: every step waits here
        self.open.set()
        self.painted: list[Paint] = []
        self._hoard: list[bytes] = []
        self._warm: dict[str, _Training] = {}

    def enroll(self, job: Enroll, report: Report) -> Enrolled:
        plan = self.plan.changed(job.wish.text)
        report = _stuck_at_its_phase(report, plan)
        report(Progress(phase="loading"))
        if not job.imported:
            self._cut(job, plan, report)
        if not (job.folder / "adapter").exists():
            self._learn(job, plan, report)
        done = taken_in(job) if job.imported else learnt(job, plan.steps, self.rejects)
        report(Progress(phase="thinking", checkpoint=done.adapter.steps, learnt=done))
        self._stroke(replace(plan, steps=STROKES), report)
        return enrolled(job, plan.steps, self.rejects)

    def look(self, job: Look, report: Report) -> Looked:
        report = _stuck_at_its_phase(report, self.plan)
        report(Progress(phase="loading"))
        self._cut(job, self.plan, report)
        return looked(job, self.rejects, self.remarks)

    def paint(self, job: Paint, report: Report) -> Painted:
        self.painted.append(job)
        plan = replace(self.plan, steps=STROKES).changed(job.wish.text)
        report = _stuck_at_its_phase(report, plan)
        report(Progress(phase="loading"))
        self._stroke(plan, report)
        self._hoard.append(b"x" * (plan.hoard << 20))
        return painted(job)

    def checkpoint_paused(self) -> None:
        for training in self._warm.values():
            with suppress(FileNotFoundError):  # its job's folder is gone
                training.save()

    def drop(self, job_id: str) -> None:
        self._warm.pop(job_id, None)

    def device_report(self) -> DeviceReport:
        return DeviceReport()

    def memory_reserved(self) -> int:
        return self.plan.reserved

    def _cut(self, job: Enroll | Look, plan: Plan, report: Report) -> None:
        if seen_before(job):
            return
        sheet = job.folder / "sheet.png"
        known = len(list((job.folder / "cutouts").glob("*.mask.png")))
        for number in range(known + 1, len(job.photos) + 1):
            _take(plan, number if isinstance(job, Look) else 0)
            cut(job, self.rejects, number)
            self._tell(report, Progress(phase="cutting", step=number, steps=len(job.photos), picture=sheet))

    def _learn(self, job: Enroll, plan: Plan, report: Report) -> None:
        training = self._warm.pop(job.job_id, None) or _Training(job, plan)
        try:
            for progress in training.go_on():
                self._tell(report, progress)
        except PauseAsked:
            self._warm[job.job_id] = training
            raise
        learn(job, plan.steps)

    def _stroke(self, plan: Plan, report: Report) -> None:
        if plan.hang == "thinking":
            report(Progress(phase="thinking"))
        for step in range(1, plan.steps + 1):
            _take(plan, step)
            self._tell(report, Progress(phase="painting", step=step, steps=plan.steps))

    def _tell(self, report: Report, progress: Progress) -> None:
        report(progress)
        while not self.open.wait(0.02):
            report(progress)
        if self.fails:
            raise self.fails


class _Training:
    def __init__(self, job: Enroll, plan: Plan) -> None:
        self.job, self.plan = job, plan
        self.step = self.saved = saved_step(job)
        self._due = self.step + 1  # the step of the next checkpoint

    def go_on(self) -> Iterator[Progress]:
        steps = self.plan.steps
        while self.step < steps:
            _take(self.plan, self.step + 1)
            self.step += 1
            with (self.job.folder / "steps").open("a") as log:
                log.write(f"{self.step}\n")
            if self.step >= self._due:
                self.save()
            left = (steps - self.step) * self.plan.ms / 1000
            yield Progress(phase="learning", step=self.step, steps=steps, seconds_left=left, checkpoint=self.saved)

    def save(self) -> None:
        fresh = self.job.folder / "checkpoint.tmp"
        fresh.write_text(str(self.step))
        fresh.replace(self.job.folder / "checkpoint")
        self.saved = self.step
        self._due = self.step - self.step % CHECKPOINT_EVERY + CHECKPOINT_EVERY


def _stuck_at_its_phase(report: Report, plan: Plan) -> Report:
    """The report of a studio that comes no further than a phase."""

    def tell(progress: Progress) -> None:
        report(progress)
        while progress.phase == plan.hang:
            time.sleep(1)
        while progress.phase == plan.stuck:
            time.sleep(0.02)
            report(replace(progress, seconds_left=time.monotonic()))

    return tell


_broken = threading.Event()  # this process's device


def _take(plan: Plan, step: int = 0) -> None:
    """One step's time; something may happen at it if it is counted."""
    if plan.ms:
        time.sleep(plan.ms / 1000)
    if not step:
        return
    if step == plan.poison or _broken.is_set():
        _break_device()
    match step:
        case plan.die:
            os.kill(os.getpid(), signal.SIGKILL)
        case plan.segv:
            os.kill(os.getpid(), signal.SIGSEGV)
        case plan.exit:
            os._exit(0)
        case plan.crash:
            raise RuntimeError("planned")
        case plan.fail:
            raise TooFewPhotos
        case plan.nan:
            raise NotFinite
        case plan.oom:
            _lack_memory()


def _lack_memory() -> None:
    import torch  # the true types, and only where they are asked for: it takes seconds

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the documentation.")


def _break_device() -> None:
    import torch

    _broken.set()
    raise torch.AcceleratorError("CUDA error: device-side assert triggered\nCompile with TORCH_USE_CUDA_DSA.")


def _recycle(words: str) -> RecyclePolicy:
    said = re.findall(r"\b(jobs|growth)=(\d+)", words)
    return replace(SDXL.recycle, **{name: int(number) for name, number in said})


if __name__ == "__main__":
    *words, fd_in, fd_out = sys.argv[1:]
    said = " ".join(words)
    serve(lambda: FakeStudio(Plan().changed(said)), int(fd_in), int(fd_out), _recycle(said))
