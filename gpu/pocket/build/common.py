"""What the stages of the build share: drawn pictures, their captions, weights to begin with, a second process.

Knows: folders and files of the build, one process a core. Does not know: any model, or how one is trained.
"""

import hashlib
import json
import os
import random
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from gpu.durable import whole
from gpu.pocket.world import anatomy, dogs, kennel, pencil, scenes, styling
from gpu.pocket.world.dogs import a_dog, a_shot
from gpu.pocket.world.kennel import SIZE, draw

SHARD = 2048  # pictures a file
SOURCES = tuple(Path(part.__file__) for part in (anatomy, dogs, kennel, pencil, scenes, styling))  # of every picture


def digest(*files: Path) -> str:
    """A digest for the names of what was made from these files: other files make another name."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


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
    # Last, since it says that the shard is all there.
    with whole(folder / f"images-{number:03}.npy") as fresh, fresh.open("wb") as file:
        np.save(file, images)


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


def load_weights(model: nn.Module, folder: Path) -> None:
    """Load the weights of a model that its library has saved in `folder`."""
    [file] = folder.glob("*.safetensors")
    model.load_state_dict(load_file(file))


def autocast() -> torch.autocast:
    """bfloat16 where this processor computes in it; emulated, it takes several times as long as float32."""
    able = torch.cpu.get_capabilities()
    return torch.autocast("cpu", torch.bfloat16, enabled=bool(able.get("amx_bf16") or able.get("avx512_bf16")))


def in_parallel(train: Callable[..., None], *args: object) -> None:
    """Run `train(*args)` in one process for each core; TrainingLoop makes one training of them.

    Each takes part(n) of whatever there are n of. Two processes of one thread train a quarter faster than one of two.
    """
    with tempfile.TemporaryDirectory() as meeting:
        count = max(os.cpu_count() or 1, 1)
        mp.spawn(_join, (count, f"file://{meeting}/meeting", train, args), count)


def _join(rank: int, count: int, meeting: str, train: Callable[..., None], args: tuple[object, ...]) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", meeting, rank=rank, world_size=count)
    train(*args)
    dist.destroy_process_group()


def part(count: int) -> range:
    """Which of `count` things are this process's own; all of them, if it is alone."""
    return range(dist.get_rank(), count, dist.get_world_size()) if dist.is_initialized() else range(count)


def leads() -> bool:
    """Whether this process speaks and saves for all."""
    return not dist.is_initialized() or dist.get_rank() == 0
