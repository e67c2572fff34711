"""Whether the painter does what a caption says: style, coat family, scene and ears, read back from its pictures.

Knows: held-out captions, the drawings that they were written for, the studio's call. Does not know: adapters.
The reader errs too, so its score on pictures is divided by its own score on drawings with the same captions.
"""

import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image

from gpu.pocket.world.dogs import Dog, Shot, a_dog, a_shot
from gpu.pocket.world.kennel import Picture, draw, sheet
from gpu.portraits import Prompt
from gpu.profile import PROFILES
from gpu.segmenting import Segmenting
from gpu.studio import segment, tokens
from gpu.studio.denoise import embeddings
from gpu.studio.models import ModelPool
from gpu.studio.segmenter import Segmenter
from gpu.studio.surroundings import Surroundings
from tests.bench.pocket.reader import Reading, reader
from tests.bench.pocket.truth import share


@dataclass(frozen=True, slots=True)
class Asked:
    """A caption, the drawing that it is of, and what it says."""

    drawing: Picture
    says: dict[str, str]  # attribute -> word


def measure(folder: Path, count: int = 512) -> dict[str, object]:
    """Shares of `count` pictures that show what their captions say. Leaves the first ones in folder/painter.png."""
    read, asked = reader(folder).read, [unseen(number) for number in range(count)]
    pictures = paint(ModelPool(PROFILES["pocket"]), [Prompt(text=one.drawing.caption) for one in asked])
    sheet([pictures[at : at + 8] for at in range(0, min(count, 64), 8)]).save(folder / "painter.png")
    painted, drawn = kept(asked, read(pictures)), kept(asked, read([one.drawing.image for one in asked]))
    ratio = {name: round(painted[name] / drawn[name], 3) if drawn[name] else None for name in drawn}
    return {"count": count, "painted": painted, "drawn": drawn, "ratio": ratio}


def unseen(number: int) -> Asked:
    """A drawing and a caption that no training saw."""
    rng = random.Random(f"held out caption {number}")
    dog, shot = a_dog(rng), a_shot(rng)
    drawing = draw(dog, shot)
    return Asked(drawing, said(drawing.caption, dog, shot))


def said(caption: str, dog: Dog, shot: Shot) -> dict[str, str]:
    """Which of the attributes the caption names."""
    named = {"style": shot.style}
    if f"{dog.family} dog" in caption:
        named["family"] = dog.family
    if shot.scene in caption:
        named["scene"] = shot.scene
    if f"{dog.ears} ears" in caption:
        named["ears"] = dog.ears
    return named


def kept(asked: Sequence[Asked], readings: Sequence[Reading]) -> dict[str, float]:
    """By attribute: the share of pictures that show it, of those whose caption says it."""
    hits: dict[str, list[bool]] = {"style": [], "family": [], "scene": [], "ears": []}
    for one, reading in zip(asked, readings, strict=True):
        shown = {"style": reading.style, "family": reading.family, "scene": reading.scene, "ears": reading.ears}
        for name, word in one.says.items():
            hits[name].append(shown[name] == word)
    return {name: share(each) for name, each in hits.items()}


@torch.no_grad()
def paint(pool: ModelPool, prompts: Sequence[Prompt], seed: int = 0) -> list[Image.Image]:
    """One picture for each prompt, as the studio paints them, but with other words for each one of a batch."""
    painting, pictures = pool.profile.painting, list[Image.Image]()
    preset, (width, height) = painting.presets["normal"], painting.shapes["square"]
    names = tokens.names(pool.profile.learning.token_count)
    with pool.use("sdxl") as pipe, pool.use("yolo") as segmenter:
        look = partial(_masks, segmenter, pool.profile.segmenting)
        for at in range(0, len(prompts), painting.batch):
            some = prompts[at : at + painting.batch]
            around: Surroundings | None = None
            if preset.surroundings and names[0] in some[0].text:  # it is a pet's
                around = Surroundings(pipe, some, names, preset, look)
            with around.inside(pipe) if around else nullcontext():
                pictures += pipe(
                    **embeddings(pipe, some),
                    width=width,
                    height=height,
                    generator=[torch.Generator().manual_seed(seed + at + n) for n in range(len(some))],
                    num_inference_steps=preset.steps,
                    guidance_scale=preset.guidance,
                    callback_on_step_end=around.on_step_end if around else None,
                ).images
    return pictures


def _masks(segmenter: Segmenter, how: Segmenting, images: list[Image.Image]) -> list[Image.Image]:
    return [segment.pet_or_all(segmenter, image, how) for image in images]
