"""The attribute reader: a small network, trained on drawings alone, that says what a picture shows.

Knows: pictures and their attributes. Does not know: who painted a picture, or what it should show. No painted picture
is among its examples; but every sixth drawing went through the painter's VAE, so that the reader knows its blur.

It looks at the whole picture for style, scene and hands, finds the head, and then reads the dog in a close-up around
it. A colour is measured: the mean of the close-up where the network looks, plus what style and light did to it, which
it has learnt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gpu.pocket.build.common import SOURCES, autocast, digest
from gpu.profile import PROFILES
from tests.bench.pocket import examples, truth
from tests.bench.pocket.examples import HEADS, NOTHING, OF_PICTURE, WORN, Examples, pixels
from tests.bench.pocket.truth import Lab, lab

DRAWINGS, ROUNDS, BATCH = 20_000, 14, 64  # about 14 minutes on two cores
KEPT = Path(__file__).parent / "reader"
CLOSE, CELLS = 80, 20  # pixels of the close-up's side; cells a side in which colour is measured
REACH, DOWN = 1.8, 0.2  # of the close-up in head radii: half its side, and how far its centre lies below the head's
SIZES = [len(answers) for answers in HEADS.values()]
OF_WHOLE = sum(SIZES[: len(OF_PICTURE)])


@dataclass(frozen=True, slots=True)
class Reading:
    """What one picture shows, as far as the reader can tell."""

    style: str
    scene: str
    dog: float  # chance that there is one, 0..1
    hand: float
    hat: float
    glasses: float
    scarf: float
    family: str
    ears: str
    patch: str
    side: int  # -1 left, 0 none, 1 right
    coat: Lab
    second: Lab


class _Block(nn.Module):
    """Two convolutions with a shortcut (He et al. 2015), at half the size."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_conv(before, after, 3, 2), nn.ReLU(), *_conv(after, after, 3, 1))
        self.short = nn.Sequential(nn.AvgPool2d(2), *_conv(before, after, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.short(x))


def _conv(before: int, after: int, kernel: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(after)


class _Encoder(nn.Module):
    """Features of a picture: near at a quarter of its size, far at a sixteenth."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.Sequential(*_conv(3, width // 2, 5, 2), nn.ReLU(), _Block(width // 2, width))
        self.far = nn.Sequential(_Block(width, 2 * width), _Block(2 * width, 4 * width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        near = self.near((x - 0.5) * 4)
        return near, self.far(near)


class Network(nn.Module):
    """[b, 3, 128, 128] in 0..1 -> scores of all heads, colours [b, 6] in L*a*b* / 10, faces [b, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.glance, self.stare = _Encoder(24), _Encoder(32)
        self.say_whole = nn.Linear(2 * 96, OF_WHOLE)
        self.find = nn.Sequential(nn.Flatten(), nn.Linear(96 * 8 * 8, 64), nn.ReLU(), nn.Linear(64, 3))
        self.think = nn.Sequential(nn.Flatten(), nn.Linear(128 * 5 * 5, 128), nn.ReLU())
        self.say_dog = nn.Linear(128, sum(SIZES) - OF_WHOLE)
        self.look_near, self.look_far = nn.Conv2d(32, 2, 1), nn.Conv2d(128, 2, 1)
        self.correct = nn.Linear(128, 6)
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)

    def forward(self, x: Tensor, faces: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """The close-up is taken around `faces` where they are known, else around those that were found."""
        _, far = self.glance(x)
        whole = self.say_whole(torch.cat([far.mean((2, 3)), far.amax((2, 3))], 1))
        found = 0.5 + 0.1 * self.find(far).float()
        close = close_up(x, found.detach() if faces is None else faces)
        near, far = self.stare(close)
        thought = self.think(far)
        scores = torch.cat([whole, self.say_dog(thought)], 1).float()
        look = self.look_near(near) + F.interpolate(self.look_far(far), CELLS, mode="bilinear")
        return scores, measured(close, look.float()) + self.correct(thought).float(), found


def close_up(x: Tensor, faces: Tensor) -> Tensor:
    """[b, 3, CLOSE, CLOSE] around the faces; beyond the picture its border goes on."""
    left, top, radius = faces.float().unbind(1)
    radius = radius.clamp(min=0.02)
    zero, half = torch.zeros_like(left), 2 * REACH * radius
    rows = [half, zero, 2 * left - 1, zero, half, 2 * (top + DOWN * radius) - 1]
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), [len(x), 3, CLOSE, CLOSE], align_corners=False)
    return F.grid_sample(x.float(), grid, padding_mode="border", align_corners=False)


def measured(close: Tensor, look: Tensor) -> Tensor:
    """[b, 6]: for each of two looks [b, 2, CELLS, CELLS] the mean colour of what it looks at, L*a*b* / 10."""
    cells = F.avg_pool2d(close, CLOSE // CELLS).flatten(2).transpose(1, 2)  # [b, cells, 3]
    colours = torch.from_numpy(lab(cells.numpy() * 255)).float() / 10
    return (look.flatten(2).softmax(-1) @ colours).flatten(1)


class Reader:
    def __init__(self, network: Network) -> None:
        self.network = network.eval()

    @torch.no_grad()
    def read(self, images: Sequence[Image.Image]) -> list[Reading]:
        """Pictures of any size, RGB."""
        readings: list[Reading] = []
        for at in range(0, len(images), BATCH):
            batch = np.stack([pixels(image) for image in images[at : at + BATCH]])
            scores, colours, _ = self.network(torch.from_numpy(batch).float() / 255)
            readings += [_reading(*row) for row in zip(scores, colours * 10, strict=True)]
        return readings


def _reading(scores: Tensor, colours: Tensor) -> Reading:
    parts = dict(zip(HEADS, scores.split(SIZES), strict=True))
    said = {head: HEADS[head][int(part.argmax())] for head, part in parts.items()}
    sure = {head: float(parts[head].softmax(0)[1]) for head in ("dog", "hand", *WORN)}
    coat, second = (tuple(colour) for colour in colours.view(2, 3).tolist())
    return Reading(**(said | sure), coat=coat, second=second)


def reader(folder: Path, drawings: int = DRAWINGS, rounds: int = ROUNDS) -> Reader:
    """The reader of this kennel: the one that comes with the project, that of folder/reader, or trained and kept there.

    Of another world or VAE, the next one is to be copied from there to KEPT.
    """
    name = f"{_digest()}-{drawings}-{rounds}.safetensors"
    path = next((place / name for place in (KEPT, folder / "reader") if (place / name).is_file()), None)
    torch.manual_seed(0)
    network = Network()
    if path:
        network.load_state_dict(load_file(path))
    else:
        print(f"The reader learns from {drawings} drawings first, once for this kennel", flush=True)
        train(network, examples.draw_examples(drawings), rounds)
        path = folder / "reader" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.contiguous() for key, value in network.half().state_dict().items()}
        save_file(tensors, path)
        network.float()
    return Reader(network)


def _digest() -> str:
    """Of all that decides what is learnt: another kennel or another VAE, another reader."""
    vae = Path(PROFILES["pocket"].sdxl) / "vae" / "diffusion_pytorch_model.safetensors"
    return digest(*SOURCES, Path(examples.__file__), Path(truth.__file__), vae, Path(__file__))


def train(network: Network, taught: Examples, rounds: int, lr: float = 3e-3) -> None:
    """`rounds` times through the examples, each time mirrored, blurred and grained in another way."""
    chance = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr, weight_decay=0.05)
    each = len(taught.images) // BATCH  # steps of a round
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=rounds * each, pct_start=0.15)
    network.train().to(memory_format=torch.channels_last)
    for _ in range(rounds):
        for pick in torch.randperm(len(taught.images), generator=chance).split(BATCH)[:each]:
            batch = Examples(taught.images[pick], taught.answers[pick], taught.colours[pick], taught.faces[pick])
            loss = _wrong(network, _augment(batch, chance), chance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()


def _wrong(network: Network, batch: Examples, chance: torch.Generator) -> Tensor:
    """Cross entropy of all heads, and how far colours and faces are off. The close-up is never quite centred."""
    off = torch.randn(batch.faces.shape, generator=chance) * 0.1 * batch.faces[:, 2:]
    x = batch.images.to(memory_format=torch.channels_last)
    with autocast():
        scores, colours, found = network(x, batch.faces + off)
    heads = zip(scores.split(SIZES, 1), batch.answers.T, strict=True)
    said = sum(F.cross_entropy(score, answer, ignore_index=NOTHING) for score, answer in heads)
    shown = batch.answers[:, -1] != NOTHING
    colour = F.smooth_l1_loss(colours[shown], batch.colours[shown] / 10, beta=0.5)
    return said + colour + 20 * F.smooth_l1_loss(found[shown], batch.faces[shown], beta=0.05)


def _augment(batch: Examples, chance: torch.Generator) -> Examples:
    """Half of the pictures mirrored, some blurred, all with some grain. Colours stay: they are to be read."""
    x, count = batch.images.float() / 255, len(batch.images)
    mirrored = torch.rand(count, generator=chance) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    soft = torch.rand(count, 1, 1, 1, generator=chance).sub(0.5).clamp(min=0) * 2
    x = x * (1 - soft) + F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) * soft
    x += 0.06 * torch.rand(count, 1, 1, 1, generator=chance) * torch.randn(x.shape, generator=chance)
    answers, faces, side = batch.answers.clone(), batch.faces.clone(), list(HEADS).index("side")
    turned = mirrored & (answers[:, side] != NOTHING)
    answers[turned, side] = 2 - answers[turned, side]
    faces[mirrored, 0] = 1 - faces[mirrored, 0]
    return Examples(x.clamp(0, 1), answers, batch.colours, faces)
