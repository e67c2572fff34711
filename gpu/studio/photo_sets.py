"""What photos of one set have in common: the same photo twice, the same place, and what the set has nothing of.

Knows: fingerprints of photos, how two pictures are laid over each other. Does not know: models, which pet it is, or
what is done with a duplicate.
Two photos are laid over each other by SIFT (Lowe 2004) and a similarity that RANSAC finds, and compared there: so crops,
brighter and mirrored copies are found, too, and two looks at a dog that sat still are told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.profile import PhotoChecks
from gpu.studio.crop import Mask
from gpu.types import Lack

SIDE = 320  # pixels of the longer side that pictures are compared at
Points = tuple[NDArray[np.float32], NDArray[np.float32]]  # [n, 2] places, [n, 128] descriptors


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A photo, small: enough to tell whether another one is the same, or was taken in the same place."""

    grey: NDArray[np.uint8]  # [height, width]
    pet: Mask  # [height, width]
    colours: NDArray[np.float32]  # histogram of what is not the pet, sums to 1
    cut: bool  # the pet runs over an edge of the photo
    points: Points
    mirrored: Points  # of the mirrored picture


def fingerprint(photo: Image.Image, mask: NDArray[np.floating] | Mask) -> Fingerprint:
    """mask: [height, width] of the photo, of the pet."""
    raise NotImplementedError


def duplicates(prints: Sequence[Fingerprint], checks: PhotoChecks) -> dict[int, int]:
    """For each photo that shows the same picture as an earlier one, also mirrored or cropped: the earlier one's index."""
    raise NotImplementedError


def same_scene(prints: Sequence[Fingerprint], checks: PhotoChecks) -> dict[int, int]:
    """For each photo taken where an earlier one was, from the same point: the earlier one's index."""
    raise NotImplementedError


def lacks(prints: Sequence[Fingerprint], checks: PhotoChecks) -> tuple[Lack, ...]:
    """What the photos that can be learnt from have nothing of."""
    raise NotImplementedError
