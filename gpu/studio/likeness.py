"""How much a picture looks like the pet: DINOv2 patch features on the dog, compared with the cut-outs'.

Knows: masked embeddings and their cosine, what the pet's own photos score. Does not know: how the dog is found, or what
a score is called in words (gpu/verdicts.py).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from transformers import Dinov2Model

from gpu.pets import Cutout

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as DINOv2 was trained


@torch.no_grad()
def embed(dino: Dinov2Model, image: Image.Image, mask: Image.Image, side: int) -> Tensor:
    """The mean of the patch features on the dog, [width], of length 1. Picture and mask are resized to side x side."""
    grid = side // int(dino.config.patch_size)
    pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    x = torch.from_numpy((pixels - MEAN) / STD).permute(2, 0, 1)[None].to(dino.device, dino.dtype)
    weight = np.asarray(mask.resize((grid, grid), Image.Resampling.BOX), dtype=np.float32).flatten() / 255
    patches = dino(pixel_values=x).last_hidden_state[0, 1:].float().cpu()
    return F.normalize((patches * torch.from_numpy(weight)[:, None]).sum(0), dim=0)


@dataclass(frozen=True, slots=True)
class Look:
    """What the pet looks like."""

    mean: Tensor  # [width], of length 1, of the cut-outs' embeddings
    photos: float  # -1..1: what a cut-out scores against the others, in the mean; a portrait can hardly do better


def of_cutouts(dino: Dinov2Model, cutouts: tuple[Cutout, ...], side: int) -> Look:
    """What the cut-outs have in common, and how much that is."""
    embeddings = []
    for cutout in cutouts:
        with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
            embeddings.append(embed(dino, image, mask, side))
    return look(torch.stack(embeddings))


def look(embeddings: Tensor) -> Look:
    """Of embeddings [cut-outs, width]; each is held out in turn. One alone is like itself."""
    others = F.normalize(embeddings.sum(0) - embeddings, dim=1) if len(embeddings) > 1 else embeddings
    return Look(mean=F.normalize(embeddings.mean(0), dim=0), photos=float((others * embeddings).sum(1).mean()))


def likeness(dino: Dinov2Model, image: Image.Image, mask: Image.Image, pet: Look, side: int) -> float:
    """Cosine between the picture's dog and the pet, -1..1."""
    return float(embed(dino, image, mask, side) @ pet.mean)
