"""One method learns one dog and paints it; what it took, and the pictures, are kept in a folder.

Knows: the studio, unseen dogs, clocks. Does not know: what is in the pictures. A trial that is there is not made again.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.durable import whole
from gpu.learning import Learning
from gpu.outcomes import Progress
from gpu.portraits import Wish
from gpu.studio.generate import pet_pipeline
from gpu.studio.studio import Studio, build
from tests.bench.ablation.methods import METHODS
from tests.bench.pocket import leak
from tests.bench.pocket.enrolment import POCKET, job, pictures, unseen, wishes

PROMPTS, LEAKS = 25, 20  # pictures of a dog
LEAKING = 2  # dogs whose photos share a room and a hand, for which another enrolment is needed


class Clock:
    """CPU seconds of this process from the first step that was learnt to the adapter."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.phase == "learning" and not self.began:
            self.began = time.process_time()
        if progress.learnt:
            self.ended = time.process_time()


def path(folder: Path, method: str, dog: int) -> Path:
    return folder / f"{method.replace(' ', '-').replace(',', '')}-{dog}.json"


def run(folder: Path, until: float, what: tuple[str, int]) -> str:
    """One trial in a process of its own, if there is time for it; what to say about it."""
    method, dog = what
    if time.time() > until:
        return f"{method}, dog {dog}: no time left"
    make(folder, method, METHODS[method], dog)
    return f"{method}, dog {dog}"


def make(folder: Path, method: str, learning: Learning, dog: int) -> None:
    """Learn and paint, unless it is done. The class pictures of a method are painted once, and not counted."""
    file = path(folder, method, dog)
    if file.is_file():
        return
    studio = build(replace(POCKET, learning=learning, cache=str(folder / "cache")))
    seconds, shown = _learnt(studio, unseen(dog)[1], wishes(dog, PROMPTS))
    painted = {"shown": np.stack(shown)}
    if dog < LEAKING:
        elsewhere = [Wish(style="photo", text=leak.ELSEWHERE)] * LEAKS
        painted["leaked"] = np.stack(_learnt(studio, leak.unseen(dog)[1], elsewhere)[1])
    np.savez_compressed(file.with_suffix(".npz"), **painted)
    with whole(file) as fresh:
        fresh.write_text(json.dumps({"learning_cpu_s": seconds}))


def _learnt(
    studio: Studio, photos: Sequence[Image.Image], asked: Sequence[Wish]
) -> tuple[float, list[NDArray[np.uint8]]]:
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        pet = studio.enroll(asyncio.run(job(Path(name), photos)), clock).adapter
        some = pictures(studio, asked, pet.tokens, pet_pipeline(studio.pool, pet))
    return clock.ended - clock.began, [np.asarray(one) for one in some]


def images(folder: Path, method: str, dog: int) -> dict[str, list[Image.Image]]:
    """`shown`: of the prompts; of some dogs `leaked`: those in which something of the photos may leak."""
    with np.load(path(folder, method, dog).with_suffix(".npz")) as kept:
        return {name: [Image.fromarray(one) for one in some] for name, some in kept.items()}
