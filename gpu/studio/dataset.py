"""Cutouts -> samples: latents, soft masks and size conditions, computed once, in buckets of equal size.

Knows: aspect buckets, the VAE, what SDXL wants to know about sizes. Does not know: captions, training.
Pictures are never flipped: on which side a patch is, is part of who the dog is.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gpu.errors import NotFinite
from gpu.pets import Cutout, Rejected

MULTIPLE = 64  # bucket sides are multiples of this, in pixels
ASPECTS = (0.5, 2.0)  # the narrowest and the widest bucket
AREA_SLACK = 0.1  # a bucket's area may differ this much from the profile's square


Window = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels of a cut-out."""


@dataclass(frozen=True, slots=True)
class Sample:
    latents: Tensor  # [channels, height, width], scaled as the UNet sees them, fp32
    mask: Tensor  # [1, height, width], 1 = dog, soft
    sizes: Tensor  # [6]: original height, width, crop top, left, target height, width
    photo: str = ""  # sha256 of the one it comes from

    @property
    def bucket(self) -> torch.Size:
        return self.latents.shape


def buckets(size_px: int) -> list[tuple[int, int]]:
    """(width, height) of about size_px squared pixels, from narrow to wide."""
    found = []
    for width in range(MULTIPLE, 4 * size_px, MULTIPLE):
        height = round(size_px**2 / width / MULTIPLE) * MULTIPLE
        fits = height and ASPECTS[0] <= width / height <= ASPECTS[1]
        if fits and abs(width * height / size_px**2 - 1) <= AREA_SLACK:
            found.append((width, height))
    return found


def nearest(width: int, height: int, size_px: int) -> tuple[int, int]:
    """The bucket with the aspect nearest to the picture's."""
    return min(buckets(size_px), key=lambda side: abs(math.log(side[0] / side[1] * height / width)))


def crop_window(pet: NDArray[np.bool_], side: tuple[int, int]) -> Window:
    """Left, top, right, bottom of what is learnt of a cut-out: of the bucket's aspect, with all of the pet in it.

    pet: [height, width]. The window reaches over the edges where the pet does not fit otherwise.
    """
    height, width = pet.shape
    rows, columns = np.flatnonzero(pet.any(1)), np.flatnonzero(pet.any(0))
    scale = min(width / side[0], height / side[1])  # pixels of the cut-out for one of the bucket
    needed = max((columns[-1] + 1 - columns[0]) / side[0], (rows[-1] + 1 - rows[0]) / side[1])
    scale = max(scale, needed)
    left = _start(columns[0], columns[-1] + 1, scale * side[0], width)
    top = _start(rows[0], rows[-1] + 1, scale * side[1], height)
    return left, top, left + round(scale * side[0]), top + round(scale * side[1])


def _start(first: int, last: int, length: float, whole: int) -> int:
    """Where a window of that length begins: about the middle of what there is, with all of first..last in it."""
    middle = (whole - length) / 2
    return round(min(max(middle, last - length), first))


def _fitted(
    pixels: NDArray[np.uint8], window: Window, side: tuple[int, int], beyond: Literal["edge", "constant"]
) -> Image.Image:
    """The window of a picture, in the bucket's size; beyond the picture its outermost pixels go on, or nothing is."""
    left, top, right, bottom = window
    height, width = pixels.shape[:2]
    above, before = max(0, -top), max(0, -left)
    over = (above, max(0, bottom - height)), (before, max(0, right - width)), (0, 0)
    padded = Image.fromarray(np.pad(pixels, over[: pixels.ndim], mode=beyond))
    box = (left + before, top + above, right + before, bottom + above)
    return padded.resize(side, Image.Resampling.LANCZOS, box=box)


def _offset(window: Window, side: tuple[int, int]) -> tuple[int, int]:
    """Top and left of the crop, in pixels of the bucket, as SDXL is told of what was cut off."""
    scale = side[0] / (window[2] - window[0])
    return max(0, round(window[1] * scale)), max(0, round(window[0] * scale))


@torch.no_grad()
def samples(pipe: StableDiffusionXLPipeline, cutouts: tuple[Cutout, ...], size_px: int) -> list[Sample]:
    """One sample for each cutout. Raises NotFinite, with the photo, where one has nothing to learn from."""
    return [_sample(pipe, cutout, size_px) for cutout in cutouts]


def _sample(pipe: StableDiffusionXLPipeline, cutout: Cutout, size_px: int) -> Sample:
    with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
        side, pet = nearest(*image.size, size_px), np.asarray(mask) > 127
        if not pet.any():
            raise _nothing_in(cutout, "an empty mask")
        window = crop_window(pet, side)
        fitted = _fitted(np.asarray(image.convert("RGB")), window, side, "edge")
        soft = _fitted(np.asarray(mask.convert("L")), window, side, "constant")
        # An enlarged crop tells its true size: SDXL knows what blur that means. A shrunk one is as sharp as any.
        known = (min(image.height, side[1]), min(image.width, side[0]))
    pixels = torch.from_numpy(np.asarray(fitted, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    vae = pipe.vae
    latents = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mean[0].float() * vae.config.scaling_factor
    if not latents.isfinite().all():
        raise _nothing_in(cutout, "the VAE gave no numbers")
    shares = np.asarray(soft.resize((latents.shape[2], latents.shape[1]), Image.Resampling.BOX), dtype=np.float32) / 255
    weights = _weights(shares)
    if not weights.any():
        raise _nothing_in(cutout, "no latent is half pet")
    return Sample(
        latents=latents.cpu(),
        mask=torch.from_numpy(weights)[None],
        sizes=torch.tensor([*known, *_offset(window, side), side[1], side[0]], dtype=torch.float32),
        photo=cutout.photo,
    )


def _weights(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each latent counts, by how much of what lies under it is pet: nothing below a half.

    A latent at the pet's edge also shows what lies beside it, so a hand that holds the pet would be learnt with it.
    """
    return np.clip(2 * shares - 1, 0, 1)


def _nothing_in(cutout: Cutout, why: str) -> NotFinite:
    return NotFinite(f"{cutout.image.name}: {why}", rejected=(Rejected(photo=cutout.photo, reason="not_finite"),))
