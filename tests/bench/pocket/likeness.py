"""Whether the likeness encoder tells one dog from another in any style, and from a twin that differs in one thing.

Knows: dogs and their twins, gpu/studio/likeness.py's embedding, AUC. Does not know: how a dog is found; masks are
the truth.
A score is the cosine between one photo's cut-out and a whole picture; "of_five" scores as the studio does, against the
mean of five cut-outs. A twin is drawn with the dog's own shot: same style, place and pose, one attribute changed.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from transformers import Dinov2Model

from gpu.pocket.world.dogs import Dog, a_dog, a_shot, photo_shots
from gpu.pocket.world.kennel import Picture, draw, sheet
from gpu.pocket.world.styling import MEDIA
from gpu.profile import PROFILES
from gpu.studio.crop import crop_box
from gpu.studio.likeness import embed
from gpu.studio.models import ModelPool
from tests.bench.pocket.truth import auc, delta_e, lab

PHOTOS = 5  # of each dog
OTHERS = 100  # dogs that a twin may borrow an attribute from
APART = 20.0  # dE*ab from which a person sees two colours
NEIGHBOURS = {"golden": "red", "red": "brown", "brown": "red", "black": "grey", "white": "grey", "grey": "white"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A dog that no training drew."""

    style: str  # of the picture and the twins
    photos: tuple[Picture, ...]
    picture: Picture
    twins: dict[str, Picture]  # by the attribute in which each differs


@dataclass(frozen=True, slots=True)
class Seen:
    """The same to the encoder. A score is a cosine to the pet, -1..1."""

    style: str
    pet: Tensor  # [width]
    picture: Tensor  # [width]
    twins: dict[str, Tensor]  # [width] each

    @property
    def score(self) -> float:
        return float(self.pet @ self.picture)


def measure(folder: Path, count: int = 200) -> dict[str, object]:
    """AUC over `count` dogs, the styles in turn. Leaves the first dogs and their twins in folder/likeness.png."""
    styles = list(MEDIA)
    drawn = [unseen(number, styles[number % len(styles)]) for number in range(count)]
    sheet(
        [[one.photos[0].image, one.picture.image, *(t.image for t in one.twins.values())] for one in drawn[:10]]
    ).save(folder / "likeness.png")
    with ModelPool(PROFILES["pocket"]).use("dino") as dino:
        by_one, by_five = zip(*[look(dino, one) for one in drawn], strict=True)
    return {"count": count, **figures(by_one), "of_five": figures(by_five)}


def unseen(number: int, style: str) -> Drawn:
    rng = random.Random(f"held out likeness {number}")
    dog, shot = a_dog(rng), a_shot(rng, style)
    photos = tuple(draw(dog, photo) for photo in photo_shots(rng, PHOTOS))
    return Drawn(style, photos, draw(dog, shot), {name: draw(one, shot) for name, one in twins(dog, rng).items()})


def twins(dog: Dog, rng: random.Random) -> dict[str, Dog]:
    """For each attribute a dog that differs in nothing else; "side" only where the patch has one."""
    found: dict[str, Dog] = {}
    for _ in range(OTHERS):
        for name, one in mix(dog, a_dog(rng)).items():
            if differs(name, dog, one):
                found.setdefault(name, one)
    return dict(sorted(found.items()))


def mix(dog: Dog, other: Dog) -> dict[str, Dog]:
    """The dog, each time with one attribute of the other's."""
    return {
        "coat": replace(dog, family=other.family, coat=other.coat),
        "second colour": replace(dog, second=other.second),
        "patch": replace(dog, patch=other.patch, side=other.side),
        "side": replace(dog, side=-dog.side),
        "ears": replace(dog, ears=other.ears),
        "two-tone ears": replace(dog, ears_second=other.ears_second),
        "muzzle": replace(dog, muzzle=other.muzzle),
        "fur": replace(dog, long_fur=other.long_fur),
        "eyes": replace(dog, eyes=other.eyes),
    }


def differs(attribute: str, dog: Dog, one: Dog) -> bool:
    """Whether a person would see it. Coats are of neighbouring families: no black dog for a white one."""
    match attribute:
        case "coat":
            return one.family == NEIGHBOURS[dog.family]
        case "patch":
            return one.patch != dog.patch
        case "second colour":
            return bool(delta_e(lab(one.second), lab(dog.second)) > APART)
        case "muzzle":
            return bool(delta_e(lab(one.muzzle), lab(dog.muzzle)) > APART)
        case _:
            return one != dog


def look(dino: Dinov2Model, drawn: Drawn) -> tuple[Seen, Seen]:
    """With a pet of one photo, and of all. Photos are cut out as the studio does; pictures are seen whole."""
    side = PROFILES["pocket"].dino_px
    photos = torch.stack([embed(dino, *cutout(photo), side) for photo in drawn.photos])
    picture, *others = [embed(dino, p.image, p.masks[0], side) for p in (drawn.picture, *drawn.twins.values())]
    one = Seen(drawn.style, photos[0], picture, dict(zip(drawn.twins, others, strict=True)))
    return one, replace(one, pet=F.normalize(photos.mean(0), dim=0))


def cutout(photo: Picture) -> tuple[Image.Image, Image.Image]:
    """Crop and mask."""
    box = crop_box(np.asarray(photo.masks[0]) > 127)
    return photo.image.crop(box), photo.masks[0].crop(box)


def figures(seen: Sequence[Seen]) -> dict[str, object]:
    """AUCs: against other dogs, by style, and against twins, by attribute and their mean."""
    styles = list(dict.fromkeys(one.style for one in seen))
    names = sorted({name for one in seen for name in one.twins})
    one_attribute = {name: _against_twins([one for one in seen if name in one.twins], name) for name in names}
    return {
        "auc": _against_others(seen, seen),
        "auc_by_style": {style: _against_others(seen, [one for one in seen if one.style == style]) for style in styles},
        "one_attribute": round(fmean(one_attribute.values()), 4),
        "by_attribute": one_attribute,
    }


def _against_others(pets: Sequence[Seen], pictures: Sequence[Seen]) -> float:
    different = [float(one.pet @ other.picture) for one in pets for other in pictures if one is not other]
    return round(auc([one.score for one in pictures], different), 4)


def _against_twins(seen: Sequence[Seen], name: str) -> float:
    return round(auc([one.score for one in seen], [float(one.pet @ one.twins[name]) for one in seen]), 4)
