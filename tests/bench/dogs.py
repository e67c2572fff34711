"""`python -m tests.bench.dogs [part ...]`: the segment stage on real photos of dogs, from the intake to the cut-outs.

Knows: 21 photos of four dogs and what must become of them in every set; how photos are pasted beside each other and
worsened. Does not know: how the stage works. The photos and the segmenter are not part of the project: without them
nothing is measured. About ten minutes on two cores.
"""

import asyncio
import hashlib
import io
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import fmean

import torch
from PIL import Image

from gpu.outcomes import Looked
from gpu.pets import Photo
from gpu.profile import SDXL
from gpu.studio import segment
from gpu.studio.identity import Animal, agree
from gpu.studio.segmenter import Segmenter
from storage.files import Files
from storage.intake import Intake, Upload
from tests.bench import dogs_masks
from tests.bench.photos_worsened import COPIES, POOR
from tests.bench.results import kept, note
from tests.helpers.real_photos import DATA, DOGS, photos_of, segmenter

SEGMENTING, SIZE_PX = SDXL.segmenting, SDXL.learning.size_px
COMPOSITES, SIDE = 40, 960  # pictures, and pixels of each half
BIG = 2048  # pixels of the photos whose time is taken


@dataclass(frozen=True, slots=True)
class Shot:
    """A real photo as the stage saw it."""

    dog: str
    name: str
    image: Image.Image
    sight: segment.Sight


class Bench:
    """The photos, each seen once, and what is asked about sets of them."""

    def __init__(self, folder: Path, dogs: Sequence[str] = DOGS) -> None:
        self.folder = folder
        self.intake = Intake(Files(folder))
        (folder / "yolov8n-seg").mkdir()
        self.segmenter: Segmenter = segmenter(folder / "yolov8n-seg")
        self.shots = [self.shot(dog, path) for dog in dogs for path in photos_of(dog)]

    def shot(self, dog: str, path: Path) -> Shot:
        sight = self.see(path.read_bytes())
        with Image.open(sight.photo.path) as file:
            return Shot(dog, f"{dog}-{path.stem}", file.convert("RGB"), sight)

    def see(self, data: bytes) -> segment.Sight:
        """Through the project's own intake."""
        job_id = hashlib.sha256(data).hexdigest()[:12]
        photo: Photo = asyncio.run(self.intake.take(Upload(name="photo.jpg", data=data), job_id))
        return segment.look(self.segmenter, photo, SEGMENTING)

    def cut(self, sights: Sequence[segment.Sight]) -> Looked:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            return segment.cut_out(sights, Path(name) / "cutouts", SEGMENTING, "auto", SIZE_PX)

    def of(self, dog: str) -> list[Shot]:
        return [shot for shot in self.shots if shot.dog == dog]

    def sets(self, count: int) -> Iterator[tuple[Shot, ...]]:
        for dog in DOGS:
            yield from combinations(self.of(dog), count)


def enrolments(bench: Bench) -> dict[str, object]:
    """Photos taken when each dog's are given together, and the share of sets of which at least three are taken."""
    together = [self_taken(bench, bench.of(dog)) for dog in DOGS]
    figures: dict[str, object] = {"taken": sum(map(len, together)), "of": len(bench.shots)}
    for count in (3, 4):
        taken = [len(self_taken(bench, chosen)) for chosen in bench.sets(count)]
        figures[f"sets of {count}"] = {"sets": len(taken), "enrolled": share(one >= 3 for one in taken)}
    return figures


def self_taken(bench: Bench, shots: Sequence[Shot]) -> set[str]:
    """The photos of one dog that are cut out, if it is known as a dog; none else."""
    cut = bench.cut([shot.sight for shot in shots])
    return {cutout.photo for cutout in cut.cutouts} if cut.class_word == "dog" else set()


def composites(bench: Bench) -> dict[str, object]:
    """Each photo beside one of another dog, in the set of its own: whose mask is learnt, or why none."""
    rng, found = Random(1), Counter[str]()
    for number in range(COMPOSITES):
        shot = bench.shots[number % len(bench.shots)]
        other = rng.choice([one for one in bench.shots if one.dog != shot.dog])
        left = rng.random() < 0.5
        pair = [one.image.resize((SIDE, SIDE)) for one in ((shot, other) if left else (other, shot))]
        both = Image.new("RGB", (2 * SIDE, SIDE))
        for place, half in enumerate(pair):
            both.paste(half, (place * SIDE, 0))
        sight = bench.see(jpeg(both))
        own = [one.sight.animals for one in bench.of(shot.dog) if one is not shot]
        found[whose(agree([*own, sight.animals], "auto", SEGMENTING).pets[-1], left)] += 1
    return {"composites": COMPOSITES, **dict(found)}


def whose(pet: Animal | str, left: bool) -> str:
    if isinstance(pet, str):
        return pet
    halves = pet.mask[:, :SIDE].sum(), pet.mask[:, SIDE:].sum()
    return "right" if halves[not left] > halves[left] else "wrong"


def strangers(bench: Bench) -> dict[str, object]:
    """One photo of another dog among three to five: is it named, and are the others not?"""
    figures: dict[str, object] = {}
    for count in (3, 4, 5):
        named, own = list[bool](), list[bool]()
        for chosen in bench.sets(count):
            for other in (one for one in bench.shots if one.dog != chosen[0].dog):
                *mine, theirs = agree([one.sight.animals for one in (*chosen, other)], "auto", SEGMENTING).pets
                named.append(theirs == "other_pet")
                own += [isinstance(one, str) for one in mine]
        figures[f"among {count}"] = {"sets": len(named), "named": share(named), "own photos named": share(own)}
    return figures


def checks(bench: Bench) -> dict[str, object]:
    """Which worsened copies are named, among two good photos of the same dog; and how many good ones are."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for answers in pool.map(checks_of, DOGS):
            for kind, answer in answers:
                found[kind].append(answer)
    return {"named": {kind: share(one) for kind, one in found.items()}, "good photos named": good_named(bench)}


def checks_of(dog: str) -> list[tuple[str, bool]]:
    """Of one dog, in a process of its own: each kind of copy of each photo, and whether it was named."""
    rng, found = Random(dog), list[tuple[str, bool]]()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), (dog,))
        for shot in bench.shots:
            good = [one.sight for one in bench.shots if one is not shot][:2]
            pet = shot.sight.animals[0].mask > 127
            for kind, (word, worsen) in POOR.items():
                worse = bench.see(jpeg(worsen(shot.image, pet, rng)))
                found.append((kind, named(bench.cut([*good, worse]), worse.photo, word)))
            for kind, copied in COPIES.items():
                copy = bench.see(jpeg(copied(shot.image, pet, rng)))
                found.append((f"copy: {kind}", named(bench.cut([shot.sight, *good, copy]), copy.photo, "duplicate")))
    return found


WORSE = {"few_pixels": ("few_pixels", "too_few_pixels", "too_small"), "blurred": ("blurred",)}
"""What names a kind besides its own word."""


def named(cut: Looked, photo: Photo, word: str) -> bool:
    said = {one.what for one in cut.remarks if one.photo == photo.sha256}
    said |= {one.reason for one in cut.rejected if one.photo == photo.sha256}
    return bool(said.intersection(WORSE.get(word, (word,))))


def good_named(bench: Bench) -> dict[str, object]:
    """Of the photos as they are, all of a dog's together, those with a remark or a refusal."""
    cuts = {dog: bench.cut([shot.sight for shot in bench.of(dog)]) for dog in DOGS}
    said = [one.what for cut in cuts.values() for one in cut.remarks]
    said += [one.reason for cut in cuts.values() for one in cut.rejected]
    photos = {one.photo for cut in cuts.values() for one in (*cut.remarks, *cut.rejected)}
    return {"share": round(len(photos) / len(bench.shots), 4), "words": dict(Counter[str](said))}


def seconds(bench: Bench) -> dict[str, object]:
    """Ten photos of BIG pixels, from the files to the sheet, all that the stage does."""
    shots = [*bench.of("dog8"), *bench.of("dog2")][:10]
    photos: list[Photo] = []
    for shot in shots:
        data = jpeg(shot.image.resize((BIG, BIG), Image.Resampling.LANCZOS))
        photos.append(asyncio.run(bench.intake.take(Upload(name="photo.jpg", data=data), "b16000000000")))
    began = time.monotonic()
    sights = [segment.look(bench.segmenter, photo, SEGMENTING) for photo in photos]
    seen = time.monotonic()
    bench.cut(sights)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "photos": len(photos),
        "seconds": round(time.monotonic() - began, 2),
        "looking": round(seen - began, 2),
        "memory_gb": round(memory / 1e9, 2),
        "threads": torch.get_num_threads(),
    }


def share(answers: Iterator[bool] | Sequence[bool]) -> float:
    return round(fmean(map(bool, answers)), 4)


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92)
    return file.getvalue()


PARTS: dict[str, Callable[[Bench], dict[str, object]]] = {
    "time": seconds,  # first: the memory is the highest so far
    "enrolments": enrolments,
    "composites": composites,
    "strangers": strangers,
    "masks": lambda bench: dogs_masks.measure({one.name: one.sight.animals[0].mask for one in bench.shots}),
    "checks": checks,
}


def main() -> int:
    if not DATA.is_dir():
        print("The photos lie beside the project, and are not there: nothing is measured.")
        return 0
    chosen = sys.argv[1:] or list(PARTS)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        for part in chosen:
            began = time.monotonic()
            figures = {**PARTS[part](bench), "took_s": round(time.monotonic() - began)}
            print(part, figures, flush=True)
            note("dogs", kept_so_far() | {part: figures})
    return 0


def kept_so_far() -> dict[str, object]:
    """The figures of the other parts, which may be measured alone."""
    with suppress(FileNotFoundError):
        return {part: figures for part, figures in kept("dogs").items() if part in PARTS}
    return {}


if __name__ == "__main__":
    sys.exit(main())
