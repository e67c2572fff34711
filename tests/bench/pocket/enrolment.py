"""Whether an enrolment brings a dog back: exact coat, patch and its side, second colour, none of which is ever said.

Knows: dogs that no model has seen, their photos, the studio, four ways to paint a dog. Does not know: how a studio
learns. The four ways: as the profile learns, each picture as it comes; of that, the likest of as many tries as an
enrolment's first portrait has; plain LoRA, as many steps, no token learnt (its one token stays the class word's row);
and the untrained model that is asked for "a dog". Beside them what the reader makes of drawings of the same dogs in the
same styles and places: no painter can do better. One dog a core: small models share a core best.
A patch is looked for in every style, a colour only in those whose drawings show it.
"""

import asyncio
import io
import math
import multiprocessing
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cache, partial
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median
from typing import NamedTuple

from PIL import Image

from gpu.errors import TooFewPhotos
from gpu.jobs import Enroll, Paint, PaintOptions
from gpu.learning import Learning
from gpu.outcomes import Enrolled, Progress
from gpu.pocket.world.dogs import Dog, a_dog, a_shot, photo_shots
from gpu.pocket.world.kennel import draw, sheet
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Wish
from gpu.profile import PROFILES
from gpu.studio.generate import pet_pipeline
from gpu.studio.plan import template
from gpu.studio.studio import Studio, build
from storage.files import Files
from storage.intake import Intake, Upload
from storage.jobs import new_job_id
from tests.bench.pocket import painter
from tests.bench.pocket.reader import Reader, reader
from tests.bench.pocket.truth import Verdict, delta_e, judge, lab, share

POCKET = PROFILES["pocket"]
LEARNING = POCKET.learning
PLAIN_LORA = replace(
    LEARNING, token_count=1, token_steps=0, lora_steps=LEARNING.token_steps + LEARNING.lora_steps
)  # fmt: skip
IN_THE_WAY = ((), ("hand",), ("furniture",), ("person",), ("blur",))  # of five photos
PHOTO_PX = 512
WAYS = ("trained", "likest", "plain_lora", "untrained", "drawn")
SHOWING = ("photo", "watercolour", "oil", "pixel", "glass", "comic")
"""Styles whose drawings show the dog's own colours; pencil has none, and pop, neon and ukiyo-e have their own."""


Way = Callable[[Studio, Enroll, Enrolled, Sequence[Wish]], list[Image.Image]]


class Shown(NamedTuple):
    """What one picture showed."""

    style: str
    verdict: Verdict
    coat_off: float  # dE from the true coat


REFUSED = Verdict(coat=False, patch=False, second=False)


def measure(folder: Path, count: int = 8, prompts: int = 25) -> dict[str, object]:
    """Shares of pictures in which each part of the dog is right, of `prompts` pictures for each of `count` dogs.

    A dog whose photos are refused has no pictures, and all of them are wrong: `pictures` says how many there were.
    Leaves two photos and six portraits of each dog in folder/enrolment.png.
    """
    eyes = reader(folder)
    seen, rows = {way: list[Shown]() for way in WAYS}, []
    with one_a_core() as pool:
        for number, painted in enumerate(pool.map(partial(in_every_way, prompts=prompts), range(count))):
            dog, photos = unseen(number)
            for way in WAYS:
                seen[way] += look(eyes, dog, wishes(number, prompts), painted[way])
            print(f"dog {number + 1} of {count}: {summary(seen['trained'][-prompts:])}", flush=True)
            rows.append([*(photo.resize((128, 128)) for photo in photos[:2]), *painted["trained"][:6]])
    sheet(rows).save(folder / "enrolment.png")
    return {"dogs": count, "prompts": prompts, **{way: figures(shown, prompts) for way, shown in seen.items()}}


@contextmanager
def one_a_core() -> Iterator[ProcessPoolExecutor]:
    """Processes with a core of their own: a studio takes as many threads as its process has cores."""
    cores, fresh = sorted(os.sched_getaffinity(0)), multiprocessing.get_context("spawn")
    free: Queue[int] = fresh.Queue()
    for core in cores:
        free.put(core)
    with ProcessPoolExecutor(len(cores), fresh, stay_on_one, (free,)) as pool:
        yield pool


def stay_on_one(free: "Queue[int]") -> None:
    os.sched_setaffinity(0, {free.get()})


def in_every_way(number: int, prompts: int) -> dict[str, list[Image.Image]]:
    """The dog's pictures, by way."""
    dog, photos = unseen(number)
    asked = wishes(number, prompts)
    return {
        **portraits(studio_of(LEARNING), photos, {"trained": as_it_comes, "likest": likest}, asked),
        **portraits(studio_of(PLAIN_LORA), photos, {"plain_lora": as_it_comes}, asked),
        "untrained": pictures(studio_of(LEARNING), asked, ("a",), nullcontext()),
        "drawn": drawings(dog, asked),
    }


@cache
def studio_of(learning: Learning) -> Studio:
    """The pocket studio that learns in this way; one for all dogs of a process."""
    return build(replace(POCKET, learning=learning))


def unseen(number: int) -> tuple[Dog, list[Image.Image]]:
    """A dog that nobody was trained on, and five photos as a person takes them."""
    rng = random.Random(f"held out pet {number}")
    dog = a_dog(rng)
    shots = zip(photo_shots(rng, len(IN_THE_WAY)), IN_THE_WAY, strict=True)
    return dog, [draw(dog, replace(shot, clutter=clutter), PHOTO_PX).image for shot, clutter in shots]


def wishes(number: int, count: int) -> list[Wish]:
    """Styles in turn, places by chance; not a word about the dog."""
    rng, styles = random.Random(f"held out wish {number}"), list(MEDIA)
    return [Wish(style=styles[at % len(styles)], text=rng.choice(SCENES)) for at in range(count)]


def portraits(
    studio: Studio, photos: Sequence[Image.Image], ways: Mapping[str, Way], asked: Sequence[Wish]
) -> dict[str, list[Image.Image]]:
    """Enrol as the bot does, then by each way one picture for each wish; none where the photos were refused."""
    with tempfile.TemporaryDirectory() as name:
        enrol = asyncio.run(job(Path(name), photos))
        try:
            pet = studio.enroll(enrol, quiet)
        except TooFewPhotos:
            return {way: [] for way in ways}
        return {way: paint(studio, enrol, pet, asked) for way, paint in ways.items()}


def as_it_comes(studio: Studio, _: Enroll, pet: Enrolled, asked: Sequence[Wish]) -> list[Image.Image]:
    """One picture for each wish."""
    return pictures(studio, asked, pet.adapter.tokens, pet_pipeline(studio.pool, pet.adapter))


def likest(studio: Studio, enrol: Enroll, pet: Enrolled, asked: Sequence[Wish]) -> list[Image.Image]:
    """Of some tries for each wish the likest, as a first portrait is chosen."""
    best: list[Image.Image] = []
    for number, wish in enumerate(asked):
        seeds = (number * POCKET.painting.batch,)
        prompt = template(wish, pet.adapter.tokens, enrol.class_word)
        ask = Paint(
            job_id=enrol.job_id, folder=enrol.folder, adapter=pet.adapter, cutouts=pet.cutouts, wish=wish, seeds=seeds,
            prompt=prompt, options=PaintOptions(choose=True, preset=POCKET.painting.presets["normal"]),
        )  # fmt: skip
        (painted,) = studio.paint(ask, quiet).portraits
        best.append(Image.open(painted.path).convert("RGB"))
    return best


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
    """For enrolments whose progress nobody watches."""


def pictures(
    studio: Studio, asked: Sequence[Wish], names: tuple[str, ...], worn: AbstractContextManager[object]
) -> list[Image.Image]:
    """One picture for each wish of the dog with these names, or tokens, in front of the class word."""
    with worn:
        return painter.paint(studio.pool, [template(wish, names, "dog") for wish in asked])


def drawings(dog: Dog, asked: Sequence[Wish]) -> list[Image.Image]:
    """The dog itself, drawn where and how each wish says."""
    rng = random.Random("held out drawing")
    return [draw(dog, replace(a_shot(rng, wish.style, wish.text, "middle"), wear=())).image for wish in asked]


def look(eyes: Reader, dog: Dog, asked: Sequence[Wish], some: Sequence[Image.Image]) -> list[Shown]:
    """Judge the pictures of a dog, one for each wish, or none at all."""
    if not some:
        return [Shown(wish.style, REFUSED, math.nan) for wish in asked]
    return [
        Shown(wish.style, judge(reading, dog), float(delta_e(reading.coat, lab(dog.coat))))
        for wish, reading in zip(asked, eyes.read(some), strict=True)
    ]


def figures(shown: Sequence[Shown], prompts: int) -> dict[str, object]:
    """Of all dogs together, of each, and of each style."""
    dogs = [shown[at : at + prompts] for at in range(0, len(shown), prompts)]
    styles = {style: [one for one in shown if one.style == style] for style in MEDIA}
    return {
        **summary(shown),
        "by_dog": list(map(summary, dogs)),
        "by_style": {style: summary(some) for style, some in styles.items() if some},
    }


def summary(shown: Sequence[Shown]) -> dict[str, float]:
    """Shares of pictures, and the median dE of the coat."""
    coloured = [one for one in shown if one.style in SHOWING]
    off = [one.coat_off for one in coloured if one.verdict is not REFUSED]
    return {
        "pictures": sum(one.verdict is not REFUSED for one in shown),
        "coat": share([one.verdict.coat for one in coloured]),
        "patch": share([one.verdict.patch for one in shown]),
        "second": share([one.verdict.second for one in coloured]),
        **({"coat_de": round(median(off), 1)} if off else {}),
    }
