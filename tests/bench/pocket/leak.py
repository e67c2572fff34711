"""What leaks from the photos into the portraits: the room where all were taken, and the hand in each of them.

Knows: one dog, photos that share all but the dog, portraits somewhere else; a mask that says "all of it is dog".
Does not know: how a mask is used. The reader's own false alarms stand beside: on drawings of the dog on that beach.
"""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from PIL import Image

from gpu import segment
from gpu.adapter import put_on
from gpu.pocket.dogs import a_dog, a_shot
from gpu.pocket.kennel import draw, sheet
from gpu.studio import Studio, build
from gpu.types import Enroll, Wish
from tests.bench.pocket.enrolment import PHOTO_PX, POCKET, drawings, job, pictures, quiet
from tests.bench.pocket.reader import Reading, reader
from tests.bench.pocket.truth import share

ROOM, ELSEWHERE = "in a living room", "on a beach"
PHOTOS = 5


def measure(folder: Path, count: int = 100) -> dict[str, object]:
    """Shares of `count` portraits in which the reader sees the hand, the room, or either.

    Leaves the first portraits with the mask, and with the mask all ones, in folder/leak.png.
    """
    eyes, studio = reader(folder), build(POCKET)
    rng = random.Random("held out leak")
    dog = a_dog(rng)
    shots = [replace(a_shot(rng, "photo", ROOM), wear="", clutter=("hand",)) for _ in range(PHOTOS)]
    photos = [draw(dog, shot, PHOTO_PX).image for shot in shots]
    asked = [Wish(style="photo", text=ELSEWHERE)] * count
    shown = {
        "mask": portraits(studio, photos, asked, all_ones=False),
        "all_ones": portraits(studio, photos, asked, all_ones=True),
        "untrained": pictures(studio, asked, ("a",), nullcontext()),
        "drawn": drawings(dog, asked),
    }
    photo_row = [photo.resize((128, 128)) for photo in photos]
    sheet([photo_row, shown["mask"][:8], shown["all_ones"][:8]]).save(folder / "leak.png")
    return {"count": count, **{way: leaks(eyes.read(some)) for way, some in shown.items()}}


def portraits(
    studio: Studio, photos: Sequence[Image.Image], asked: Sequence[Wish], *, all_ones: bool
) -> list[Image.Image]:
    """Enrol as the bot does, or with masks that let everything in, then one picture for each wish."""
    with tempfile.TemporaryDirectory() as name:
        enrol = asyncio.run(job(Path(name), photos))
        if all_ones:
            cut_all(studio, enrol)
        pet = studio.enroll(enrol, quiet).adapter
        with studio.shelf.use("sdxl") as pipe:
            return pictures(studio, asked, pet.tokens, put_on(pipe, pet, studio.shelf.base))


def cut_all(studio: Studio, enrol: Enroll) -> None:
    """Do the studio's first stage for it: the same crops, the masks all ones. The studio goes on from there."""
    folder = enrol.folder / "cutouts"
    with studio.shelf.use("yolo") as yolo:
        *_, cut = segment.segment(yolo, enrol.photos, folder, studio.profile)
    for cutout in cut.cutouts:
        with Image.open(cutout.mask) as mask:
            Image.new("L", mask.size, 255).save(cutout.mask)
    (folder / "cut.json").write_bytes(segment.CUT.dump_json(cut))


def leaks(readings: Sequence[Reading]) -> dict[str, float]:
    hand = [reading.hand > 0.5 for reading in readings]
    room = [reading.scene == ROOM for reading in readings]
    either = [one or other for one, other in zip(hand, room, strict=True)]
    return {"hand": share(hand), "room": share(room), "either": share(either)}
