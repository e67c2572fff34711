# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportGeneralTypeIssues=false, reportOperatorIssue=false
"""What every stage of the build shares: drawn pictures on disk, averaged weights, checkpoints, a log with time left.

Knows: folders and files of the build. Does not know: any model.
"""

import json
import math
import random
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from gpu.pocket.kennel import SIZE, a_dog, a_shot, draw

SHARD = 2048  # pictures a file


def _draw_shard(folder: Path, number: int) -> None:
    images = np.empty((SHARD, SIZE, SIZE, 3), np.uint8)
    masks = np.empty((SHARD, SIZE, SIZE), np.uint8)
    captions: list[str] = []
    for i in range(SHARD):
        rng = random.Random(f"train {number} {i}")
        picture = draw(a_dog(rng), a_shot(rng))
        images[i], masks[i] = np.asarray(picture.image), np.asarray(picture.masks[0])
        captions.append(picture.caption)
    np.save(folder / f"masks-{number:03}.npy", masks)
    (folder / f"captions-{number:03}.json").write_text(json.dumps(captions))
    np.save(folder / f"images-{number:03}.tmp.npy", images)
    (folder / f"images-{number:03}.tmp.npy").rename(folder / f"images-{number:03}.npy")


def draw_shards(folder: Path, count: int, workers: int = 2) -> None:
    """Draw the first `count` shards that are not there yet. Training seeds; held-out pictures use others."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [n for n in range(count) if not (folder / f"images-{n:03}.npy").is_file()]
    with ProcessPoolExecutor(workers) as pool:
        for n, _ in zip(missing, pool.map(_draw_shard, [folder] * len(missing), missing), strict=True):
            print(f"drawn: shard {n + 1} of {count}", flush=True)


def shards(folder: Path, kind: str) -> list[NDArray[np.uint8]]:
    """All drawn shards of a kind ("images", "masks"), as maps of the files."""
    return [np.load(p, mmap_mode="r") for p in sorted(folder.glob(f"{kind}-???.npy"))]


def captions(folder: Path) -> list[str]:
    return [c for p in sorted(folder.glob("captions-???.json")) for c in json.loads(p.read_text())]


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """(n, h, w, 3) bytes -> (n, 3, h, w) in -1..1."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div(127.5).sub(1)


class Average:
    """Exponential moving average of a model's weights."""

    def __init__(self, models: Iterable[nn.Module], decay: float) -> None:
        self._params = [p for m in models for p in m.parameters()]
        self.decay, self.shadow = decay, [p.detach().clone() for p in self._params]

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self._params], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the average and the weights; call twice to return."""
        for s, p in zip(self.shadow, self._params, strict=True):
            kept = p.detach().clone()
            p.copy_(s)
            s.copy_(kept)


class Log:
    """Prints step, loss, speed and time left, at most every `every` seconds, and keeps the curve in a file."""

    def __init__(self, path: Path, steps: int, every: float = 20) -> None:
        self._file, self._steps, self._every = path, steps, every
        self._start, self._last, self._first = time.monotonic(), 0.0, -1

    def __call__(self, step: int, **values: float) -> None:
        now = time.monotonic()
        if self._first < 0:
            self._first = step
        if now - self._last < self._every and step < self._steps:
            return
        self._last, done = now, max(step - self._first, 1)
        left = (now - self._start) / done * (self._steps - step) / 60
        line = " ".join(f"{k} {v:.4f}" for k, v in values.items())
        print(f"{self._file.stem}: step {step} of {self._steps}, {line}, {left:.1f} min left", flush=True)
        with self._file.open("a") as f:
            f.write(json.dumps({"step": step, **values}) + "\n")


def save(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, average: Average, step: int) -> None:
    """Write a training's state so that a crash leaves the old or the new one."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average.shadow, "step": step}
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").rename(path)


def resume(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, average: Average) -> int:
    """Take up a training's state, if there is one; the step to go on with."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    average.shadow = state["average"]
    return state["step"]


def take_over(model: nn.Module, folder: Path) -> None:
    """Begin with the weights of a model that lies in `folder` in its library's format."""
    [file] = folder.glob("*.safetensors")
    model.load_state_dict(load_file(file))


def cosine(step: int, steps: int, warmup: int = 200, floor: float = 0.02) -> float:
    """Learning-rate factor: linear warm-up, flat for the first half, cosine down to `floor`."""
    if step < warmup:
        return (step + 1) / warmup
    at = max(0.0, (step / steps - 0.5) * 2)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * at))
