"""How long models take from disk to the card, by the product's own loading. Weights are written once, and read cold.

Knows: how much room there is on disk, how a file leaves the system's cache. Does not know: how models are loaded.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gpu.device import host_memory
from gpu.memory import GB, sizes_here
from gpu.studio.models import ModelPool
from tests.bench.card.bench import Bench, Figures
from tests.bench.card.models import make_llama, make_sdxl

ROOM = 1.2  # times what is written has to be free on the disk
TWICE = 2.0  # times that much host memory: weights pass through it on both ways, and stay in its cache


def sdxl_from_disk(bench: Bench) -> Figures:
    """With the hash of its weights, for which the first job waits, too."""
    pool, sizes = bench.pool, sizes_here(bench.pool.profile)
    need = (sizes.unet + sizes.encoders) * pool.dtype.itemsize

    def write(folder: Path) -> None:
        make_sdxl(bench.scale, pool.device, pool.dtype).save_pretrained(folder)

    return _from_disk(bench, "sdxl", need, write)


def llama_from_disk(bench: Bench) -> Figures:
    pool, need = bench.pool, sizes_here(bench.pool.profile).llama * bench.pool.dtype.itemsize

    def write(folder: Path) -> None:
        for part in make_llama(bench.scale, pool.device, pool.dtype):
            part.save_pretrained(folder)

    return _from_disk(bench, "llama", need, write)


def _from_disk(bench: Bench, name: Literal["sdxl", "llama"], need: int, write: Callable[[Path], None]) -> Figures:
    free = shutil.disk_usage(bench.folder).free
    if free < ROOM * need:
        return {"left_out": f"{ROOM * need / GB:.0f} GB of disk are needed, {free / GB:.0f} are free"}
    if host_memory() < TWICE * need:
        return {"left_out": f"{TWICE * need / GB:.0f} GB of host memory are needed, there are {host_memory() / GB:.0f}"}
    bench.pool.forget()  # another one is made, and a third is loaded
    bench.clock.free()
    folder = bench.folder / name
    try:
        written = bench.clock.seconds(lambda: write(folder))
        bench.clock.free()
        size = sum(_leave_cache(file) for file in folder.rglob("*") if file.is_file())
        return {"gb": round(size / GB, 2), "written_s": round(written, 2), **_loaded(bench, name, folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _loaded(bench: Bench, name: Literal["sdxl", "llama"], folder: Path) -> Figures:
    places = {name: str(folder), f"{name}_revision": None}
    pool = ModelPool(replace(bench.pool.profile, **places))
    found = {"s": round(bench.clock.seconds(lambda: _use(pool, name)), 2)}
    if name == "sdxl":
        found["hash_s"] = round(bench.clock.seconds(lambda: pool.base), 2)
    return found


def _use(pool: ModelPool, name: Literal["sdxl", "llama"]) -> None:
    with pool.use(name):
        pass


def _leave_cache(file: Path) -> int:
    """The next who reads this file reads the disk. Its bytes."""
    with file.open("rb") as one:
        os.fsync(one.fileno())
        os.posix_fadvise(one.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return file.stat().st_size
