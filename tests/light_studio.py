"""A studio without models, a double of gpu.studio.Studio: it takes its steps, and misbehaves on demand.

Knows: what an executor may rely on (it passes tests/studio_contract.py). Does not know: pictures or learning. The wish
says what to do: "steps=40 ms=10 die=20" is 40 steps of 10 ms, killed at step 20 (crash: an exception, fail: a
StudioError). Every training step taken leaves a line in the job's folder, so that a test can see what was done twice.
As a program it is the child of a ProcessExecutor: `python -m tests.light_studio FD_IN FD_OUT`.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gpu.errors import PauseAsked, TooFewPhotos
from gpu.types import (
    Adapter,
    Done,
    Enroll,
    Enrolled,
    Paint,
    Painted,
    Portrait,
    Progress,
    Prompt,
    Report,
    Wish,
)
from gpu.worker import serve

COMMAND = (sys.executable, "-m", "tests.light_studio")
CHECKPOINT_EVERY = 10  # steps
USUAL = {"steps": 20, "ms": 0, "die": 0, "crash": 0, "fail": 0}


class LightStudio:
    def __init__(self) -> None:
        self._warm: dict[str, _Training] = {}

    def enroll(self, job: Enroll, report: Report) -> Enrolled:
        training = self._warm.pop(job.job_id, None) or _Training(job)
        try:
            for progress in training.go_on():
                report(progress)
        except PauseAsked:
            self._warm[job.job_id] = training
            raise
        return enrolled(job)

    def paint(self, job: Paint, report: Report) -> Painted:
        plan = _plan(job.wish)
        for step in range(1, plan["steps"] + 1):
            _take(step, plan)
            report(Progress(phase="painting", step=step, steps=plan["steps"]))
        return painted(job)

    def rest(self, job_id: str | None = None) -> None:
        for training in self._warm.values():
            if job_id in (None, training.job.job_id):
                training.save()

    def drop(self, job_id: str) -> None:
        self._warm.pop(job_id, None)


class _Training:
    def __init__(self, job: Enroll) -> None:
        self.job = job
        self._file = job.folder / "checkpoint"
        self.step = self.saved = int(self._file.read_text()) if self._file.exists() else 0

    def go_on(self) -> Iterator[Progress]:
        plan = _plan(self.job.wish)
        yield Progress(phase="loading", checkpoint=self.saved)
        while self.step < plan["steps"]:
            _take(self.step + 1, plan)
            self.step += 1
            with (self.job.folder / "steps").open("a") as steps:
                steps.write(f"{self.step}\n")
            if self.step % CHECKPOINT_EVERY == 0:
                self.save()
            yield Progress(phase="learning", step=self.step, steps=plan["steps"], checkpoint=self.saved)

    def save(self) -> None:
        self._file.write_text(str(self.step))
        self.saved = self.step


def _plan(wish: Wish) -> dict[str, int]:
    said = dict(word.split("=") for word in wish.text.split() if "=" in word)
    return {key: int(said.get(key, usual)) for key, usual in USUAL.items()}


def _take(step: int, plan: dict[str, int]) -> None:
    if plan["ms"]:
        time.sleep(plan["ms"] / 1000)
    if step == plan["die"]:
        os.kill(os.getpid(), signal.SIGKILL)
    if step == plan["crash"]:
        raise RuntimeError("planned")
    if step == plan["fail"]:
        raise TooFewPhotos


def steps_taken(job: Enroll) -> list[int]:
    return [int(line) for line in (job.folder / "steps").read_text().split()]


def enroll_job(root: Path, job_id: str, text: str = "") -> Enroll:
    folder = root / job_id
    folder.mkdir(parents=True, exist_ok=True)
    return Enroll(job_id=job_id, folder=folder, photos=(), wish=Wish(style="ink", text=text))


def paint_job(root: Path, job_id: str, text: str = "steps=2", seeds: tuple[int, ...] = (7, 8)) -> Paint:
    folder = root / job_id
    folder.mkdir(parents=True, exist_ok=True)
    wish = Wish(style="ink", text=text)
    return Paint(job_id=job_id, folder=folder, adapter=_adapter(root, 20), cutouts=(), wish=wish, seeds=seeds)


def enrolled(job: Enroll) -> Enrolled:
    return Enrolled(
        adapter=_adapter(job.folder, _plan(job.wish)["steps"]),
        cutouts=(),
        rejected=(),
        sheet=job.folder / "sheet.png",
        portraits=(_portrait(job.folder, 1),),
    )


def painted(job: Paint) -> Painted:
    return Painted(portraits=tuple(_portrait(job.folder, seed) for seed in job.seeds))


def done(job: Enroll | Paint) -> Done:
    return Done(result=enrolled(job) if isinstance(job, Enroll) else painted(job), seconds=1.0)


def _adapter(folder: Path, steps: int) -> Adapter:
    return Adapter(
        folder=folder / "adapter", tokens=("<s0>", "<s1>"), class_word="dog", base="0", steps=steps, likeness=0.5
    )


def _portrait(folder: Path, seed: int) -> Portrait:
    path = folder / "portraits" / f"{seed}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(seed))
    prompt = Prompt(text="an ink drawing of <s0><s1> dog")
    return Portrait(
        path=path, seed=seed, prompt=prompt, likeness=0.5, profile="light", batch=1, versions=(), seconds=0.1
    )


if __name__ == "__main__":
    serve(LightStudio, *map(int, sys.argv[1:]))
