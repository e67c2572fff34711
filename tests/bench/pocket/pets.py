"""Pets that are learnt once and kept: for benches that paint one in many ways, or go on where they were ended.

Knows: where a pet is kept, how long its learning took. Does not know: whose photos these are, or what is painted.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from gpu.durable import whole
from gpu.outcomes import ENROLLED, Enrolled, Progress
from gpu.studio.studio import Studio
from tests.bench.pocket.enrolment import job


class Clock:
    """CPU seconds of this process from the first step that was learnt to the adapter."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.phase == "learning" and not self.began:
            self.began = time.process_time()
        if progress.learnt:
            self.ended = time.process_time()
            self.began = self.began or self.ended  # nothing was to be learnt


def kept(studio: Studio, folder: Path, photos: Sequence[Image.Image]) -> tuple[Enrolled, float]:
    """The pet of this folder, learnt from these photos if it is not yet; CPU seconds that the learning took."""
    file = folder / "kept.json"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        clock = Clock()
        pet = studio.enroll(asyncio.run(job(folder, photos)), clock)
        with whole(file) as fresh:
            fresh.write_text(json.dumps([ENROLLED.dump_python(pet, mode="json"), clock.ended - clock.began]))
    pet, seconds = json.loads(file.read_text())
    return ENROLLED.validate_python(pet, strict=False), seconds
