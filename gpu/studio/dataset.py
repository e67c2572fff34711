"""Cutouts -> samples: latents, soft masks and size conditions, computed once, in buckets of equal size.

Knows: aspect buckets, the VAE, what SDXL wants to know about sizes. Does not know: captions, training.
Pictures are never flipped: on which side a patch is, is part of who the dog is.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image, ImageOps
from torch import Tensor

from gpu.types import Cutout

MULTIPLE = 64  # bucket sides are multiples of this, in pixels
ASPECTS = (0.5, 2.0)  # the narrowest and the widest bucket
AREA_SLACK = 0.1  # a bucket's area may differ this much from the profile's square


@dataclass(frozen=True, slots=True)
class Sample:
    latents: Tensor  # [channels, height, width], scaled as the UNet sees them, fp32
    mask: Tensor  # [1, height, width], 1 = dog, soft
    sizes: Tensor  # [6]: original height, width, crop top, left, target height, width

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


@torch.no_grad()
def samples(pipe: StableDiffusionXLPipeline, cutouts: tuple[Cutout, ...], size_px: int) -> list[Sample]:
    """One sample for each cutout."""
    return [_sample(pipe, cutout, size_px) for cutout in cutouts]


def _sample(pipe: StableDiffusionXLPipeline, cutout: Cutout, size_px: int) -> Sample:
    with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
        side = nearest(*image.size, size_px)
        fitted = ImageOps.fit(image.convert("RGB"), side, Image.Resampling.LANCZOS)
        soft = ImageOps.fit(mask, side, Image.Resampling.LANCZOS)
        # An enlarged crop tells its true size: SDXL knows what blur that means. A shrunk one is as sharp as any.
        known = (min(image.height, side[1]), min(image.width, side[0]))
    pixels = torch.from_numpy(np.asarray(fitted, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    vae = pipe.vae
    latents = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mean[0].float() * vae.config.scaling_factor
    weights = soft.resize((latents.shape[2], latents.shape[1]), Image.Resampling.BOX)
    return Sample(
        latents=latents.cpu(),
        mask=torch.from_numpy(np.asarray(weights, dtype=np.float32) / 255)[None],
        sizes=torch.tensor([*known, 0, 0, side[1], side[0]], dtype=torch.float32),
    )
