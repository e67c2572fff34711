"""What the methods' pictures show, summed up: a row for each method, each figure with its standard error over dogs.

Knows: the reader, what was asked for, what counts as kept. Does not know: how a dog was learnt.
"""

import json
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

from PIL import Image

from gpu.pocket.world.dogs import Dog
from tests.bench.ablation import trial
from tests.bench.pocket import leak
from tests.bench.pocket.enrolment import SHOWING, unseen
from tests.bench.pocket.obeyed import SCENELESS, Asked, drawing, worn
from tests.bench.pocket.reader import Reader, Reading
from tests.bench.pocket.truth import judge

Figures = dict[str, float]


def of_dog(eyes: Reader, folder: Path, method: str, number: int) -> Figures:
    """One method and one dog: shares of pictures, and CPU seconds that the learning took."""
    painted = dict(trial.images(folder, method, number))
    found = _shown(eyes, number, painted["shown"])
    found["seconds"] = json.loads(trial.path(folder, method, number).read_text())["learning_cpu_s"]
    if "leaked" in painted:
        found["leak"] = fmean(leak.leaks(reading) for reading in eyes.read(painted["leaked"]))
    return found


def of_drawings(eyes: Reader, number: int) -> Figures:
    """What the reader makes of drawings of the same dog by the same words: nothing painted will show it more."""
    dog, asked = unseen(number)[0], trial.asked(number)
    return _shown(eyes, number, [drawing(dog, one, at) for at, one in enumerate(asked)])


def _shown(eyes: Reader, number: int, images: Sequence[Image.Image]) -> Figures:
    pairs = list(zip(trial.asked(number), eyes.read(images), strict=True))
    marks, words = _marks(unseen(number)[0], pairs), fmean(_obeyed(*pair) for pair in pairs)
    wearing = fmean(worn(reading).issuperset(one.worn) for one, reading in pairs if one.worn)
    mean = fmean(marks.values())
    return {**marks, "marks": mean, "words": words, "both": mean * words, "worn": wearing}


def _marks(dog: Dog, pairs: Sequence[tuple[Asked, Reading]]) -> Figures:
    """Of the dog's own: a patch is looked for in every style, a colour in those whose drawings show it."""
    seen = [(one.style, judge(reading, dog)) for one, reading in pairs]
    coloured = [verdict for style, verdict in seen if style in SHOWING]
    return {
        "coat": fmean(one.coat for one in coloured),
        "patch": fmean(verdict.patch for _, verdict in seen),
        "second": fmean(one.second for one in coloured),
    }


def _obeyed(asked: Asked, reading: Reading) -> float:
    """The share of its words, style and place, that a picture shows."""
    said = [reading.style == asked.style]
    if asked.style != SCENELESS:
        said.append(reading.scene == asked.scene)
    return fmean(said)


def row(dogs: Sequence[Figures]) -> dict[str, object]:
    """Means over the dogs of which there is a figure, and their standard errors."""
    names = dict.fromkeys(name for dog in dogs for name in dog)
    return {"dogs": len(dogs), **{name: _with_error([dog[name] for dog in dogs if name in dog]) for name in names}}


def _with_error(each: Sequence[float]) -> list[float]:
    error = stdev(each) / sqrt(len(each)) if len(each) > 1 else 0.0
    return [round(fmean(each), 3), round(error, 3)]


def better(one: Sequence[Figures], other: Sequence[Figures]) -> list[float]:
    """By how much marks x words of one method surpass another's, dog by dog, and the standard error of that."""
    return _with_error([mine["both"] - theirs["both"] for mine, theirs in zip(one, other, strict=False)])
