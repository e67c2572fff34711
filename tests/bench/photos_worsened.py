"""Good photos, made worse in ways that are known: what tests/bench/dogs.py asks the photo checks about.

Knows: how a picture is blurred, darkened, cut off, hidden, copied and turned. Does not know: the checks.
Every copy goes through JPEG once more, as a photo does that a person edits and sends.
"""

import io
from collections.abc import Callable
from random import Random

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps

from gpu.studio.crop import Mask

QUALITY = 90  # of a JPEG
BAR = (0.08, 0.15)  # widths of a bar, of the photo's
MOTION_PX = 15  # of a shaken photo

Worsen = Callable[[Image.Image, Mask, Random], Image.Image]


def recompressed(image: Image.Image, quality: int = QUALITY) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _blurred(sigma: float) -> Worsen:
    return lambda image, pet, rng: image.filter(ImageFilter.GaussianBlur(sigma))


def _shaken(image: Image.Image, pet: Mask, rng: Random) -> Image.Image:
    """Moved along a straight line while it was taken."""
    line = np.zeros((MOTION_PX, MOTION_PX), np.float32)
    line[MOTION_PX // 2] = 1
    turn = cv2.getRotationMatrix2D((MOTION_PX // 2, MOTION_PX // 2), rng.uniform(0, 180), 1)
    line = cv2.warpAffine(line, turn, line.shape)
    return Image.fromarray(cv2.filter2D(np.asarray(image), -1, line / line.sum()))


def _lit(times: float) -> Worsen:
    return lambda image, pet, rng: image.point(lambda value: min(255, round(value * times)))


def _beheaded(image: Image.Image, pet: Mask, rng: Random) -> Image.Image:
    """Without the upper third of the pet."""
    rows = np.flatnonzero(pet.any(1))
    return image.crop((0, int(rows[0] + 0.33 * (rows[-1] - rows[0])), *image.size))


def _barred(image: Image.Image, pet: Mask, rng: Random) -> Image.Image:
    """A round post from top to bottom, a little tilted, in front of the middle of the pet."""
    columns = np.flatnonzero(pet.any(0))
    centre = columns[0] + rng.uniform(0.35, 0.65) * (columns[-1] - columns[0])
    width, tilt = rng.uniform(*BAR) * image.width, rng.uniform(-0.03, 0.03)
    y, x = np.mgrid[: image.height, : image.width]
    across = (x - centre - tilt * (y - image.height / 2)) / (width / 2)  # -1..1 on the post
    colour = np.array([rng.uniform(30, 220) for _ in range(3)]) * 0.3 + rng.uniform(30, 200) * 0.7
    shade = np.sqrt(np.clip(1 - across**2, 0.1, 1))[..., None]
    grain = np.random.default_rng(rng.randrange(1 << 30)).normal(0, 4, (image.height, image.width, 1))
    post = np.clip(colour * (0.5 + 0.5 * shade) + grain, 0, 255)
    alpha = np.clip((1 - np.abs(across)) * width / 4, 0, 1)[..., None]
    return Image.fromarray((np.asarray(image) * (1 - alpha) + post * alpha).astype(np.uint8))


def _tiny(image: Image.Image, pet: Mask, rng: Random) -> Image.Image:
    return ImageOps.contain(image, (160, 160), Image.Resampling.LANCZOS)


def _turned(degrees: int) -> Worsen:
    return lambda image, pet, rng: image.rotate(degrees, expand=True)


def _cropped(share: float) -> Worsen:
    """Without this share of the width and the height, taken from all sides."""

    def crop(image: Image.Image, pet: Mask, rng: Random) -> Image.Image:
        width, height = (1 - share) * image.width, (1 - share) * image.height
        left, top = rng.uniform(0, share) * image.width, rng.uniform(0, share) * image.height
        return image.crop((round(left), round(top), round(left + width), round(top + height)))

    return crop


POOR: dict[str, tuple[str, Worsen]] = {
    "blur, sigma 2": ("blurred", _blurred(2)),
    "blur, sigma 4": ("blurred", _blurred(4)),
    "motion blur": ("blurred", _shaken),
    "1/4 of the light": ("too_dark", _lit(1 / 4)),
    "1/8 of the light": ("too_dark", _lit(1 / 8)),
    "2.5 times the light": ("too_bright", _lit(2.5)),
    "head cut off": ("head_cut_off", _beheaded),
    "bar in front": ("covered", _barred),
    "160 px": ("few_pixels", _tiny),
    "turned by 90": ("sideways", _turned(90)),
    "turned by 180": ("sideways", _turned(180)),
    "turned by 270": ("sideways", _turned(270)),
}
"""What is done to a photo, and the remark that it must get."""

COPIES: dict[str, Worsen] = {
    "recompressed": lambda image, pet, rng: recompressed(image, 40),
    "half size": lambda image, pet, rng: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "brighter": _lit(1.3),
    "cropped by 5 %": _cropped(0.05),
    "cropped by 10 %": _cropped(0.10),
    "mirrored": lambda image, pet, rng: ImageOps.mirror(image),
    "mirrored, brighter, cropped by 5 %": lambda image, pet, rng: _lit(1.3)(
        _cropped(0.05)(ImageOps.mirror(image), pet, rng), pet, rng
    ),
}
"""The same photo once more."""
