"""The attribute reader: a small network, trained on drawings alone, that says what a picture shows.

Knows: pictures and their attributes. Does not know: who painted a picture, or what it should show. No painted picture
is among its examples; but every sixth drawing went through the painter's VAE, so that the reader knows its blur.

It looks at the whole picture for style, scene and hands, finds the head, and then reads the dog in a close-up around
it, once as it is and once mirrored. A colour is measured: the mean of the close-up where the network looks, plus what
style and light did to it, which it has learnt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gpu.pocket.build.common import SOURCES, autocast, digest
from gpu.pocket.world.dogs import PATCHES, SIDED
from gpu.profile import PROFILES
from tests.bench.pocket import examples, network, truth
from tests.bench.pocket.examples import HEADS, NOTHING, OF_PICTURE, WORN, Examples, pixels
from tests.bench.pocket.network import SIZES, CloseUp, Network, Whole, close_up
from tests.bench.pocket.truth import Lab

DRAWINGS, ROUNDS, BATCH = 40_000, 10, 64  # about 50 minutes on two cores
KEPT = Path(__file__).parent / "reader"
SIDES = HEADS["side"]
MARKS = [(kind, side) for kind in PATCHES for side in (SIDES[::2] if kind in SIDED else SIDES[1:2])]
"""The kinds and sides of a patch that go together."""
Wrong = Callable[[Examples, torch.Generator], Tensor]


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


class Reader:
    def __init__(self, network: Network) -> None:
        self.network = network.eval()

    @torch.no_grad()
    def read(self, images: Sequence[Image.Image]) -> list[Reading]:
        """Pictures of any size, RGB."""
        readings: list[Reading] = []
        for at in range(0, len(images), BATCH):
            batch = torch.from_numpy(np.stack([pixels(image) for image in images[at : at + BATCH]])).float() / 255
            readings += [_reading(*row) for row in zip(*self._both_ways(batch), strict=True)]
        return readings

    def _both_ways(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Chances of all answers, and colours in L*a*b*: the means of what a picture and its mirror image show."""
        (scores, colours), (mirrored, others) = self.network(x), self.network(x.flip(3))
        heads = zip(HEADS, scores.split(SIZES, 1), mirrored.split(SIZES, 1), strict=True)
        chances = [one.softmax(1) + (two.flip(1) if head == "side" else two).softmax(1) for head, one, two in heads]
        return torch.cat(chances, 1) / 2, 5 * (colours + others)


def _reading(chances: Tensor, colours: Tensor) -> Reading:
    parts = dict(zip(HEADS, chances.split(SIZES), strict=True))
    said = {head: HEADS[head][int(part.argmax())] for head, part in parts.items()}
    said["patch"], said["side"] = _mark(parts["patch"], parts["side"])
    sure = {head: float(parts[head][1]) for head in ("dog", "hand", *WORN)}
    coat, second = (tuple(colour) for colour in colours.view(2, 3).tolist())
    return Reading(**(said | sure), coat=coat, second=second)


def _mark(kinds: Tensor, sides: Tensor) -> tuple[str, int]:
    """The likeliest of MARKS: an eye's patch has a side, a blaze has none."""
    chances = torch.outer(kinds, sides)
    return max(MARKS, key=lambda mark: float(chances[PATCHES.index(mark[0]), SIDES.index(mark[1])]))


def reader(folder: Path, drawings: int = DRAWINGS, rounds: int = ROUNDS) -> Reader:
    """The reader of this kennel: the one that comes with the project, that of folder/reader, or trained and kept there.

    Of another world or VAE, the next one is to be copied from there to KEPT.
    """
    name = f"{version(drawings, rounds)}.safetensors"
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


def version(drawings: int = DRAWINGS, rounds: int = ROUNDS) -> str:
    """Of all that decides what is learnt: another kennel or another VAE, another reader."""
    vae = Path(PROFILES["pocket"].sdxl) / "vae" / "diffusion_pytorch_model.safetensors"
    files = *SOURCES, Path(examples.__file__), Path(truth.__file__), vae, Path(network.__file__), Path(__file__)
    return f"{digest(*files)}-{drawings}-{rounds}"


def train(network: Network, taught: Examples, rounds: int) -> None:
    """`rounds` times through the examples for the dog; half as often for the picture, which is sooner learnt."""
    _descend(network.whole, partial(_wrong_whole, network.whole), taught, rounds // 2)
    _descend(network.dog, partial(_wrong_dog, network.dog), taught, rounds)


def _descend(part: nn.Module, wrong: Wrong, taught: Examples, rounds: int, lr: float = 3e-3) -> None:
    """Each round the examples are mirrored, blurred and grained in another way."""
    chance = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(part.parameters(), lr, weight_decay=0.05)
    each = len(taught.images) // BATCH  # steps of a round
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=rounds * each, pct_start=0.15)
    part.train().to(memory_format=torch.channels_last)
    for _ in range(rounds):
        for pick in torch.randperm(len(taught.images), generator=chance).split(BATCH)[:each]:
            batch = Examples(taught.images[pick], taught.answers[pick], taught.colours[pick], taught.faces[pick])
            loss = wrong(_augment(batch, chance), chance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
    part.eval()


def _wrong_whole(whole: Whole, batch: Examples, chance: torch.Generator) -> Tensor:
    """Cross entropy of the picture's heads, and how far faces are off."""
    with autocast():
        scores, found = whole(batch.images.to(memory_format=torch.channels_last))
    shown = _shown(batch)
    said = _surprise(scores, batch.answers[:, : len(OF_PICTURE)], SIZES[: len(OF_PICTURE)])
    return said + 20 * F.smooth_l1_loss(found[shown], batch.faces[shown], beta=0.05)


def _wrong_dog(dog: CloseUp, batch: Examples, chance: torch.Generator) -> Tensor:
    """Cross entropy of the dog's heads, and how far colours are off. The close-up is never quite centred."""
    shown = _shown(batch)
    faces = batch.faces[shown]
    off = torch.randn(faces.shape, generator=chance) * 0.1 * faces[:, 2:]
    close = close_up(batch.images[shown], faces + off).to(memory_format=torch.channels_last)
    with autocast():
        scores, colours = dog(close)
    said = _surprise(scores, batch.answers[shown, len(OF_PICTURE) :], SIZES[len(OF_PICTURE) :])
    return said + F.smooth_l1_loss(colours, batch.colours[shown] / 10, beta=0.5)


def _shown(batch: Examples) -> Tensor:
    """[b]: whether there is a dog."""
    return batch.answers[:, -1] != NOTHING


def _surprise(scores: Tensor, answers: Tensor, sizes: list[int]) -> Tensor:
    heads = zip(scores.split(sizes, 1), answers.T, strict=True)
    return torch.stack([F.cross_entropy(score, answer, ignore_index=NOTHING) for score, answer in heads]).sum()


def _augment(batch: Examples, chance: torch.Generator) -> Examples:
    """Half of the pictures mirrored, some blurred, all with some grain. Colours stay: they are to be read."""
    x, count = batch.images.float() / 255, len(batch.images)
    mirrored = torch.rand(count, generator=chance) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    soft = torch.rand(count, 1, 1, 1, generator=chance) * 2 - 1
    some = soft.flatten() > 0
    x[some] = torch.lerp(x[some], F.avg_pool2d(x[some], 3, 1, 1, count_include_pad=False), soft[some])
    x += 0.06 * torch.rand(count, 1, 1, 1, generator=chance) * torch.randn(x.shape, generator=chance)
    answers, faces, side = batch.answers.clone(), batch.faces.clone(), list(HEADS).index("side")
    turned = mirrored & (answers[:, side] != NOTHING)
    answers[turned, side] = 2 - answers[turned, side]
    faces[mirrored, 0] = 1 - faces[mirrored, 0]
    return Examples(x.clamp(0, 1), answers, batch.colours, faces)
