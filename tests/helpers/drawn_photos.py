"""Photos of one drawn dog with their true masks: what the photo checks are tried on without a network.

Knows: how the kennel draws them. Does not know: the checks.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image

from gpu.pocket.world.dogs import a_dog, photo_shots
from gpu.pocket.world.kennel import draw
from gpu.studio.crop import Mask

SIZE = 512  # pixels, as the demo's


@dataclass(frozen=True, slots=True)
class Drawn:
    image: Image.Image  # RGB
    pet: Mask  # [height, width]


@cache
def photo(number: int = 0, scene: str = "", x: float | None = None, seed: str = "checks") -> Drawn:
    """One of a dog's photos; in another scene than it has, or with the dog at another place, a share of the width."""
    rng = random.Random(f"drawn {seed}")
    dog = a_dog(rng)
    shot = photo_shots(rng, 6)[number]
    picture = draw(dog, replace(shot, scene=scene or shot.scene, x=shot.x if x is None else x), SIZE)
    return Drawn(picture.image, np.asarray(picture.masks[0]) > 127)


def photos(numbers: Sequence[int], seed: str = "checks") -> list[Drawn]:
    return [photo(number, seed=seed) for number in numbers]
