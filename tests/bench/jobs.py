"""`make bench`: how long the pocket studio takes to learn a dog and to paint four portraits.

Knows: the studio and its jobs. Does not know: Discord; the bot is left out, so this is the computing alone.
Bars on 2 cores: enrolment 180 s, four portraits 20 s. A contact sheet of what was painted lies beside the figures.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from gpu.pocket.kennel import sheet
from gpu.profile import PROFILES
from gpu.studio import Studio, build
from gpu.types import Enroll, Enrolled, Paint, Painted, Progress, Wish
from storage.files import Files
from storage.intake import Intake, Upload
from storage.jobs import new_job_id
from tests.bench.results import RESULTS, keep
from tests.bot_process import dog_photos

STYLES = ("photo", "watercolour", "pixel", "pop")
SCENES = ("on a beach", "in the snow", "in a forest", "in the desert")


async def enrolment(folder: Path, dog: str, count: int = 6) -> Enroll:
    """A job to learn a kennel dog that no model has seen."""
    files, job_id = Files(folder), new_job_id()
    intake = Intake(files)
    photos = [await intake.take(Upload(name=u.name, data=u.data), job_id) for u in dog_photos(dog, count)]
    return Enroll(
        job_id=job_id, folder=files.job_folder(job_id), photos=tuple(photos), wish=Wish(style="photo"), seed=1
    )


def quiet(progress: Progress) -> None:
    """Nobody watches."""


def portraits(studio: Studio, job: Enroll, pet: Enrolled) -> tuple[list[Painted], list[float]]:
    """Four portraits in each style; seconds for each four."""
    painted: list[Painted] = []
    seconds: list[float] = []
    for style, scene in zip(STYLES, SCENES, strict=True):
        began = time.monotonic()
        paint = Paint(
            job_id=f"{job.job_id}-{style}", folder=job.folder / style, adapter=pet.adapter, cutouts=pet.cutouts,
            wish=Wish(style=style, text=scene), seeds=(1, 2, 3, 4),
        )  # fmt: skip
        painted.append(studio.paint(paint, quiet))
        seconds.append(time.monotonic() - began)
    return painted, seconds


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        job = asyncio.run(enrolment(Path(name), "bench"))
        studio = build(PROFILES["pocket"])
        began = time.monotonic()
        pet = studio.enroll(job, quiet)
        enrolled = time.monotonic() - began
        painted, seconds = portraits(studio, job, pet)
        rows = [[Image.open(p.path).resize((128, 128)) for p in job.photos[:4]]]
        rows += [[Image.open(p.path) for p in four.portraits] for four in painted]
        RESULTS.mkdir(exist_ok=True)
        sheet(rows, zoom=2).save(RESULTS / "jobs.png")
    likeness = {
        style: round(max(p.likeness for p in four.portraits), 3) for style, four in zip(STYLES, painted, strict=True)
    }
    figures = {
        "enrolment_s": round(enrolled, 1),
        "four_portraits_s": [round(s, 1) for s in seconds],
        "likeness": likeness,
    }
    keep("jobs", figures)
    return 0 if enrolled <= 180 and max(seconds) <= 20 else 1


if __name__ == "__main__":
    sys.exit(main())
