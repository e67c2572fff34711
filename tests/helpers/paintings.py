"""Painting one job in a test: with some options, and again from the recipe of what was painted."""

from dataclasses import replace

from PIL import Image

from gpu.jobs import Paint, PaintOptions
from gpu.outcomes import Report
from gpu.portraits import Portrait, Prompt
from gpu.studio.painter import Painter

PROMPT = Prompt(text="a photo of <s0> <s1> dog, in a park", negative="a pencil sketch")
LORA = "pytorch_lora_weights"  # the few-step LoRA's file


def quiet(_: object) -> None:
    """A report that nobody reads."""


def paint(painter: Painter, job: Paint, report: Report = quiet, **options: object) -> tuple[Portrait, ...]:
    return painter.paint(replace(job, options=replace(job.options, **options)), report)


def again(painter: Painter, job: Paint, portrait: Portrait) -> Portrait:
    (one,) = painter.paint(
        replace(job, folder=job.folder / "again", seeds=(portrait.seed,), options=recipe(portrait)), quiet
    )
    return one


def recipe(portrait: Portrait) -> PaintOptions:
    """As "exactly the same again" takes it from a recipe (cogs/shared/rerolls.py)."""
    kept = {name: getattr(portrait, name) for name in ("preset", "size", "batch", "around", "placed")}
    return PaintOptions(**kept)


def pixels(portrait: Portrait) -> bytes:
    return Image.open(portrait.path).tobytes()
