"""A studio that paints plain colours, for tests of what people see: real files, true steps, no models.

Knows: what cogs and storage may expect of a result. Does not know: learning. What it does next is set from outside:
how long a step takes, which photos it rejects, which error it raises, whether it waits at a step until let go.
"""

import threading
import time
from pathlib import Path
from typing import Literal

from PIL import Image

from gpu.errors import StudioError
from gpu.types import (
    Adapter,
    Cutout,
    Enroll,
    Enrolled,
    Paint,
    Painted,
    Portrait,
    Progress,
    Prompt,
    Rejected,
    Report,
)

STEPS = 4


class SmallStudio:
    def __init__(self) -> None:
        self.step_s = 0.0
        self.rejects = 0  # photos
        self.fails: StudioError | None = None
        self.open = threading.Event()  # closed: every step waits here
        self.open.set()
        self.painted: list[Paint] = []

    def enroll(self, job: Enroll, report: Report) -> Enrolled:
        sheet = _picture(job.folder / "sheet.png", 7)
        self._walk("learning", report, sheet)
        cutouts = tuple(
            Cutout(image=photo.path, mask=photo.path, photo=photo.sha256, share=0.5)
            for photo in job.photos[self.rejects :]
        )
        rejected = tuple(Rejected(photo=photo.sha256, reason="no_dog") for photo in job.photos[: self.rejects])
        return Enrolled(
            adapter=Adapter(
                folder=job.folder / "adapter",
                tokens=("<s0>", "<s1>"),
                class_word="dog",
                base="0",
                steps=4,
                likeness=0.5,
            ),
            cutouts=cutouts,
            rejected=rejected,
            sheet=sheet,
            portraits=(_portrait(job.folder, 1, Prompt(text="a watercolour painting of <s0> <s1> dog")),),
        )

    def paint(self, job: Paint, report: Report) -> Painted:
        self.painted.append(job)
        self._walk("painting", report)
        prompt = job.prompt or Prompt(text=f"{job.wish.style} of <s0> <s1> dog, {job.wish.text}")
        return Painted(portraits=tuple(_portrait(job.folder, seed, prompt) for seed in job.seeds))

    def rest(self, job_id: str | None = None) -> None:
        pass

    def drop(self, job_id: str) -> None:
        pass

    def _walk(self, phase: Literal["learning", "painting"], report: Report, picture: Path | None = None) -> None:
        for step in range(1, STEPS + 1):
            progress = Progress(phase=phase, step=step, steps=STEPS, seconds_left=9.0, picture=picture)
            report(progress)
            time.sleep(self.step_s)
            while not self.open.wait(0.02):
                report(progress)
            if self.fails:
                raise self.fails


def _picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (seed * 97 % 256, seed * 31 % 256, seed % 256)).save(path)
    return path


def _portrait(folder: Path, seed: int, prompt: Prompt) -> Portrait:
    path = _picture(folder / "portraits" / f"{seed}.png", seed)
    return Portrait(
        path=path, seed=seed, prompt=prompt, likeness=0.5, profile="small", batch=1, versions=(), seconds=0.1
    )
