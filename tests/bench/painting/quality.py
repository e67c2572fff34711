"""Draft, normal and fine of one dog: seconds for one picture and its likeness; then recipes, painted exactly again.

Knows: presets, shapes, recipes. Does not know: Discord; the bot is left out. The presets take turns, so that whatever
else the machine does meanwhile slows all of them down alike. "today" is what was painted before there were presets: the
normal steps, and no choice among what fills the batch.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import Any

from PIL import Image

from gpu.jobs import Paint, PaintOptions
from gpu.portraits import PORTRAIT, Portrait, Wish
from gpu.studio.studio import Studio, build
from tests.bench.bars import Bar
from tests.bench.pocket.enrolment import POCKET, job, quiet, unseen

ROUNDS = 12
AGAIN = 100  # recipes
EACH = 4  # pictures of a job, which are one batch
PLACES = ("on a beach", "in the snow", "in a forest", "in the desert")
STYLES = ("photo", "watercolour", "oil", "comic")

BARS = (
    Bar("seconds.draft", "<=", 1 / 3, over="seconds.today"),
    Bar("likeness.draft", ">=", 1.0, over="likeness.today"),
    Bar("fine_adds", "<=", 8.0),
    Bar("same_pixels", "==", AGAIN),
)


def measure() -> dict[str, Any]:
    """The figures of this part."""
    with tempfile.TemporaryDirectory() as name:
        studio, enrol = build(POCKET), asyncio.run(job(Path(name), unseen(0)[1]))
        pet = studio.enroll(enrol, quiet)
        asked = Paint(
            job_id=enrol.job_id, folder=enrol.folder, adapter=pet.adapter, cutouts=pet.cutouts, wish=Wish(style=""),
            seeds=(),
        )  # fmt: skip
        return _presets(studio, asked) | _again(studio, asked)


def _presets(studio: Studio, asked: Paint) -> dict[str, Any]:
    presets = POCKET.painting.presets
    ways = {"today": PaintOptions(preset=presets["normal"])}
    ways |= {name: PaintOptions(preset=preset, choose=True) for name, preset in presets.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    likeness: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-1, ROUNDS):  # the first round warms up
        for name, options in ways.items():
            began = time.monotonic()
            [portrait] = studio.paint(_wish(asked, number, options), quiet).portraits
            if number >= 0:
                seconds[name].append(time.monotonic() - began)
                likeness[name].append(portrait.likeness)
    took = {name: round(median(each), 2) for name, each in seconds.items()}
    return {
        "rounds": ROUNDS,
        "seconds": took,
        "likeness": {name: round(mean(each), 3) for name, each in likeness.items()},
        "fine_adds": round((took["fine"] - took["normal"]) / took["draft"], 2),
    }


def _wish(asked: Paint, number: int, options: PaintOptions) -> Paint:
    style, place = STYLES[number % len(STYLES)], PLACES[number // len(STYLES) % len(PLACES)]
    return replace(asked, wish=Wish(style=style, text=place), seeds=(1000 * (number + 2),), options=options)


def _again(studio: Studio, asked: Paint) -> dict[str, int]:
    """Recipes as rows keep them, painted again in another order by a studio that has just begun."""
    recipes = [
        (_older(one) if paint.options == PaintOptions() else PORTRAIT.dump_json(one), _pixels(one))
        for paint in _jobs(asked)
        for one in studio.paint(paint, quiet).portraits
    ]
    other = build(POCKET)
    random.Random(1).shuffle(recipes)
    same = sum(_pixels(_repaint(other, asked, PORTRAIT.validate_json(kept))) == pixels for kept, pixels in recipes)
    older = sum(b"preset" not in kept for kept, _ in recipes)
    return {"recipes": len(recipes), "of_them_older": older, "same_pixels": same}


def _older(recipe: Portrait) -> bytes:
    """As a version kept it that knew no presets, shapes and variations."""
    return PORTRAIT.dump_json(recipe, exclude={"preset", "size", "around", "parent", "agreement"})


def _jobs(asked: Paint) -> Iterator[Paint]:
    """Every fourth as an older version would have asked for it."""
    draft, shapes = POCKET.painting.presets["draft"], list(POCKET.painting.shapes.values())
    for number in range(AGAIN // EACH):
        options = PaintOptions() if number % 4 == 0 else PaintOptions(preset=draft, size=shapes[number % 4])
        if number % 4 == 2:
            options = replace(options, around=((number, 0.3),))
        paint = _wish(asked, number, options)
        yield replace(paint, seeds=tuple(range(number * EACH, (number + 1) * EACH)))


def _repaint(studio: Studio, asked: Paint, recipe: Portrait) -> Portrait:
    options = PaintOptions(preset=recipe.preset, size=recipe.size, batch=recipe.batch, around=recipe.around)
    folder = asked.folder / "again"
    ask = replace(asked, folder=folder, prompt=recipe.prompt, seeds=(recipe.seed,), options=options)
    [portrait] = studio.paint(ask, quiet).portraits
    return portrait


def _pixels(portrait: Portrait) -> bytes:
    with Image.open(portrait.path) as picture:
        return picture.tobytes()
