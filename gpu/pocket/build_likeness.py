# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportGeneralTypeIssues=false, reportOperatorIssue=false
"""Teaches a small Dinov2Model that the same dog in two pictures is near, and any other dog far, be it a sibling.

Knows: litters of pictures, their masks and facts; the embedding of gpu/likeness.py. Does not know: the painter.
Three losses: contrast of photos and pictures (InfoNCE, van den Oord et al. 2018), with siblings among the others;
every pair of one dog above every pair of siblings, in any litter and style, since scores are compared across them; and
the dog's facts, read by a head that is thrown away, from which colours and shapes are learnt several times sooner.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from gpu.likeness import MEAN, STD
from gpu.pocket.build_fit import Fit
from gpu.pocket.litters import LITTER, draw_litter

SIDE, PATCH = 112, 8
BATCH = 6  # litters
TEMPERATURE = 0.05


def new_dino() -> Dinov2Model:
    return Dinov2Model(
        Dinov2Config(
            hidden_size=128, num_hidden_layers=5, num_attention_heads=2, mlp_ratio=3, image_size=SIDE, patch_size=PATCH
        )
    )


class Student(nn.Module):
    """The encoder and, while it learns, a linear reader of facts."""

    def __init__(self, facts: int) -> None:
        super().__init__()
        self.dino = new_dino()
        self.dino.set_attn_implementation("eager")  # on a CPU the fused attention's backward pass is slower
        self.reader = nn.Linear(self.dino.config.hidden_size, facts)

    def forward(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Bytes (n, SIDE, SIDE, 3) and (n, g, g) -> (n, hidden) of length 1 and (n, facts)."""
        x = (images.float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
        patches = self.dino(pixel_values=x.permute(0, 3, 1, 2)).last_hidden_state[:, 1:].float()
        weight = masks.flatten(1).float()[..., None]
        mean = (patches * weight).sum(1) / weight.sum(1)
        return F.normalize(mean, dim=-1), self.reader(mean).float()


def draw_litters(name: str, count: int) -> list[Tensor]:
    """Images (n, LITTER, 2, SIDE, SIDE, 3), masks (n, LITTER, 2, g, g), facts (n, LITTER, facts). No bench's seeds."""
    draw = partial(draw_litter, side=SIDE, grid=SIDE // PATCH)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        drawn = list(pool.map(draw, [f"{name} litter {i}" for i in range(count)], chunksize=16))
    return [torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)]


def litters(folder: Path, count: int) -> list[Tensor]:
    """Those to learn from, drawn once."""
    file = folder / "litters.pt"
    if not file.is_file():
        torch.save(draw_litters("training", count), file.with_suffix(".tmp"))
        file.with_suffix(".tmp").rename(file)
    return torch.load(file, weights_only=True)


def losses(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Of cosines (photos, pictures), LITTER after LITTER of dogs: the contrast, and own pairs above siblings'."""
    scores, goal = scores / TEMPERATURE, torch.arange(len(scores))
    contrast = (F.cross_entropy(scores, goal) + F.cross_entropy(scores.T, goal)) / 2
    siblings = scores[_siblings(len(scores))]
    return contrast, F.softplus(siblings[:, None] - scores.diagonal()).mean()


def _siblings(dogs: int) -> Tensor:
    """(dogs, dogs), true where two are of one litter."""
    litter = torch.arange(dogs) // LITTER
    return (litter[:, None] == litter) & ~torch.eye(dogs, dtype=torch.bool)


def train_likeness(folder: Path, count: int, steps: int, warm: Path | None, lr: float = 1.5e-3) -> None:
    """Train to `steps` of BATCH litters out of `count`, going on from the last checkpoint, else from the weights in
    `warm`. Leaves folder/dino.
    """
    torch.manual_seed(0)
    images, masks, facts = litters(folder, count)
    student = Student(facts.shape[-1])
    if warm:
        student.dino.load_state_dict(Dinov2Model.from_pretrained(warm, dtype=torch.float32).state_dict())
    fit = Fit(student, folder / "dino", steps, lr, betas=(0.9, 0.98), weight_decay=0.05, decay=0.99)
    for step in fit:
        pick = torch.randint(len(images), (BATCH,), generator=torch.Generator().manual_seed(step))
        with torch.autocast("cpu", torch.bfloat16):
            embeddings, read = student(images[pick].flatten(0, 2), masks[pick].flatten(0, 2))
        scores = embeddings[0::2] @ embeddings[1::2].T
        contrast, order = losses(scores)
        reading = F.mse_loss(read, facts[pick].flatten(0, 1).repeat_interleave(2, 0))
        figures = {"contrast": contrast.item(), "order": order.item(), "reading": reading.item()}
        fit.learn(step, contrast + 2 * order + 5 * reading, **figures)
    fit.finish()
    student.dino.half().save_pretrained(folder / "dino")
    print("held out: AUC {:.3f} to others, {:.3f} to siblings".format(*held_out(student.float())), flush=True)


@torch.no_grad()
def held_out(student: Student, count: int = 60) -> tuple[float, float]:
    """How often one dog's pair scores above a pair of two litters, and of a dog and its one-attribute sibling."""
    images, masks, _ = draw_litters("held out", count)
    embeddings = torch.stack([student(*two)[0] for two in zip(images.flatten(0, 1), masks.flatten(0, 1), strict=True)])
    scores = embeddings[:, 0] @ embeddings[:, 1].T
    own, siblings = scores.diagonal(), _siblings(len(scores))
    other = scores[~siblings & ~torch.eye(len(scores), dtype=torch.bool)]
    near = scores[::LITTER][siblings[::LITTER]]
    return _above(own, other), _above(own, near)


def _above(own: Tensor, far: Tensor) -> float:
    """AUC: how often a score of `own` is above one of `far`."""
    return (own[:, None] > far).float().mean().item()
