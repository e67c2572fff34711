"""How well the reader reads what needs no painter: drawings that it has not seen, style by style.

Knows: held-out drawings, their truth, and dogs that they do not show. Does not know: painted pictures. No figure of a
painter can be trusted closer than these; where a style hides a colour from everybody, it shows here.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

from PIL import Image

from gpu.pocket.world.dogs import Dog, Shot, a_dog, a_shot
from gpu.pocket.world.kennel import draw
from gpu.pocket.world.styling import MEDIA
from tests.bench.pocket.examples import WORN, missed, truth
from tests.bench.pocket.reader import Reading, reader
from tests.bench.pocket.truth import NEAR, delta_e, judge, lab, share, shares

Unseen = tuple[Dog, Shot, Image.Image]

CLAIMS = ("coat", "second", "patch", "side")
SURE = ("dog", "hand", *WORN)  # of these a reading tells the chance
PLAINLY_OFF = 2 * NEAR  # dE from which a colour is plainly another


def measure(folder: Path, count: int = 500) -> dict[str, object]:
    """Shares read rightly, and the median dE of both colours, of `count` drawings, as many in each style.

    `taken_in`: shares of wrong dogs that would pass for the one that is drawn.
    """
    eyes, styles = reader(folder), dict[str, dict[str, float]]()
    passed: dict[str, list[bool]] = {name: [] for name in CLAIMS}
    for style in MEDIA:
        seen = [unseen(style, number) for number in range(count // len(MEDIA))]
        readings = eyes.read([image for _, _, image in seen])
        styles[style] = figures(seen, readings)
        for claim, believed in false_claims(seen, readings):
            passed[claim].append(believed)
    return {"count": count, "styles": styles, "taken_in": {claim: share(each) for claim, each in passed.items()}}


def unseen(style: str, number: int) -> Unseen:
    """A drawing that is none of the examples: every fourth with a hand, every eighth without a dog."""
    rng = random.Random(f"held out drawing {style} {number}")
    dog, shot = a_dog(rng), a_shot(rng, style)
    shot = replace(shot, clutter=("hand",) if number % 4 == 0 else ())
    shot = missed(shot) if number % 8 == 7 else shot
    return dog, shot, draw(dog, shot).image


def figures(seen: Sequence[Unseen], readings: Sequence[Reading]) -> dict[str, float]:
    """The figures of one style. What none of its drawings shows is left out."""
    hits: dict[str, list[bool]] = {}
    for (dog, shot, _), reading in zip(seen, readings, strict=True):
        said = asdict(reading)
        said |= {head: said[head] > 0.5 for head in SURE}
        for head, answer in truth(dog, shot).items():
            if answer is not None:
                hits.setdefault(head, []).append(said[head] == answer)
    found = shown(seen, readings)
    return {
        **{head: share(each) for head, each in hits.items()},
        **shares([judge(reading, dog) for dog, reading in found]),
        "coat_de": round(median(float(delta_e(reading.coat, lab(dog.coat))) for dog, reading in found), 1),
        "second_de": round(median(float(delta_e(reading.second, lab(dog.second))) for dog, reading in found), 1),
    }


def false_claims(seen: Sequence[Unseen], readings: Sequence[Reading]) -> Iterator[tuple[str, bool]]:
    """Judge each drawing as the next dog's, or as its own dog mirrored: which part is wrong, and if it passes."""
    found = shown(seen, readings)
    for (dog, reading), (other, _) in zip(found, [*found[1:], found[0]], strict=True):
        passed = judge(reading, other)
        if delta_e(lab(dog.coat), lab(other.coat)) > PLAINLY_OFF:
            yield "coat", passed.coat
        if delta_e(lab(dog.second), lab(other.second)) > PLAINLY_OFF:
            yield "second", passed.second
        if dog.patch != other.patch:
            yield "patch", passed.patch
        if dog.side:
            yield "side", judge(reading, replace(dog, side=-dog.side)).patch


def shown(seen: Sequence[Unseen], readings: Sequence[Reading]) -> list[tuple[Dog, Reading]]:
    """Those drawings that show a dog."""
    return [(dog, reading) for (dog, shot, _), reading in zip(seen, readings, strict=True) if truth(dog, shot)["dog"]]
