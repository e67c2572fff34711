"""Teaches a small Dinov2Model that the same dog in two pictures is near, and any other dog far, be it a sibling.

Knows: litters of pictures, their masks, maps and facts; the embedding of gpu/studio/likeness.py. Does not know: the
painter.
Four things are learnt at once. By heads that are thrown away: what of the dog lies in each patch, and the dog's
facts; without these, colours are found and shapes are not. From step CONTRAST on, contrast of photos and pictures
(InfoNCE, van den Oord et al. 2018), with siblings among the others; and every pair of one dog above every pair of
siblings, in any litter and style, since scores are compared across them.
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

from gpu.durable import whole
from gpu.pocket.build import litters as drawing
from gpu.pocket.build.attention import start_as_convolution
from gpu.pocket.build.common import SOURCES, autocast, digest
from gpu.pocket.build.litters import CELLS, KINDS, LEFT, LITTER, MAPS, RIGHT, draw_litter
from gpu.pocket.build.training_loop import TrainingLoop
from gpu.studio.likeness import MEAN, STD

SIDE, PATCH = 112, 8
BATCH = 6  # litters
CONTRAST = 1000
SHIFT = 1  # cells
TEMPERATURE = 0.05
FACTS = [9, *map(len, KINDS.values())]  # how many numbers say the colours, and each of the kinds
SIDED = list(KINDS).index("side")


def new_dino() -> Dinov2Model:
    size = Dinov2Config(
        hidden_size=128, num_hidden_layers=6, num_attention_heads=8, mlp_ratio=3, image_size=SIDE, patch_size=PATCH
    )
    dino = Dinov2Model(size)
    start_as_convolution(dino)
    return dino


class EncoderWithHeads(nn.Module):
    """The encoder and, while it learns, heads that read the dog's facts and maps."""

    def __init__(self) -> None:
        super().__init__()
        self.dino = new_dino()
        self.dino.set_attn_implementation("eager")  # on a CPU the fused attention's backward pass is slower
        width = self.dino.config.hidden_size
        # In the mean of many patches a detail is small: brought to one size, it is read many times sooner.
        self.reader = nn.Sequential(nn.BatchNorm1d(width, affine=False), nn.Linear(width, sum(FACTS)))
        self.mapper = nn.Linear(width, 3 * MAPS * CELLS**2)

    def forward(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Bytes (n, SIDE, SIDE, 3) and (n, g, g) -> (n, hidden) of length 1, (n, sum of FACTS), (n, g * g, cells)."""
        x = (images.float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
        patches = self.dino(pixel_values=x.permute(0, 3, 1, 2)).last_hidden_state[:, 1:].float()
        weight = masks.flatten(1).float()[..., None]
        mean = (patches * weight).sum(1) / weight.sum(1)
        return F.normalize(mean, dim=-1), self.reader(mean).float(), self.mapper(patches).float()

    def matrices(self) -> list[nn.Parameter]:
        """The matrices for Muon. It changes a matrix as a whole, and would undo what attention starts with."""
        inside = self.dino.encoder.named_parameters()
        return [p for name, p in inside if p.ndim == 2 and "q_proj" not in name and "k_proj" not in name]


def draw_litters(name: str, count: int) -> list[Tensor]:
    """What draw_litter() gives of each litter, stacked: (n, LITTER, ...). Its seeds are not a bench's."""
    draw = partial(draw_litter, side=SIDE, grid=SIDE // PATCH)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        drawn = list(pool.map(draw, [f"{name} litter {i}" for i in range(count)], chunksize=16))
    return [torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)]


def litters(folder: Path, count: int) -> list[Tensor]:
    """The litters to learn from, drawn once."""
    file = folder / f"litters-{count}-{SIDE}-{digest(*SOURCES, Path(drawing.__file__))}.pt"
    if not file.is_file():
        drawn = draw_litters("training", count)
        with whole(file) as fresh:
            torch.save(drawn, fresh)
    return torch.load(file, weights_only=True)


def losses(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Of cosines (photos, pictures), LITTER after LITTER of dogs: the contrast, and own pairs ranked above siblings."""
    scores, goal = scores / TEMPERATURE, torch.arange(len(scores))
    contrast = (F.cross_entropy(scores, goal) + F.cross_entropy(scores.T, goal)) / 2
    siblings = scores[_siblings(len(scores))]
    return contrast, F.softplus(siblings[:, None] - scores.diagonal()).mean()


def _siblings(dogs: int) -> Tensor:
    """(dogs, dogs), true where two are of one litter."""
    litter = torch.arange(dogs) // LITTER
    return (litter[:, None] == litter) & ~torch.eye(dogs, dtype=torch.bool)


def reading(said: Tensor, colours: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
    """How wrongly facts are read: the colours' squared error, and the kinds' cross entropy. All (n, ...)."""
    shades, *answers = said.split(FACTS, 1)
    wrong = [F.cross_entropy(answer, kind) for answer, kind in zip(answers, kinds.unbind(1), strict=True)]
    return F.mse_loss(shades, colours), torch.stack(wrong).mean()


def by_patch(maps: Tensor) -> Tensor:
    """Bytes (n, g * CELLS, g * CELLS, c) -> (n, g * g, c * CELLS ** 2) in 0..1."""
    return F.pixel_unshuffle(maps.permute(0, 3, 1, 2).float() / 255, CELLS).flatten(2).transpose(1, 2)


def batch_at(drawn: list[Tensor], step: int) -> list[Tensor]:
    """BATCH of the litters, shifted by up to SHIFT cells and, every other step, mirrored."""
    draws = torch.Generator().manual_seed(step)
    pick = torch.randint(len(drawn[0]), (BATCH,), generator=draws)
    images, masks, maps, colours, kinds = (part[pick] for part in drawn)
    shift = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=draws)
    images = images.roll((shift * (PATCH // CELLS)).tolist(), (-3, -2))
    maps = maps.roll(shift.tolist(), (-3, -2))
    if step % 2:
        images, masks, maps = images.flip(-2), masks.flip(-1), maps.flip(-2)
        kinds[..., SIDED] = 2 - kinds[..., SIDED]
        maps[..., [LEFT, RIGHT]] = maps[..., [RIGHT, LEFT]]
    return [images, masks, maps, colours, kinds]


def train_likeness(folder: Path, count: int, steps: int, warm: Path | None, lr: float = 2e-3) -> None:
    """Train to `steps` of BATCH litters out of `count`, going on from the last checkpoint, else from the weights in
    `warm`. Leaves folder/dino.
    """
    torch.manual_seed(0)
    drawn, student = litters(folder, count), EncoderWithHeads()
    if warm:
        student.dino.load_state_dict(Dinov2Model.from_pretrained(warm, dtype=torch.float32).state_dict())
    loop = TrainingLoop(
        student, folder / "dino", steps, lr, betas=(0.9, 0.98), weight_decay=0.05, decay=0.995, warmup=50,
        matrices=student.matrices(),
    )  # fmt: skip
    student.compile()
    for step in loop:
        images, masks, maps, colours, kinds = batch_at(drawn, step)
        with autocast():
            embeddings, said, mapped = student(images.flatten(0, 2), masks.flatten(0, 2))
        where = F.mse_loss(mapped, by_patch(maps.flatten(0, 2)))
        twice = [part.flatten(0, 1).repeat_interleave(2, 0) for part in (colours, kinds)]  # photo and picture
        shades, answers = reading(said, *twice)
        contrast, order = losses(embeddings[0::2] @ embeddings[1::2].T)
        named = {"where": where, "shades": shades, "answers": answers, "contrast": contrast, "order": order}
        loss = 40 * where + 5 * shades + 2 * answers + (contrast + 2 * order if step >= CONTRAST else 0)
        loop.learn(step, loss, **{name: each.item() for name, each in named.items()})
    loop.finish()
    student.dino.half().save_pretrained(folder / "dino")
    print("held out: AUC {:.3f} to others, {:.3f} to siblings".format(*held_out(student.float())), flush=True)


@torch.no_grad()
def held_out(student: EncoderWithHeads, count: int = 60) -> tuple[float, float]:
    """How often one dog's pair scores above a pair of two litters, and of a dog and its one-attribute sibling."""
    student.eval()
    images, masks, *_ = draw_litters("held out", count)
    embeddings = torch.stack([student(*two)[0] for two in zip(images.flatten(0, 1), masks.flatten(0, 1), strict=True)])
    scores = embeddings[:, 0] @ embeddings[:, 1].T
    own, siblings = scores.diagonal(), _siblings(len(scores))
    other = scores[~siblings & ~torch.eye(len(scores), dtype=torch.bool)]
    near = scores[::LITTER][siblings[::LITTER]]
    return _above(own, other), _above(own, near)


def _above(own: Tensor, far: Tensor) -> float:
    """AUC: how often a score of `own` is above one of `far`."""
    return (own[:, None] > far).float().mean().item()
