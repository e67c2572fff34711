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

from gpu.pocket.world.anatomy import draw_dog
from gpu.pocket.world.dogs import EARS, EYES, PATCHES, Dog, Shot, a_dog, a_shot, photo_shots
from gpu.pocket.world.kennel import OVER, SIZE, draw
from gpu.pocket.world.pencil import Pencil
from gpu.studio.crop import crop_box

Bytes = NDArray[np.uint8]
View = tuple[Image.Image, Image.Image, list[Image.Image]]  # picture, mask of the dog, its maps

LITTER = 4  # dogs
APART = 50.0  # distance in RGB 0..255 from which two colours are two
COLOURS = ("coat", "second", "muzzle", "eyes")
# Fields of one attribute; the first must differ.
ATTRIBUTES = (
    ("coat", "family"), ("second",), ("patch", "side"), ("side",), ("ears",), ("ears_second",), ("muzzle",),
    ("long_fur",), ("eyes",),
)  # fmt: skip
KINDS: dict[str, tuple[object, ...]] = {
    "patch": PATCHES, "side": (-1, 0, 1), "ears": EARS, "ears_second": (False, True), "long_fur": (False, True),
    "eyes": EYES,
}  # fmt: skip
"""What a dog has one of, and the answers to choose from."""
CELLS = 2  # a side of a patch: the maps tell for each cell what of the dog lies there
MAPS = 3  # see draw_maps()
FUR, LEFT, RIGHT = 6, 7, 8  # channels of the last map


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


def colours(dog: Dog) -> list[float]:
    """The colours that vary freely, channel by channel in -1..1."""
    return [channel / 127.5 - 1 for colour in (dog.coat, dog.second, dog.muzzle) for channel in colour]


def kinds(dog: Dog) -> list[int]:
    """The number of the answer to each of KINDS."""
    known = asdict(dog)
    return [answers.index(known[name]) for name, answers in KINDS.items()]


def draw_litter(key: str, side: int, grid: int) -> tuple[Bytes, Bytes, Bytes, NDArray[np.float32], NDArray[np.int64]]:
    """Images (LITTER, 2, side, side, 3), of each dog a photo cut out and a whole picture; masks; maps; colours; kinds.

    Masks are on the grid of patches, (LITTER, 2, grid, grid), maps on CELLS times as many, with 3 * MAPS channels;
    colours and kinds are (LITTER, n). The same key gives the same bytes.
    """
    rng = random.Random(key)
    dogs, shot = a_litter(rng), a_shot(rng)
    seen = [view for dog in dogs for view in (_cutout(dog, photo_shots(rng, 1)[0]), _whole(dog, shot))]
    images = [np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)) for image, _, _ in seen]
    masks = [np.asarray(mask.resize((grid, grid), Image.Resampling.BOX)) for _, mask, _ in seen]
    fine = grid * CELLS
    maps = [[np.asarray(one.resize((fine, fine), Image.Resampling.BOX)) for one in told] for _, _, told in seen]
    return (
        np.stack(images).reshape(LITTER, 2, side, side, 3),
        np.stack(masks).reshape(LITTER, 2, grid, grid),
        np.stack([np.concatenate(told, -1) for told in maps]).reshape(LITTER, 2, fine, fine, 3 * MAPS),
        np.array([colours(dog) for dog in dogs], np.float32),
        np.array([kinds(dog) for dog in dogs]),
    )


def draw_maps(dog: Dog, shot: Shot) -> list[Image.Image]:
    """The dog on black, three times: in its own colours, whatever the style; as coat (red), second colour (green),
    muzzle (both) and eyes (blue); and as long fur (red), with the second colour green or blue if its side is left or
    right.
    """
    parts = replace(dog, coat=(255, 0, 0), second=(0, 255, 0), muzzle=(255, 255, 0), eyes=(0, 0, 255))
    fur, left, right = (255 * told for told in (dog.long_fur, dog.side < 0, dog.side > 0))
    shape = replace(dog, coat=(fur, 0, 0), second=(0, left, right), muzzle=(0, 0, 0), eyes=(0, 0, 0))
    return [_on_black(coded, shot) for coded in (dog, parts, shape)]


def _on_black(dog: Dog, shot: Shot) -> Image.Image:
    big = SIZE * OVER
    canvas = Image.new("RGB", (big, big))
    draw_dog(Pencil(canvas, shot.x * big, shot.y * big, shot.scale * big, shot.tilt, random.Random(0)), dog, shot)
    return canvas.resize((SIZE, SIZE), Image.Resampling.BOX)


def _whole(dog: Dog, shot: Shot) -> View:
    picture = draw(dog, shot)
    return picture.image, picture.masks[0], draw_maps(dog, shot)


def _cutout(dog: Dog, shot: Shot) -> View:
    image, mask, maps = _whole(dog, shot)
    box = crop_box(np.asarray(mask) > 127)
    return image.crop(box), mask.crop(box), [one.crop(box) for one in maps]
