"""What leaks from the photos into the portraits: the room where all were taken, and the hand in each of them.

Knows: dogs, photos that share all but the dog's pose, portraits somewhere else; a mask that says "all of it is dog".
Does not know: how a mask is used. The reader's own false alarms stand beside: on drawings of the dog on that beach, and
on portraits of the dog learnt from the same photos without the hand.
"""

import asyncio
import random
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from PIL import Image

from gpu.jobs import Enroll
from gpu.outcomes import LOOKED
from gpu.pocket.world.dogs import Dog, a_dog, a_shot
from gpu.pocket.world.kennel import draw, sheet
from gpu.portraits import Wish
from gpu.studio import segment
from gpu.studio.generate import pet_pipeline
from gpu.studio.studio import Studio, build
from tests.bench.pocket.enrolment import PHOTO_PX, POCKET, drawings, job, one_a_core, pictures, quiet
from tests.bench.pocket.reader import Reading, reader
from tests.bench.pocket.truth import share

ROOM, ELSEWHERE = "in a living room", "on a beach"
PHOTOS = 5


def measure(folder: Path, count: int = 100, dogs: int = 4) -> dict[str, object]:
    """Shares of `count` portraits of all dogs in which the reader sees the hand, the room, or either.

    `times`: how many times as many leak with masks all ones; where none leaks with the mask, as if one did. Leaves each
    dog's photos, and portraits with the mask and with masks all ones, in folder/leak.png.
    """
    eyes, shown, rows = reader(folder), dict[str, list[Image.Image]](), list[list[Image.Image]]()
    with one_a_core() as pool:
        for number, ways in enumerate(pool.map(partial(in_every_way, count=count // dogs), range(dogs))):
            rows += [[photo.resize((128, 128)) for photo in unseen(number)[1]], ways["mask"][:8], ways["all_ones"][:8]]
            for way, some in ways.items():
                shown.setdefault(way, []).extend(some)
    sheet(rows).save(folder / "leak.png")
    return {"count": count, "dogs": dogs, **figures({way: eyes.read(some) for way, some in shown.items()})}


def in_every_way(number: int, count: int) -> dict[str, list[Image.Image]]:
    """Pictures of one dog, by way."""
    studio, (dog, photos), asked = build(POCKET), unseen(number), [Wish(style="photo", text=ELSEWHERE)] * count
    return {
        "mask": portraits(studio, photos, asked, all_ones=False),
        "all_ones": portraits(studio, photos, asked, all_ones=True),
        "no_hand": portraits(studio, unseen(number, clutter=())[1], asked, all_ones=False),
        "untrained": pictures(studio, asked, ("a",), nullcontext()),
        "drawn": drawings(dog, asked),
    }


def unseen(number: int, clutter: tuple[str, ...] = ("hand",)) -> tuple[Dog, list[Image.Image]]:
    """A dog, and its photos: one seed, so it is one room in all of them, and one hand."""
    rng = random.Random(f"held out leak {number}")
    dog, seed = a_dog(rng), rng.randrange(1 << 30)
    shots = [replace(a_shot(rng, "photo", ROOM, "middle"), wear=(), clutter=clutter, seed=seed) for _ in range(PHOTOS)]
    return dog, [draw(dog, shot, PHOTO_PX).image for shot in shots]


def portraits(
    studio: Studio, photos: Sequence[Image.Image], asked: Sequence[Wish], *, all_ones: bool
) -> list[Image.Image]:
    """Enrol as the bot does, or with masks that let everything in, then one picture for each wish."""
    with tempfile.TemporaryDirectory() as name:
        enrol = asyncio.run(job(Path(name), photos))
        if all_ones:
            cut_all(studio, enrol)
        pet = studio.enroll(enrol, quiet).adapter
        return pictures(studio, asked, pet.tokens, pet_pipeline(studio.pool, pet))


def cut_all(studio: Studio, enrol: Enroll) -> None:
    """Do the studio's first stage for it: the same crops, the masks all ones. The studio goes on from there."""
    folder = enrol.folder / "cutouts"
    profile = studio.profile
    with studio.pool.use("yolo") as segmenter:
        sights = [segment.look(segmenter, photo, profile.segmenting) for photo in enrol.photos]
    cut = segment.cut_out(sights, folder, profile.segmenting, enrol.class_word, profile.learning.size_px)
    for cutout in cut.cutouts:
        with Image.open(cutout.mask) as mask:
            Image.new("L", mask.size, 255).save(cutout.mask)
    (folder / "cut.json").write_bytes(LOOKED.dump_json(cut))


def figures(readings: Mapping[str, Sequence[Reading]]) -> dict[str, object]:
    """The shares for each kind of masks, and how many times as often it leaks with masks of all ones."""
    leaking = {way: sum(map(leaks, some)) for way, some in readings.items()}
    times = leaking["all_ones"] / max(1, leaking["mask"])
    return {"times": round(times, 1), **{way: shares(some) for way, some in readings.items()}}


def leaks(reading: Reading) -> bool:
    return hand(reading) or room(reading)


def hand(reading: Reading) -> bool:
    return reading.hand > 0.5


def room(reading: Reading) -> bool:
    return reading.scene == ROOM


def shares(readings: Sequence[Reading]) -> dict[str, float]:
    """Shares of the portraits that show the hand, the room, or either."""
    seen = {"hand": hand, "room": room, "either": leaks}
    return {name: share([bool(see(reading)) for reading in readings]) for name, see in seen.items()}
