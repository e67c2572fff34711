"""Whether a portrait is nearly one of the photos that the pet was learnt from, and not a new picture of it. No torch.

Knows: how alike two cut-out pets are, pixel by pixel. Does not know: how the pet is found in a picture, or what is done
about a copy.

The measure is the structural similarity (Wang et al. 2004) of both pets, each cut out along its mask and brought to the
same size: pose, markings and light have to be the same, wherever in the picture the pet stands.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.pets import Cutout

SIDE = 64  # pixels to which a pet is brought
GREY = 127.0  # in place of what is not the pet
WINDOW = 1.5  # standard deviation of the Gaussian window, pixels
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # of the measure: where there is nothing to compare, nothing differs
COPY = 0.8
"""Of four pocket pets: another photo of the same pet has .28 to .55; a portrait .32 to .80 (96 of them, most in the
style of a photo when high); the photo itself .72 to .88 once it went through the painter's VAE, 18 of 22 from here on.
What is not found is a photo that is also brighter and turned by 3 degrees: .57 to .71."""

Floats = NDArray[np.float32]


def is_copy(picture: Image.Image, mask: Image.Image, cutouts: Sequence[Cutout]) -> bool:
    """Whether the picture's pet is that of one of these photos. `mask`: L, 255 = pet, of the picture's size."""
    return nearest(picture, mask, cutouts) >= COPY


def nearest(picture: Image.Image, mask: Image.Image, cutouts: Sequence[Cutout]) -> float:
    """How alike the picture's pet is to the nearest photo's, at most 1."""
    pet = _pet(picture, mask)
    return max(_similarity(pet, _of(cutout)) for cutout in cutouts)


def _of(cutout: Cutout) -> Floats:
    with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
        return _pet(image, mask)


def _pet(picture: Image.Image, mask: Image.Image) -> Floats:
    """The pet alone on grey, [SIDE, SIDE, 3] in 0..255."""
    whole = mask.convert("L")
    box = whole.point(lambda v: 255 * (v > 127)).getbbox() or (0, 0, *whole.size)
    how = {"size": (SIDE, SIDE), "resample": Image.Resampling.BOX, "box": box}
    pixels = np.asarray(picture.convert("RGB").resize(**how), dtype=np.float32)
    share = np.asarray(whole.resize(**how), dtype=np.float32)[..., None] / 255
    return pixels * share + GREY * (1 - share)


def _similarity(one: Floats, other: Floats) -> float:
    """The mean of the structural similarity in all windows and channels."""
    mean_one, mean_other = _blurred(one), _blurred(other)
    spread = _blurred(one * one) - mean_one**2 + _blurred(other * other) - mean_other**2
    shared = _blurred(one * other) - mean_one * mean_other
    light = (2 * mean_one * mean_other + C1) / (mean_one**2 + mean_other**2 + C1)
    return float((light * (2 * shared + C2) / (spread + C2)).mean())


def _blurred(x: Floats) -> Floats:
    return cv2.GaussianBlur(x, (0, 0), WINDOW)
