# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportGeneralTypeIssues=false, reportOperatorIssue=false
"""Teaches a small Dinov2Model that the same dog in two pictures is near and two dogs are far.

Knows: pairs of pictures of one dog, and their masks. Does not know: the painter.
Contrast of pairs (InfoNCE, van den Oord et al. 2018) on the masked mean of the patches, as in gpu/likeness.py.
"""

import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from transformers import Dinov2Config, Dinov2Model

from gpu.likeness import MEAN, STD
from gpu.pocket.build_common import Log, cosine
from gpu.pocket.kennel import a_dog, a_shot, draw

SIDE, PATCH, DOGS = 112, 14, 48


def new_dino() -> Dinov2Model:
    return Dinov2Model(
        Dinov2Config(
            hidden_size=96, num_hidden_layers=5, num_attention_heads=3, mlp_ratio=3, image_size=SIDE, patch_size=PATCH
        )
    )


def _pair(key: str) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures of one dog (2, SIDE, SIDE, 3) and their masks on the patch grid (2, g, g)."""
    rng = random.Random(key)
    dog, images, masks = a_dog(rng), [], []
    for style in ("photo", None):
        picture = draw(dog, a_shot(rng, style))
        box = picture.masks[0].getbbox()
        image, mask = (x.crop(_square(box, x.size[0], rng)) for x in (picture.image, picture.masks[0]))
        images.append(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
        masks.append(np.asarray(mask.resize((SIDE // PATCH,) * 2, Image.Resampling.BOX)))
    return np.stack(images), np.stack(masks)


def _square(box: tuple[int, int, int, int], size: int, rng: random.Random) -> tuple[int, int, int, int]:
    """Around the box, up to the whole picture: portraits are scored whole, cut-outs are crops."""
    grow = rng.uniform(0, 1)
    left, top, right, bottom = (round(b * (1 - grow) + e * grow) for b, e in zip(box, (0, 0, size, size), strict=True))
    return left, top, right, bottom


def pairs(folder: Path, count: int) -> tuple[Tensor, Tensor]:
    """(n, 2, SIDE, SIDE, 3) bytes and (n, 2, g, g) bytes, drawn once."""
    file = folder / "pairs.pt"
    if not file.is_file():
        with ProcessPoolExecutor(2) as pool:
            drawn = list(pool.map(_pair, [f"pair {i}" for i in range(count)], chunksize=64))
        torch.save([torch.from_numpy(np.stack(x)) for x in zip(*drawn, strict=True)], file)
    images, masks = torch.load(file, weights_only=True)
    return images, masks


def _embed(dino: Dinov2Model, images: Tensor, masks: Tensor) -> Tensor:
    """(n, SIDE, SIDE, 3) and (n, g, g) -> (n, hidden) of length 1."""
    x = (images.float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    patches = dino(pixel_values=x.permute(0, 3, 1, 2)).last_hidden_state[:, 1:].float()
    weight = masks.flatten(1).float() / 255
    return F.normalize((patches * weight[..., None]).sum(1), dim=-1)


def train_likeness(folder: Path, count: int, steps: int, lr: float = 1e-3) -> None:
    """Leaves folder/dino."""
    torch.manual_seed(0)
    images, masks = pairs(folder, count)
    dino = new_dino()
    optimizer = torch.optim.AdamW(dino.parameters(), lr, weight_decay=0.05, fused=True)
    log = Log(folder / "dino.jsonl", steps)
    for step in range(steps):
        pick = torch.randint(len(images), (DOGS,), generator=torch.Generator().manual_seed(step))
        for group in optimizer.param_groups:
            group["lr"] = lr * cosine(step, steps)
        with torch.autocast("cpu", torch.bfloat16):
            both = _embed(dino, images[pick].flatten(0, 1), masks[pick].flatten(0, 1)).view(DOGS, 2, -1)
        scores = both[:, 0] @ both[:, 1].T / 0.07
        goal = torch.arange(DOGS)
        loss = (F.cross_entropy(scores, goal) + F.cross_entropy(scores.T, goal)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(dino.parameters(), 1.0)
        optimizer.step()
        log(step + 1, loss=loss.item(), right=(scores.argmax(1) == goal).float().mean().item())
    dino.half().save_pretrained(folder / "dino")
