"""How well the pocket segmenter cuts out dogs that it has never seen, and whether it sees dogs where there are none.

Knows: photos as people attach them, half of them with something in the way, and their true masks.
Does not know: what is learnt from cut-outs. A dog that is not found, or whose photo is refused, counts as IoU 0.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.pocket.world.dogs import a_dog, a_shot, photo_shots
from gpu.pocket.world.kennel import Picture, draw, sheet
from gpu.pocket.world.scenes import SCENES
from gpu.profile import PROFILES
from gpu.segmenting import Segmenting
from gpu.studio.candidates import see
from gpu.studio.identity import Animal, agree, animals
from gpu.studio.models import ModelPool
from gpu.studio.segmenter import Segmenter
from tests.bench.pocket.examples import missed

SIDE = 512  # pixels of a photo, as in the demo
IN_THE_WAY = ("hand", "dog", "person", "furniture", "blur", "dark")
THINGS = ("hand", "person", "furniture")  # no dogs
LIES_ON = 0.01  # of the dog is hidden, where a hand lies on it
FOUND = 0.5  # IoU from which the dog counts as found

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Look:
    """What the segmenter made of one photo."""

    photo: Image.Image
    clutter: str  # "" for none
    iou: float
    verdict: str  # "cut", or why not


def measure(folder: Path, count: int = 500) -> dict[str, object]:
    """Mean IoU and recall on `count` photos, false alarms on 200 dogless scenes for 500 photos, empty ones and others,
    and of hands that lie on dogs the share that was taken for dog: IoU hardly sees it, and it would be learnt.

    Leaves the worst photos in folder/segmenter.png.
    """
    segmenting, pool = PROFILES["pocket"].segmenting, ModelPool(PROFILES["pocket"])
    with pool.use("yolo") as segmenter:
        looks = [look(segmenter, *unseen(number), segmenting) for number in range(count)]
        places = range(count * 2 // 5)
        alarms = {
            name: round(
                fmean(not isinstance(found(segmenter, dogless(number, things), segmenting), str) for number in places),
                4,
            )
            for name, things in {"false_alarms": (), "false_alarms_with_things": THINGS}.items()
        }
        taken = [share for number in places if (share := hand_taken(segmenter, number, segmenting)) is not None]
    worst = sorted(looks, key=lambda one: one.iou)[:24]
    sheet([[one.photo.resize((160, 160)) for one in worst[at : at + 8]] for at in (0, 8, 16)]).save(
        folder / "segmenter.png"
    )
    return figures(looks) | {
        "scenes": len(places),
        **alarms,
        "hands_on_dogs": len(taken),
        "hand_taken": round(fmean(taken), 4) if taken else None,
    }


def unseen(number: int) -> tuple[Picture, str]:
    """A photo with other seeds than the training's, and what is in the way: something in every second one."""
    rng = random.Random(f"held out segmenter {number}")
    clutter = IN_THE_WAY[number // 2 % len(IN_THE_WAY)] if number % 2 else ""
    (shot,) = photo_shots(rng, 1)
    return draw(a_dog(rng), replace(shot, clutter=tuple(filter(None, [clutter]))), SIDE), clutter


def dogless(number: int, things: tuple[str, ...] = ()) -> Image.Image:
    """A place as a photo, and no dog there, but one of the things."""
    rng = random.Random(f"held out scene {number}")
    shot = missed(a_shot(rng, "photo", SCENES[number % len(SCENES)]))
    return draw(a_dog(rng), replace(shot, clutter=things[number % len(THINGS) :][:1]), SIDE).image


def look(segmenter: Segmenter, picture: Picture, clutter: str, segmenting: Segmenting) -> Look:
    """Through gpu/studio/segment.py, as an enrolment does."""
    match found(segmenter, picture.image, segmenting):
        case str() as reason:
            return Look(picture.image, clutter, 0.0, reason)
        case mask:
            return Look(picture.image, clutter, iou(mask, np.asarray(picture.masks[0]) > 127), "cut")


def found(segmenter: Segmenter, image: Image.Image, segmenting: Segmenting) -> Mask | str:
    """The mask of the one dog of a photo that has no others beside it to agree with, or why there is none."""
    seen = animals(segmenter, image, see(segmenter, image, segmenting).animals, segmenting)
    [pet] = agree([seen], "auto", segmenting).pets
    return pet.mask > 127 if isinstance(pet, Animal) else pet


def hand_taken(segmenter: Segmenter, number: int, segmenting: Segmenting) -> float | None:
    """Of a photo of a dog with a hand; None where the dog is not found."""
    rng = random.Random(f"held out hand {number}")
    (shot,), dog = photo_shots(rng, 1), a_dog(rng)
    held, free = (draw(dog, replace(shot, clutter=things), SIDE) for things in (("hand",), ()))
    whole, seen = (np.asarray(picture.masks[0]) > 127 for picture in (free, held))
    cut = found(segmenter, held.image, segmenting)
    return None if isinstance(cut, str) else taken_of_hidden(cut, whole, seen)


def taken_of_hidden(found: Mask, whole: Mask, seen: Mask) -> float | None:
    """Of what hides a part of the whole dog, the share that was taken for dog; None where next to nothing is hidden."""
    hidden = whole & ~seen
    return float((found & hidden).sum() / hidden.sum()) if hidden.sum() >= LIES_ON * whole.sum() else None


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union; 0 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 0.0


def figures(looks: list[Look]) -> dict[str, object]:
    """Shares of photos, and what each thing in the way costs."""
    return {
        "count": len(looks),
        "iou": round(fmean(one.iou for one in looks), 4),
        "recall": round(fmean(one.iou >= FOUND for one in looks), 4),
        "verdicts": dict(Counter(one.verdict for one in looks)),
        "iou_with": dict(_by_clutter(looks)),
    }


def _by_clutter(looks: list[Look]) -> Iterator[tuple[str, float]]:
    for clutter in sorted({one.clutter for one in looks}):
        yield clutter or "nothing", round(fmean(one.iou for one in looks if one.clutter == clutter), 4)
