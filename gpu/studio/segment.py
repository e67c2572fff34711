"""Photos -> cut-outs of one pet, and what is wrong with each photo: the stage, from top to bottom.

Knows: the order of its steps, what is written where. Does not know: how animals are found (candidates.py), which of
them is the pet (identity.py), what is poor about a photo (photo_checks.py, photo_sets.py), what is done with cut-outs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.durable import whole
from gpu.segmenting import PhotoChecks, Segmenting
from gpu.studio.candidates import see
from gpu.studio.crop import crop_box
from gpu.studio.identity import Animal, agree, animals
from gpu.studio.photo_checks import enlargement, remarks
from gpu.studio.photo_sets import Fingerprint, duplicates, fingerprint, lacks, same_scene
from gpu.studio.segmenter import Floats, Segmenter
from gpu.studio.sheet import Mark, Tile, contact_sheet
from gpu.types import Advice, Cutout, Flaw, Looked, Photo, Rejected, Remark

FAST = 1  # zlib's level: a cut-out lives as long as its pet, and is read a few times


@dataclass(frozen=True, slots=True)
class Sight:
    """What is in one photo."""

    photo: Photo
    animals: tuple[Animal, ...]
    people: Floats | None  # coarse logits


@dataclass(frozen=True, slots=True)
class Pet:
    """The pet in one photo that may be learnt from."""

    photo: Photo
    mask: NDArray[np.uint8]  # [height, width] of the photo, 255 = pet
    box: tuple[int, int, int, int]  # of the crop: left, top, right, bottom
    enlargement: float  # of the crop, for training
    print: Fingerprint
    advice: tuple[Advice, ...]


def look(segmenter: Segmenter, photo: Photo, segmenting: Segmenting) -> Sight:
    """See what is in one photo."""
    image = _open(photo)
    seen = see(segmenter, image, segmenting)
    return Sight(
        photo=photo,
        animals=tuple(animals(segmenter, image, seen.animals, segmenting)),
        people=seen.people,
    )


def cut_out(sights: Sequence[Sight], out: Path, segmenting: Segmenting, word: str, size_px: int) -> Looked:
    """The pet that the photos agree on, cut out below `out`; the sheet lies beside it.

    word: the species, or "auto". size_px: of training crops.
    """
    out.mkdir(parents=True, exist_ok=True)
    agreement = agree([sight.animals for sight in sights], word, segmenting)
    found = [
        _pet(sight, one, turn, segmenting.checks, size_px) if isinstance(one, Animal) else one
        for sight, one, turn in zip(sights, agreement.pets, agreement.turns, strict=True)
    ]
    judged = _without_small(_without_copies(found, segmenting.checks), segmenting)
    pets = [one for one in judged if isinstance(one, Pet)]
    cutouts = [_cut(pet, out) for pet in pets]
    flaws = {sight.photo.sha256: one for sight, one in zip(sights, judged, strict=True) if not isinstance(one, Pet)}
    noted = tuple(Remark(photo=pet.photo.sha256, what=what) for pet in pets for what in _advice(pet, pets, segmenting))
    return Looked(
        cutouts=tuple(cutouts),
        rejected=tuple(Rejected(photo=photo, reason=reason) for photo, reason in flaws.items()),
        remarks=noted,
        lacks=lacks([pet.print for pet in pets], segmenting.checks),
        sheet=contact_sheet(_tiles(sights, cutouts, noted), out.parent / "sheet.png"),
        class_word=agreement.word,
    )


def pet_or_all(segmenter: Segmenter, image: Image.Image, segmenting: Segmenting) -> Image.Image:
    """The largest animal's mask, L; all of the picture where a style hides it from the segmenter."""
    how = {"size_px": segmenting.size_px, "confidence": segmenting.confidence}
    [found] = segmenter.detect(image, (segmenting.animals,), **how)
    shapes = [cv2.resize(one.inside, image.size, interpolation=cv2.INTER_LINEAR) > 0 for one in found]
    largest = max(shapes, key=np.sum, default=np.ones(image.size[::-1], bool))
    return Image.fromarray(largest).convert("L")


def _pet(sight: Sight, animal: Animal, turn: int, checks: PhotoChecks, size_px: int) -> Pet:
    image, inside = _open(sight.photo), animal.mask > 127
    box = crop_box(inside)
    people = None if sight.people is None else cv2.resize(sight.people, image.size) > 0
    noted = remarks(image, inside, checks, size_px, people)
    return Pet(
        photo=sight.photo,
        mask=animal.mask,
        box=box,
        enlargement=enlargement(box, size_px),
        print=fingerprint(image, inside),
        advice=(*noted, "sideways") if turn else noted,
    )


def _without_copies(found: Sequence[Pet | Flaw], checks: PhotoChecks) -> list[Pet | Flaw]:
    """A photo that is another one again teaches nothing new."""
    places = [n for n, one in enumerate(found) if isinstance(one, Pet)]
    copies = duplicates([one.print for one in found if isinstance(one, Pet)], checks)
    again = {places[late] for late in copies}
    return ["duplicate" if n in again else one for n, one in enumerate(found)]


def _without_small(found: Sequence[Pet | Flaw], segmenting: Segmenting) -> list[Pet | Flaw]:
    """Crops that would have to be enlarged too far are left out, the largest first kept if it takes them for a set."""
    sizes = {n: one.enlargement for n, one in enumerate(found) if isinstance(one, Pet)}
    small = sorted((n for n in sizes if sizes[n] > segmenting.checks.too_enlarged), key=lambda n: sizes[n])
    needed = max(0, segmenting.least_photos - (len(sizes) - len(small)))
    left_out = set(small[needed:])
    return ["too_few_pixels" if n in left_out else one for n, one in enumerate(found)]


def _advice(pet: Pet, pets: Sequence[Pet], segmenting: Segmenting) -> tuple[Advice, ...]:
    shared = same_scene([one.print for one in pets], segmenting.checks)
    return (*pet.advice, "same_scene") if pets.index(pet) in shared else pet.advice


def _cut(pet: Pet, out: Path) -> Cutout:
    name = pet.photo.sha256
    cutout = Cutout(
        image=out / f"{name}.png",
        mask=out / f"{name}.mask.png",
        photo=name,
        share=float(pet.mask.mean() / 255),
    )
    pictures = (_open(pet.photo), cutout.image), (Image.fromarray(pet.mask), cutout.mask)
    for picture, path in pictures:
        with whole(path) as fresh:  # studio.py takes what cut.json names for good, also after a power failure
            picture.crop(pet.box).save(fresh, "PNG", compress_level=FAST)
    return cutout


def _tiles(sights: Sequence[Sight], cutouts: Sequence[Cutout], noted: Sequence[Remark]) -> list[Tile]:
    known = {cutout.photo: cutout for cutout in cutouts}
    poor = {remark.photo for remark in noted}
    tiles: list[Tile] = []
    for number, photo in enumerate((sight.photo for sight in sights), start=1):
        cutout = known.get(photo.sha256)
        if cutout is None:
            tiles.append(Tile(number=number, image=photo.path, mark="refused"))
            continue
        mark: Mark = "remark" if photo.sha256 in poor else "good"
        tiles.append(Tile(number=number, image=cutout.image, mask=cutout.mask, mark=mark))
    return tiles


def _open(photo: Photo) -> Image.Image:
    with Image.open(photo.path) as file:
        return file.convert("RGB")
