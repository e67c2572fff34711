"""The networks of the reader: one for the whole picture, one for the dog in a close-up around its head.

Knows: tensors, and where a head was found. Does not know: what the answers are called, how they are taught.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.bench.pocket.examples import HEADS, OF_PICTURE
from tests.bench.pocket.truth import lab

CLOSE, CELLS = 96, 24  # pixels of the close-up's side; cells a side in which colour is measured
WIDTH = 48  # channels of its features at a quarter of that size
REACH, DOWN = 1.8, 0.2  # of the close-up in head radii: half its side, and how far its centre lies below the head's
SIZES = [len(answers) for answers in HEADS.values()]
OF_WHOLE = sum(SIZES[: len(OF_PICTURE)])


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


class Whole(nn.Module):
    """[b, 3, 128, 128] in 0..1 -> scores of the picture's heads, faces [b, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.look = _Encoder(24)
        self.say = nn.Linear(2 * 96, OF_WHOLE)
        self.find = nn.Sequential(nn.Flatten(), nn.Linear(96 * 8 * 8, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        _, far = self.look(x)
        return self.say(torch.cat([far.mean((2, 3)), far.amax((2, 3))], 1)).float(), 0.5 + 0.1 * self.find(far).float()


class CloseUp(nn.Module):
    """[b, 3, CLOSE, CLOSE] in 0..1 -> scores of the dog's heads, colours [b, 6] in L*a*b* / 10."""

    def __init__(self) -> None:
        super().__init__()
        self.look = _Encoder(WIDTH)
        self.think = nn.Sequential(nn.Flatten(), nn.Linear(4 * WIDTH * (CLOSE // 16) ** 2, 128), nn.ReLU())
        self.say = nn.Linear(128, sum(SIZES) - OF_WHOLE)
        self.near, self.far = nn.Conv2d(WIDTH, 2, 1), nn.Conv2d(4 * WIDTH, 2, 1)
        self.correct = nn.Linear(128, 6)
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)

    def forward(self, close: Tensor) -> tuple[Tensor, Tensor]:
        near, far = self.look(close)
        thought = self.think(far)
        where = self.near(near) + F.interpolate(self.far(far), CELLS, mode="bilinear")
        return self.say(thought).float(), measured(close, where.float()) + self.correct(thought).float()


class Network(nn.Module):
    """[b, 3, 128, 128] in 0..1 -> scores of all heads, colours [b, 6] in L*a*b* / 10."""

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.dog = Whole(), CloseUp()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        of_picture, faces = self.whole(x)
        of_dog, colours = self.dog(close_up(x, faces))
        return torch.cat([of_picture, of_dog], 1), colours


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
