"""Which of four portraits is shown: the first, the likest, the one that shows most of what was asked for, or by both.

Knows: dogs that no model has seen, wishes, the scores that a choice is made by. Does not know: how a score comes about.
What a choice is worth says the reader, who knows none of the scores: the share of what was asked for that is there, and
the share of the dog's marks (coat, patch, second colour) that are right.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles

from PIL import Image

from gpu.pets import Adapter, Cutout
from gpu.pocket.world.dogs import Dog
from gpu.studio import likeness, segment
from gpu.studio.agreement import agreement
from gpu.studio.generate import pet_pipeline
from gpu.studio.models import ModelPool
from gpu.verdicts import ranked
from tests.bench.pocket import painter
from tests.bench.pocket.enrolment import LEARNING, job, one_a_core, quiet, studio_of, unseen
from tests.bench.pocket.obeyed import Asked, wishes, worn
from tests.bench.pocket.reader import Reader, Reading, reader
from tests.bench.pocket.truth import judge

TRIES = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    image: Image.Image
    likeness: float
    agreement: float


CHOICES: dict[str, Callable[[Sequence[Candidate]], int]] = {
    "first": lambda _: 0,
    "likest": lambda some: max(range(len(some)), key=lambda at: some[at].likeness),
    "most_agreed": lambda some: max(range(len(some)), key=lambda at: some[at].agreement),
    "by_both": lambda some: ranked(some)[0],
}


def measure(folder: Path, dogs: int = 2, count: int = 40) -> dict[str, object]:
    """For each way to choose the shares of what was asked for and of the dog's marks, of `count` wishes a dog."""
    asked, eyes = worn_wishes(count), reader(folder)
    with one_a_core() as pool:
        painted = list(pool.map(partial(candidates, asked=asked), range(dogs)))
    return {
        "dogs": dogs,
        "wishes": count,
        **figures(eyes, [unseen(number)[0] for number in range(dogs)], asked, painted),
        "agreement": agreement_by_lacking(eyes, asked, painted),
    }


def worn_wishes(count: int) -> list[Asked]:
    """Those of obeyed.py that ask for a place and something worn, evenly over the styles."""
    some = [one for one in wishes(1) if one.worn and one.style != "pop"]
    return [some[at * len(some) // count] for at in range(count)]


def candidates(number: int, asked: Sequence[Asked]) -> list[list[Candidate]]:
    """TRIES pictures for each wish of a dog that is learnt for it."""
    studio = studio_of(LEARNING)
    with tempfile.TemporaryDirectory() as name:
        pet = studio.enroll(asyncio.run(job(Path(name), unseen(number)[1])), quiet)
        return [tries(studio.pool, pet.adapter, pet.cutouts, one, at * TRIES) for at, one in enumerate(asked)]


def tries(pool: ModelPool, pet: Adapter, cutouts: tuple[Cutout, ...], asked: Asked, seed: int) -> list[Candidate]:
    prompt, profile = asked.prompt(" ".join(pet.tokens)), pool.profile
    with pet_pipeline(pool, pet):
        images = painter.paint(pool, [prompt] * TRIES, seed)
    agreed = agreement(pool, images, prompt, pet.tokens, lambda: None)
    with pool.use("yolo") as segmenter, pool.use("dino") as dino:
        look = likeness.of_cutouts(dino, cutouts, profile.dino_px)
        masks = [segment.pet_or_all(segmenter, image, profile.segmenting) for image in images]
        like = [likeness.likeness(dino, *one, look, profile.dino_px) for one in zip(images, masks, strict=True)]
    return [Candidate(*one) for one in zip(images, like, agreed, strict=True)]


def figures(
    eyes: Reader, dogs: Sequence[Dog], asked: Sequence[Asked], painted: Sequence[Sequence[Sequence[Candidate]]]
) -> dict[str, dict[str, float]]:
    found = dict[str, dict[str, float]]()
    for name, choose in CHOICES.items():
        hits, marks = list[bool](), list[bool]()
        for dog, sets in zip(dogs, painted, strict=True):
            readings = eyes.read([some[choose(some)].image for some in sets])
            for one, reading in zip(asked, readings, strict=True):
                hits += shown(one, reading)
                verdict = judge(reading, dog)
                marks += [verdict.coat, verdict.patch, verdict.second]
        found[name] = {"asked": round(sum(hits) / len(hits), 3), "marks": round(sum(marks) / len(marks), 3)}
    return found


def agreement_by_lacking(
    eyes: Reader, asked: Sequence[Asked], painted: Sequence[Sequence[Sequence[Candidate]]]
) -> dict[str, list[float]]:
    """Quartiles of the agreement of pictures that lack nothing of what was asked for, one thing, or more: what the
    words of gpu/verdicts.py rest on."""
    found: dict[str, list[float]] = {"0": [], "1": [], "2+": []}
    for sets in painted:
        for one, some in zip(asked, sets, strict=True):
            for candidate, reading in zip(some, eyes.read([each.image for each in some]), strict=True):
                lacking = shown(one, reading).count(False)
                found[str(lacking) if lacking < 2 else "2+"].append(candidate.agreement)
    return {lacking: [round(one, 3) for one in quantiles(some)] for lacking, some in found.items() if len(some) > 1}


def shown(asked: Asked, reading: Reading) -> list[bool]:
    """Of the place and each thing worn, whether it is there."""
    return [reading.scene == asked.scene, *(thing in worn(reading) for thing in asked.worn)]
