"""How long the pocket studio takes to learn a dog, and to paint four portraits of it.

Knows: the studio and its jobs. Does not know: Discord; the bot is left out, so this is the computing alone, on all
cores. Nothing else may run meanwhile.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from PIL import Image

from gpu.jobs import Enroll, Paint
from gpu.outcomes import Enrolled, Painted
from gpu.pocket.world.kennel import sheet
from gpu.portraits import Wish
from gpu.studio.studio import Studio, build
from tests.bench.pocket.enrolment import POCKET, job, quiet, unseen

ASKED = {"photo": "on a beach", "watercolour": "in the snow", "pixel": "in a forest", "pop": "in the desert"}


def measure(folder: Path) -> dict[str, object]:
    """Seconds, of four portraits the slowest four; how like the dog they are. Leaves them in folder/jobs.png."""
    _, photos = unseen(0)
    with tempfile.TemporaryDirectory() as name:
        enrol, studio = asyncio.run(job(Path(name), photos)), build(POCKET)
        began = time.monotonic()
        pet = studio.enroll(enrol, quiet)
        enrolled = time.monotonic() - began
        painted, seconds = portraits(studio, enrol, pet)
        rows = [[photo.resize((128, 128)) for photo in photos]]
        rows += [[Image.open(portrait.path) for portrait in four.portraits] for four in painted]
        sheet(rows, zoom=2).save(folder / "jobs.png")
    likeness = [round(max(portrait.likeness for portrait in four.portraits), 3) for four in painted]
    return {
        "enrolment_s": round(enrolled, 1),
        "four_portraits_s": round(max(seconds), 1),
        "likeness": dict(zip(ASKED, likeness, strict=True)),
    }


def portraits(studio: Studio, enrol: Enroll, pet: Enrolled) -> tuple[list[Painted], list[float]]:
    """Four portraits in each style; seconds for each four."""
    painted: list[Painted] = []
    seconds: list[float] = []
    for style, place in ASKED.items():
        began = time.monotonic()
        paint = Paint(
            job_id=f"{enrol.job_id}-{style}", folder=enrol.folder / style, adapter=pet.adapter, cutouts=pet.cutouts,
            wish=Wish(style=style, text=place), seeds=(1, 2, 3, 4),
        )  # fmt: skip
        painted.append(studio.paint(paint, quiet))
        seconds.append(time.monotonic() - began)
    return painted, seconds
