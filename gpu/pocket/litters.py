"""Litters: a dog and siblings that differ from it in one attribute, drawn for the likeness encoder to learn from.

Knows: what a person could tell two dogs by, and how the studio sees photos (cut out) and portraits (whole).
Does not know: models, training. Of every dog there is one photo of its own and one picture in any style; the pictures
of a litter are of one shot, so that nothing but the attribute tells them apart.
"""

import random
from dataclasses import asdict, replace
from math import dist

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.pocket.dogs import EARS, PATCHES, Dog, a_dog, a_shot, photo_shots
from gpu.pocket.kennel import Picture, draw
from gpu.segment import crop_box

Bytes = NDArray[np.uint8]

LITTER = 4  # dogs
APART = 50.0  # distance in RGB 0..255 from which two colours are two
COLOURS = ("coat", "second", "muzzle", "eyes")
# Fields of one attribute; the first must differ.
ATTRIBUTES = (
    ("coat", "family"), ("second",), ("patch", "side"), ("side",), ("ears",), ("ears_second",), ("muzzle",),
    ("long_fur",), ("eyes",),
)  # fmt: skip


def a_litter(rng: random.Random) -> list[Dog]:
    """The first dog, and LITTER - 1 that differ from it in one attribute each."""
    first = a_dog(rng)
    possible = [fields for fields in ATTRIBUTES if fields != ("side",) or first.side]
    return [first, *(_sibling(first, fields, rng) for fields in rng.sample(possible, LITTER - 1))]


def _sibling(dog: Dog, fields: tuple[str, ...], rng: random.Random) -> Dog:
    mine = asdict(dog)
    while True:
        other = asdict(a_dog(rng))
        if fields == ("side",):
            other["side"] = -dog.side
        if _differs(fields[0], mine, other):
            return replace(dog, **{field: other[field] for field in fields})


def _differs(field: str, one: dict[str, object], other: dict[str, object]) -> bool:
    return dist(one[field], other[field]) > APART if field in COLOURS else one[field] != other[field]  # pyright: ignore


def facts(dog: Dog) -> list[float]:
    """All that there is to know about a dog, as numbers of about -1..1."""
    colours = [channel / 127.5 - 1 for colour in (dog.coat, dog.second, dog.muzzle, dog.eyes) for channel in colour]
    kinds = [float(dog.patch == patch) for patch in PATCHES] + [float(dog.ears == ears) for ears in EARS]
    return [*colours, *kinds, float(dog.side), float(dog.ears_second), float(dog.long_fur)]


def draw_litter(key: str, side: int, grid: int) -> tuple[Bytes, Bytes, NDArray[np.float32]]:
    """Images (LITTER, 2, side, side, 3), a photo's cut-out and a whole picture of each dog; masks; facts (LITTER, n).

    Masks are on the grid of patches, (LITTER, 2, grid, grid). The same key gives the same bytes.
    """
    rng = random.Random(key)
    dogs, shot = a_litter(rng), a_shot(rng)
    seen = [view for dog in dogs for view in (_cutout(draw(dog, photo_shots(rng, 1)[0])), _whole(draw(dog, shot)))]
    images = [np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)) for image, _ in seen]
    masks = [np.asarray(mask.resize((grid, grid), Image.Resampling.BOX)) for _, mask in seen]
    return (
        np.stack(images).reshape(LITTER, 2, side, side, 3),
        np.stack(masks).reshape(LITTER, 2, grid, grid),
        np.array([facts(dog) for dog in dogs], np.float32),
    )


def _whole(picture: Picture) -> tuple[Image.Image, Image.Image]:
    return picture.image, picture.masks[0]


def _cutout(photo: Picture) -> tuple[Image.Image, Image.Image]:
    box = crop_box(np.asarray(photo.masks[0]) > 127)
    return photo.image.crop(box), photo.masks[0].crop(box)
