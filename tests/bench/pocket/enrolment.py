"""Whether an enrolment brings a dog back: exact coat, patch and its side, second colour, none of which is ever said.

Knows: dogs that no model has seen, their photos, the studio, three ways to paint a dog. Does not know: how a studio
learns. The three ways: as the profile learns; plain LoRA, as many steps, no token learnt (its one token stays the class
word's row); and the untrained model that is asked for "a dog". Beside them what the reader makes of drawings of the
same dogs in the same styles and places: no painter can do better. One dog a core: small models share a core best.
"""

import asyncio
import io
import multiprocessing
import os
import random
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median

from PIL import Image

from gpu.adapter import put_on
from gpu.errors import TooFewPhotos
from gpu.pocket.dogs import Dog, a_dog, a_shot, photo_shots
from gpu.pocket.kennel import draw, sheet
from gpu.pocket.scenes import SCENES
from gpu.profile import PROFILES, Profile
from gpu.rewrite import template
from gpu.studio import Studio, build
from gpu.types import Enroll, Progress, Wish
from storage.files import Files
from storage.intake import Intake, Upload
from storage.jobs import new_job_id
from tests.bench.pocket.painter import paint
from tests.bench.pocket.reader import Reader, reader
from tests.bench.pocket.truth import Verdict, delta_e, judge, lab, shares

POCKET = PROFILES["pocket"]
PLAIN = replace(POCKET, token_count=1, token_steps=0, lora_steps=POCKET.token_steps + POCKET.lora_steps)
IN_THE_WAY = ((), ("hand",), ("furniture",), ("person",), ("blur",))  # of five photos
PHOTO_PX = 512
WAYS = ("trained", "plain_lora", "untrained", "drawn")
SHOWING = ("photo", "watercolour", "oil", "pixel", "glass", "comic")
"""Styles whose drawings show the dog's own colours; pencil has none, and pop, neon and ukiyo-e have their own."""


@dataclass(slots=True)
class Shown:
    """What the pictures of one way showed, picture by picture."""

    verdicts: list[Verdict]
    coat_off: list[float]  # dE from the true coat


def measure(folder: Path, count: int = 8, prompts: int = 25) -> dict[str, object]:
    """Shares of pictures in which each part of the dog is right, of `prompts` pictures for each of `count` dogs.

    A dog whose photos are refused has no pictures: `pictures` says how many there were. Leaves two photos and six
    portraits of each dog in folder/enrolment.png.
    """
    eyes, cores = reader(folder), sorted(os.sched_getaffinity(0))
    seen, rows = {way: Shown([], []) for way in WAYS}, []
    fresh = multiprocessing.get_context("spawn")
    free: Queue[int] = fresh.Queue()
    for core in cores:
        free.put(core)
    with ProcessPoolExecutor(len(cores), fresh, stay_on_one, (free,)) as pool:
        for number, painted in enumerate(pool.map(partial(in_every_way, prompts=prompts), range(count))):
            dog, photos = unseen(number)
            for way in WAYS:
                look(eyes, dog, painted[way], seen[way])
            print(f"dog {number + 1} of {count}: {summary(seen['trained'])}", flush=True)
            rows.append([*(photo.resize((128, 128)) for photo in photos[:2]), *painted["trained"][:6]])
    sheet(rows).save(folder / "enrolment.png")
    return {"dogs": count, "prompts": prompts, **{way: summary(shown) for way, shown in seen.items()}}


def stay_on_one(free: "Queue[int]") -> None:
    """A studio takes as many threads as its process has cores."""
    os.sched_setaffinity(0, {free.get()})


def in_every_way(number: int, prompts: int) -> dict[str, list[Image.Image]]:
    """The dog's pictures, by way."""
    dog, photos = unseen(number)
    asked = wishes(number, prompts)
    return {
        "trained": portraits(studio_of(POCKET), photos, asked),
        "plain_lora": portraits(studio_of(PLAIN), photos, asked),
        "untrained": pictures(studio_of(POCKET), asked, ("a",), nullcontext()),
        "drawn": drawings(dog, asked),
    }


@cache
def studio_of(profile: Profile) -> Studio:
    return build(profile)


def unseen(number: int) -> tuple[Dog, list[Image.Image]]:
    """A dog that nobody was trained on, and five photos as a person takes them."""
    rng = random.Random(f"held out pet {number}")
    dog = a_dog(rng)
    shots = zip(photo_shots(rng, len(IN_THE_WAY)), IN_THE_WAY, strict=True)
    return dog, [draw(dog, replace(shot, clutter=clutter), PHOTO_PX).image for shot, clutter in shots]


def wishes(number: int, count: int) -> list[Wish]:
    """Styles in turn, places by chance; not a word about the dog."""
    rng = random.Random(f"held out wish {number}")
    return [Wish(style=SHOWING[at % len(SHOWING)], text=rng.choice(SCENES)) for at in range(count)]


def portraits(studio: Studio, photos: Sequence[Image.Image], asked: Sequence[Wish]) -> list[Image.Image]:
    """Enrol as the bot does, then one picture for each wish; none where the photos were refused."""
    with tempfile.TemporaryDirectory() as name:
        try:
            pet = studio.enroll(asyncio.run(job(Path(name), photos)), quiet).adapter
        except TooFewPhotos:
            return []
        with studio.shelf.use("sdxl") as pipe:
            return pictures(studio, asked, pet.tokens, put_on(pipe, pet, studio.shelf.base))


async def job(folder: Path, photos: Sequence[Image.Image]) -> Enroll:
    """An enrolment of photos that came in as Discord's do."""
    files, job_id = Files(folder), new_job_id()
    intake = Intake(files)
    taken = [await intake.take(Upload(name="photo.jpg", data=jpeg(photo)), job_id) for photo in photos]
    return Enroll(job_id=job_id, folder=files.job_folder(job_id), photos=tuple(taken), wish=Wish(style="photo"), seed=1)


def jpeg(photo: Image.Image) -> bytes:
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=92)
    return file.getvalue()


def quiet(progress: Progress) -> None:
    """Nobody watches."""


def pictures(
    studio: Studio, asked: Sequence[Wish], names: tuple[str, ...], worn: AbstractContextManager[None]
) -> list[Image.Image]:
    """One picture for each wish of the dog with these names, or tokens, in front of the class word."""
    with worn:
        return paint(studio.shelf, [template(wish, names, "dog") for wish in asked])


def drawings(dog: Dog, asked: Sequence[Wish]) -> list[Image.Image]:
    """The dog itself, drawn where and how each wish says."""
    rng = random.Random("held out drawing")
    return [draw(dog, replace(a_shot(rng, wish.style, wish.text), wear="")).image for wish in asked]


def look(eyes: Reader, dog: Dog, some: Sequence[Image.Image], shown: Shown) -> None:
    """Judge pictures of the dog."""
    readings = eyes.read(some)
    shown.verdicts += [judge(reading, dog) for reading in readings]
    shown.coat_off += [float(delta_e(reading.coat, lab(dog.coat))) for reading in readings]


def summary(shown: Shown) -> dict[str, float]:
    return {"pictures": len(shown.verdicts), **shares(shown.verdicts), "coat_de": round(median(shown.coat_off), 1)}
