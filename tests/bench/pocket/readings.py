"""Readings without error, for the tests of those who judge them.

Knows: dogs, shots, what a reader says. Does not know: a reader that can err.
"""

import random

from gpu.pocket.world.dogs import Dog, Shot, a_dog, a_shot
from tests.bench.pocket.examples import WORN
from tests.bench.pocket.reader import Reading
from tests.bench.pocket.truth import lab


def right(dog: Dog, shot: Shot) -> Reading:
    """What a reader without error says."""
    coat, second = (tuple(colour) for colour in lab([dog.coat, dog.second]).tolist())
    return Reading(
        style=shot.style, scene=shot.scene, family=dog.family, ears=dog.ears, patch=dog.patch, side=dog.side,
        dog=1.0, hand=float("hand" in shot.clutter), coat=coat, second=second,
        **{thing: float(word in shot.wear) for thing, word in WORN.items()},
    )  # fmt: skip


def some(count: int = 50, style: str | None = None) -> list[tuple[Dog, Shot]]:
    rng = random.Random("reader's test")
    return [(a_dog(rng), a_shot(rng, style)) for _ in range(count)]
