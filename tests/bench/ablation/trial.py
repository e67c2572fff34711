"""One method learns one dog and paints it; what it took, and the pictures, are kept in a folder.

Knows: the studio, unseen dogs, what is asked for. Does not know: what is in the pictures. A trial that is there is not
made again, and what methods of the same learning share is learnt once.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

from gpu.durable import whole
from gpu.learning import Learning
from gpu.outcomes import Enrolled
from gpu.pocket.world.dogs import WEAR
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Preset
from gpu.studio.generate import pet_pipeline
from gpu.studio.studio import Studio, build
from tests.bench.ablation.methods import METHODS
from tests.bench.pocket import leak, painter
from tests.bench.pocket.__main__ import weights
from tests.bench.pocket.enrolment import POCKET, unseen
from tests.bench.pocket.obeyed import Asked
from tests.bench.pocket.pets import kept

PROMPTS, LEAKS = 26, 20  # pictures of a dog
LEAKING = (6, 7)  # dogs whose photos share a room and a hand; that takes another enrolment, so they come last


def asked(dog: int, count: int = PROMPTS) -> list[Asked]:
    """Styles in turn, places by chance, and with every other one a thing that is worn."""
    rng, things = random.Random(f"held out ablation {dog}"), cycle([(one,) for one in WEAR])
    styles = cycle(MEDIA)
    return [Asked(next(styles), rng.choice(SCENES), next(things) if at % 2 else ()) for at in range(count)]


def path(folder: Path, method: str, dog: int) -> Path:
    return folder / f"{method.replace(' ', '-').replace(',', '')}-{dog}.json"


def run(folder: Path, until: float, what: tuple[str, int]) -> str:
    """One trial in a process of its own, if there is time for it; what to say about it."""
    method, dog = what
    if time.time() > until:
        return f"{method}, dog {dog}: no time left"
    make(folder, method, METHODS[method], dog)
    return f"{method}, dog {dog}"


def make(folder: Path, method: str, learning: Learning, dog: int) -> None:
    """Learn and paint, unless it is done. The class pictures of a method are painted once, and not counted."""
    file = path(folder, method, dog)
    if file.is_file():
        return
    studio, here = build(replace(POCKET, learning=learning, cache=str(folder / "cache"))), folder / "pets"
    pet, seconds = kept(studio, here / f"{digest(learning)}-{dog}", unseen(dog)[1])
    painted = {"shown": pictures(studio, pet, asked(dog))}
    if dog in LEAKING:
        pet, _ = kept(studio, here / f"{digest(learning)}-leak-{dog}", leak.unseen(dog)[1])
        painted["leaked"] = pictures(studio, pet, [Asked("photo", leak.ELSEWHERE)] * LEAKS)
    np.savez_compressed(file.with_suffix(".npz"), **painted)
    with whole(file) as fresh:
        fresh.write_text(json.dumps({"learning_cpu_s": seconds}))


def digest(learning: Learning, *painting: Preset) -> str:
    """What a pet is of: how is learnt, and the weights that learn; of a trial also how is painted."""
    how = json.dumps([asdict(one) for one in (learning, *painting)], sort_keys=True)
    return sha256(f"{how} {weights('painter')}".encode()).hexdigest()[:8]


def pictures(studio: Studio, pet: Enrolled, some: Sequence[Asked]) -> np.ndarray:
    """One picture for each, [pictures, height, width, 3]."""
    name = " ".join(pet.adapter.tokens)
    with pet_pipeline(studio.pool, pet.adapter):
        painted = painter.paint(studio.pool, [one.prompt(name) for one in some])
    return np.stack([np.asarray(one) for one in painted])


def images(folder: Path, method: str, dog: int) -> Iterator[tuple[str, list[Image.Image]]]:
    """`shown`: of the prompts; of some dogs `leaked`: those in which something of the photos may leak."""
    with np.load(path(folder, method, dog).with_suffix(".npz")) as there:
        yield from ((name, [Image.fromarray(one) for one in some]) for name, some in there.items())
