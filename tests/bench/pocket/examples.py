"""Drawings to learn reading from, and what there is to read on each.

Knows: the kennel, and how a picture looks that went through the pocket VAE. Does not know: who reads.
Examples have seeds of their own: no picture of a bench is among them.
"""

import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor

from gpu.pocket.build.common import autocast
from gpu.pocket.world.dogs import EARS, FAMILIES, PATCHES, WEAR, Dog, Shot, a_dog, a_shot
from gpu.pocket.world.kennel import SIZE, draw
from gpu.pocket.world.scenes import PLAIN, SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.profile import PROFILES
from tests.bench.pocket.truth import lab

WORN = {word.removeprefix("a "): word for word in WEAR}
HEADS: dict[str, tuple[str | int | bool, ...]] = {
    "style": tuple(MEDIA),
    "scene": (*SCENES, PLAIN),
    "dog": (False, True),
    "hand": (False, True),
    **dict.fromkeys(WORN, (False, True)),
    "family": tuple(FAMILIES),
    "ears": EARS,
    "patch": PATCHES,
    "side": (-1, 0, 1),
}
"""What is read, and the answers to choose from: first of the picture, then of the dog."""

OF_PICTURE, OF_DOG = list(HEADS)[:4], list(HEADS)[4:]
NOTHING = -100  # torch's ignore_index: there is no answer
DOGLESS = 0.1  # share of the examples
CLUTTER = {"hand": 0.3, "person": 0.1, "furniture": 0.15, "blur": 0.15}  # how often each is in the way
PAINTED = 6  # every sixth example has gone through the painter's VAE, about 25 ms each
OFF = 0.25  # noise on its latents then, at most this share of their standard deviation


@dataclass(frozen=True, slots=True)
class Examples:
    """One row a drawing."""

    images: Tensor  # [n, 3, SIZE, SIZE] bytes
    answers: Tensor  # [n, heads] numbers of answers, or NOTHING
    colours: Tensor  # [n, 6] L*a*b* of coat and of second colour
    faces: Tensor  # [n, 3] centre x, y and radius of the head, shares of the picture


def draw_examples(count: int) -> Examples:
    """Draw them in two processes: about 6 ms each on two cores."""
    with ProcessPoolExecutor(2) as pool:
        drawn = list(pool.map(_example, range(count), chunksize=32))
    taught = Examples(*(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)))
    taught.images[::PAINTED] = painted(taught.images[::PAINTED])
    return taught


def _example(number: int) -> tuple[np.ndarray, ...]:
    """A row of Examples."""
    rng = random.Random(f"lesson {number}")
    dog, shot = a_dog(rng), a_shot(rng)
    things = [thing for thing, chance in CLUTTER.items() if rng.random() < chance]
    shot = replace(shot, clutter=tuple(things))
    if rng.random() < DOGLESS:
        shot = missed(shot)
    answers = [_number(head, answer) for head, answer in truth(dog, shot).items()]
    colours = lab([dog.coat, dog.second]).astype(np.float32).ravel()
    face = np.array([shot.x, shot.y, shot.scale], np.float32)
    return pixels(draw(dog, shot).image), np.array(answers), colours, face


def missed(shot: Shot) -> Shot:
    """The same place, the dog far outside the picture."""
    return replace(shot, x=-9.0)


def truth(dog: Dog, shot: Shot) -> dict[str, str | int | bool | None]:
    """The answer of every head; None where the picture does not show one."""
    seen = shot.x > 0
    return {
        "style": shot.style,
        "scene": shot.scene if shot.style != "pop" else None,  # pop art has dots for a scene
        "dog": seen,
        "hand": "hand" in shot.clutter and shot.style != "pop",
        **{thing: word in shot.wear if seen else None for thing, word in WORN.items()},
        "family": dog.family if seen else None,
        "ears": dog.ears if seen else None,
        "patch": dog.patch if seen else None,
        "side": dog.side if seen else None,
    }


def _number(head: str, answer: str | int | bool | None) -> int:
    return NOTHING if answer is None else HEADS[head].index(answer)


def pixels(image: Image.Image) -> np.ndarray:
    """[3, SIZE, SIZE] bytes."""
    small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)
    return np.asarray(small).transpose(2, 0, 1)


@torch.no_grad()
def painted(images: Tensor) -> Tensor:
    """Bytes through the pocket VAE and back, latents slightly off as the painter's are."""
    vae = AutoencoderKL.from_pretrained(Path(PROFILES["pocket"].sdxl) / "vae", dtype=torch.float32)
    vae.to(memory_format=torch.channels_last)
    chance, done = torch.Generator().manual_seed(0), []
    for some in images.split(32):
        with autocast():
            clean = (some.float() / 127.5 - 1).to(memory_format=torch.channels_last)
            latents = vae.encode(clean).latent_dist.mean
            off = torch.randn(latents.shape, generator=chance) * torch.rand(len(some), 1, 1, 1, generator=chance)
            back = vae.decode(latents + OFF * off / vae.config.scaling_factor).sample
        done.append(((back.float() + 1) * 127.5).clamp(0, 255).byte())
    return torch.cat(done)
