"""Photos -> cut-outs of one pet, and what is wrong with each photo: the stage, from top to bottom.

Knows: the order of its steps, what is written where. Does not know: how animals are found (candidates.py), which of
them is the pet (identity.py), what is poor about a photo (photo_checks.py, photo_sets.py), what is done with cut-outs.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.durable import whole
from gpu.outcomes import Looked
from gpu.pets import Advice, Cutout, Flaw, Photo, Rejected, Remark
from gpu.segmenting import PhotoChecks, Segmenting
from gpu.studio.candidates import see
from gpu.studio.crop import crop_box
from gpu.studio.identity import Animal, agree, animals
from gpu.studio.photo_checks import enlargement, light, remarks
from gpu.studio.photo_sets import Fingerprint, duplicates, fingerprint, lacks, same_scene
from gpu.studio.segmenter import Floats, Segmenter
from gpu.studio.sheet import Mark, Tile, contact_sheet

FAST = 1  # zlib's level: a cut-out lives as long as its pet, and is read a few times
LARGER, LEAST_PX = 1.5, 1024  # times the training's pixels, and pixels: nothing that is learnt needs larger cut-outs
UNSEEN: frozenset[Flaw] = frozenset(("no_dog", "too_small", "several_dogs", "other_pet"))  # poor light may be why
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Sight:
    """What is in one photo."""

    photo: Photo
    animals: tuple[Animal, ...]  # the largest first
    people: Floats | None  # coarse logits
    print: Fingerprint | None  # None where no animal is


@dataclass(frozen=True, slots=True)
class Pet:
    """The pet in one photo that may be learnt from."""

    sight: Sight
    mask: NDArray[np.uint8]  # [height, width] of the photo, 255 = pet
    box: tuple[int, int, int, int]  # of the crop: left, top, right, bottom
    enlargement: float  # of the crop, for training
    turn: int  # quarter turns after which it stands as in the other photos


def look(segmenter: Segmenter, photo: Photo, segmenting: Segmenting) -> Sight:
    """See what is in one photo."""
    image = _open(photo)
    seen = see(segmenter, image, segmenting)
    found = tuple(animals(segmenter, image, seen.animals, segmenting))
    shown = fingerprint(image, found[0].mask > 127) if found else None
    return Sight(photo=photo, animals=found, people=seen.people, print=shown)


def cut_out(sights: Sequence[Sight], out: Path, segmenting: Segmenting, word: str, size_px: int) -> Looked:
    """The pet that the photos agree on, cut out below `out`; the sheet lies beside it.

    word: the species, or "auto". size_px: of training crops.
    """
    out.mkdir(parents=True, exist_ok=True)
    agreed, judged = _judge(sights, segmenting, word, size_px)
    pets = [one for one in judged if isinstance(one, Pet)]
    most_px = max(round(LARGER * size_px), LEAST_PX)
    with ThreadPoolExecutor(CORES) as threads:  # packing PNGs is most of the work, and leaves the GIL
        cutouts = list(threads.map(lambda pet: _cut(pet, out, most_px), pets))
    rejected = [
        Rejected(photo=sight.photo.sha256, reason=one)
        for sight, one in zip(sights, judged, strict=True)
        if not isinstance(one, Pet)
    ]
    noted = tuple(_remarks(sights, judged, segmenting.checks, size_px))
    prints = [pet.sight.print for pet in pets if pet.sight.print]
    return Looked(
        cutouts=tuple(cutouts),
        rejected=tuple(rejected),
        remarks=noted,
        lacks=lacks(prints, segmenting.checks),
        sheet=contact_sheet(_tiles(sights, cutouts, noted), out.parent / "sheet.png"),
        class_word=agreed,
    )


def pet_or_all(segmenter: Segmenter, image: Image.Image, segmenting: Segmenting) -> Image.Image:
    """The largest animal's mask, L; all of the picture where a style hides it from the segmenter."""
    shape = _largest(segmenter, image, segmenting)
    return Image.fromarray(np.ones(image.size[::-1], bool) if shape is None else shape).convert("L")


def _largest(segmenter: Segmenter, image: Image.Image, segmenting: Segmenting) -> NDArray[np.bool_] | None:
    """The shape [height, width] of the largest animal."""
    how = {"size_px": segmenting.size_px, "confidence": segmenting.confidence}
    [found] = segmenter.detect(image, (segmenting.animals,), **how)
    shapes = [cv2.resize(one.inside, image.size, interpolation=cv2.INTER_LINEAR) > 0 for one in found]
    return max(shapes, key=np.sum, default=None)


def _judge(sights: Sequence[Sight], segmenting: Segmenting, word: str, size_px: int) -> tuple[str, list[Pet | Flaw]]:
    """The species, and for each photo the pet or what is wrong. What is there twice has one voice in what is agreed."""
    copies = _copies(sights, segmenting.checks)
    single = [n for n in range(len(sights)) if n not in copies]
    agreement = agree([sights[n].animals for n in single], word, segmenting)
    judged: list[Pet | Flaw] = ["duplicate"] * len(sights)
    for n, pet, turn in zip(single, agreement.pets, agreement.turns, strict=True):
        judged[n] = _pet(sights[n], pet, turn, size_px) if isinstance(pet, Animal) else pet
    return agreement.word, _without_small(judged, segmenting)


def _copies(sights: Sequence[Sight], checks: PhotoChecks) -> set[int]:
    """The photos that are an earlier one again."""
    prints = {n: sight.print for n, sight in enumerate(sights) if sight.print}
    places = list(prints)
    return {places[late] for late in duplicates(list(prints.values()), checks)}


def _pet(sight: Sight, animal: Animal, turn: int, size_px: int) -> Pet:
    box = crop_box(animal.mask > 127)
    return Pet(sight=sight, mask=animal.mask, box=box, enlargement=enlargement(box, size_px), turn=turn)


def _without_small(judged: Sequence[Pet | Flaw], segmenting: Segmenting) -> list[Pet | Flaw]:
    """Crops that would have to be enlarged too far are left out, the largest first kept if it takes them for a set."""
    sizes = {n: one.enlargement for n, one in enumerate(judged) if isinstance(one, Pet)}
    small = sorted((n for n in sizes if sizes[n] > segmenting.checks.too_enlarged), key=lambda n: sizes[n])
    needed = max(0, segmenting.least_photos - (len(sizes) - len(small)))
    left_out = set(small[needed:])
    return ["too_few_pixels" if n in left_out else one for n, one in enumerate(judged)]


def _remarks(
    sights: Sequence[Sight], judged: Sequence[Pet | Flaw], checks: PhotoChecks, size_px: int
) -> Iterator[Remark]:
    """What is poor about each pet's photo; and about one in which the pet is not seen, as that may be why."""
    pets = [one for one in judged if isinstance(one, Pet)]
    shared = same_scene([pet.sight.print for pet in pets if pet.sight.print], checks)
    again = {pets[late].sight.photo.sha256 for late in shared}
    shown = [(s, one) for s, one in zip(sights, judged, strict=True) if isinstance(one, Pet) or one in UNSEEN]
    with ThreadPoolExecutor(CORES) as threads:
        poor = list(threads.map(lambda one: _poor(*one, checks, size_px), shown))
    for (sight, one), advice in zip(shown, poor, strict=True):
        photo = sight.photo.sha256
        yield from (Remark(photo=photo, what=what) for what in advice)
        if isinstance(one, Pet) and one.turn:
            yield Remark(photo=photo, what="sideways")
        if photo in again:
            yield Remark(photo=photo, what="same_scene")


def _poor(sight: Sight, judged: Pet | Flaw, checks: PhotoChecks, size_px: int) -> tuple[Advice, ...]:
    image = _open(sight.photo)
    around = () if isinstance(judged, Pet) else light(image, checks)
    if not isinstance(judged, Pet) and judged != "other_pet":
        return around
    mask = judged.mask if isinstance(judged, Pet) else sight.animals[0].mask
    people = None if sight.people is None else cv2.resize(sight.people, image.size) > 0
    return tuple(dict.fromkeys((*remarks(image, mask > 127, checks, size_px, people), *around)))


def _cut(pet: Pet, out: Path, most_px: int) -> Cutout:
    name = pet.sight.photo.sha256
    cutout = Cutout(
        image=out / f"{name}.png",
        mask=out / f"{name}.mask.png",
        photo=name,
        share=float(pet.mask.mean() / 255),
    )
    pictures = (_open(pet.sight.photo), cutout.image), (Image.fromarray(pet.mask), cutout.mask)
    for picture, path in pictures:
        cut = picture.crop(pet.box)
        cut.thumbnail((most_px, most_px), Image.Resampling.LANCZOS)
        with whole(path) as fresh:  # studio.py takes what cut.json names for good, also after a power failure
            cut.save(fresh, "PNG", compress_level=FAST)
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
