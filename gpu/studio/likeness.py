"""How much a picture looks like the pet: DINOv2 patch features on the dog, compared with the cut-outs'.

Knows: masked embeddings and their cosine. Does not know: how the dog is found, or what a score is used for.
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from transformers import Dinov2Model

from gpu.types import Cutout

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


def of_cutouts(dino: Dinov2Model, cutouts: tuple[Cutout, ...], side: int) -> Tensor:
    """The mean of the cut-outs' embeddings, [width], of length 1: what the pet looks like."""
    embeddings = []
    for cutout in cutouts:
        with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
            embeddings.append(embed(dino, image, mask, side))
    return F.normalize(torch.stack(embeddings).mean(0), dim=0)


def likeness(dino: Dinov2Model, image: Image.Image, mask: Image.Image, pet: Tensor, side: int) -> float:
    """Cosine between the picture's dog and the pet, -1..1."""
    return float(embed(dino, image, mask, side) @ pet)
