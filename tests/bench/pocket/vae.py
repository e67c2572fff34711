"""How well the painter's autoencoder gives unseen pictures back, style by style.

Knows: drawings with their masks, PSNR, colour error. Does not know: captions, the UNet.
Colour error is CIE 1976 dE*ab, pixel by pixel, mean over the dog: lost edges and lost grain count too. A photo's grain
alone makes 2.7. Beside it stands the dE of the dog's mean colour, which forgives a lost edge and shows a lost hue.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from numpy.typing import NDArray
from PIL import Image

from gpu.pocket.world.dogs import a_dog, a_shot
from gpu.pocket.world.kennel import Picture, draw, sheet
from gpu.pocket.world.styling import MEDIA
from gpu.profile import PROFILES
from gpu.studio.models import ModelPool
from tests.bench.pocket.truth import delta_e, lab

Pixels = NDArray[np.uint8]  # (h, w, 3)
Mask = NDArray[np.bool_]  # (h, w)


def measure(folder: Path, count: int = 500) -> dict[str, object]:
    """PSNR in dB and dE inside the dog for `count` pictures, as many in each style. Leaves folder/vae.png."""
    pool, rows = ModelPool(PROFILES["pocket"]), list[list[Image.Image]]()
    styles: dict[str, dict[str, float]] = {}
    with pool.use("sdxl") as pipe:
        for style in MEDIA:
            real = [unseen(style, number) for number in range(count // len(MEDIA))]
            back = [there_and_back(pipe, picture.image) for picture in real]
            styles[style] = figures(real, back)
            rows.append([image for p, b in zip(real[:4], back, strict=False) for image in (p.image, b)])
    sheet(rows).save(folder / "vae.png")
    return {"count": count, "styles": styles}


def unseen(style: str, number: int) -> Picture:
    """A picture that no training drew: those have other seeds."""
    rng = random.Random(f"held out vae {style} {number}")
    return draw(a_dog(rng), a_shot(rng, style))


@torch.no_grad()
def there_and_back(pipe: StableDiffusionXLPipeline, image: Image.Image) -> Image.Image:
    """Encoded as gpu/studio/dataset.py does, decoded as gpu/studio/generate.py does, in the profile's precision."""
    pixels = torch.from_numpy(np.asarray(image, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    latents = pipe.vae.encode(pixels.to(pipe.vae.device, pipe.vae.dtype)).latent_dist.mean
    return pipe.image_processor.postprocess(pipe.vae.decode(latents).sample, output_type="pil")[0]


def figures(real: Sequence[Picture], back: Sequence[Image.Image]) -> dict[str, float]:
    """Means over pictures."""
    pairs = [
        (np.asarray(p.image), np.asarray(b), np.asarray(p.masks[0]) > 127) for p, b in zip(real, back, strict=True)
    ]
    return {
        "psnr_db": round(fmean(psnr(a, b) for a, b, _ in pairs), 2),
        "de": round(fmean(colour_error(a, b, dog) for a, b, dog in pairs), 2),
        "de_of_mean": round(fmean(mean_colour_error(a, b, dog) for a, b, dog in pairs), 2),
    }


def psnr(real: Pixels, back: Pixels) -> float:
    """dB; infinite for equal pictures."""
    error = np.square(real.astype(np.float64) - back).mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


def colour_error(real: Pixels, back: Pixels, dog: Mask) -> float:
    """Mean dE*ab over the dog's pixels."""
    return float(delta_e(lab(real), lab(back))[dog].mean())


def mean_colour_error(real: Pixels, back: Pixels, dog: Mask) -> float:
    """dE*ab between the dog's mean colours."""
    return float(delta_e(lab(real)[dog].mean(0), lab(back)[dog].mean(0)))
