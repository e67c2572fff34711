"""What all measurements share: the models, a clock, photos, two pets.

Knows: how a time is taken on a device that works behind the program's back. Does not know: what is timed.
"""

import copy
import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import torch

from gpu.memory import GB
from gpu.pets import Adapter
from gpu.studio import adapter, dataset
from gpu.studio.dataset import Sample
from gpu.studio.models import ModelPool
from gpu.studio.state import State
from gpu.studio.train import train
from tests.bench.card.models import RandomPool, Scale
from tests.helpers import tiny_models

Figures = dict[str, Any]


class Clock:
    """Times and memory of a device."""

    def __init__(self, device: torch.device) -> None:
        self.on_card = device.type == "cuda"

    def wait(self) -> None:
        """Until all that was asked of the device is done."""
        if self.on_card:
            torch.cuda.synchronize()

    def seconds(self, do: Callable[[], object], times: int = 1) -> float:
        """How long it takes once, of so many in a row."""
        self.wait()
        began = time.perf_counter()
        for _ in range(times):
            do()
        self.wait()
        return (time.perf_counter() - began) / times

    def free(self) -> None:
        """Give back the card's memory that nobody holds any more."""
        if self.on_card:
            gc.collect()
            torch.cuda.empty_cache()

    def peak(self) -> Figures:
        """Most GB of the card's memory that tensors held, and that were reserved for them, since it was asked last."""
        if not self.on_card:
            return {}
        held, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        torch.cuda.reset_peak_memory_stats()
        return {"peak_gb": round(held / GB, 2), "reserved_gb": round(reserved / GB, 2)}


class Bench:
    """With random models, as a card has no others, or those of a pool."""

    def __init__(self, scale: Scale, folder: Path, pool: ModelPool | None = None) -> None:
        self.scale, self.folder = scale, folder
        self.pool = pool or RandomPool(scale, folder / "few_step")
        self.clock = Clock(self.pool.device)

    def pool_for(self, token_steps: int, lora_steps: int) -> ModelPool:
        """The pool, in whose profile the phases of a training have so many steps, one after the other.

        Without previews and reminders: a step is about the photos alone.
        """
        alone = {"overlap": 0, "evaluate_every": 0, "reminder": None}
        pool, learning = copy.copy(self.pool), self.pool.profile.learning
        learning = replace(learning, token_steps=token_steps, lora_steps=lora_steps, **alone)
        pool.profile = replace(pool.profile, learning=learning)
        return pool

    @cached_property
    def samples(self) -> list[Sample]:
        learning = self.pool.profile.learning
        cutouts = tiny_models.cutouts(self.folder / "cutouts", 2 + learning.train_batch)  # a batch holds no photo twice
        with self.pool.use("sdxl") as pipe:
            return dataset.samples(pipe, cutouts, learning.size_px)

    @cached_property
    def pets(self) -> tuple[Adapter, ...]:
        """Two, learnt for a step in either phase."""
        return tuple(self._pet(seed) for seed in (1, 2))

    def _pet(self, seed: int) -> Adapter:
        pool = self.pool_for(1, 1)
        with pool.use("sdxl") as pipe:
            state = State(pipe, pool.profile.learning, adapter.recipe(pool, (), "dog", seed))
            try:
                for _ in train(state, self.samples, pool.device):
                    pass
                return adapter.save(state, self.folder / f"pet-{seed}")
            finally:
                state.close()


def middle(times: Iterable[float], unit: str = "ms") -> Figures:
    """The median of some seconds, the least and the most of them."""
    shown = sorted(one * {"ms": 1000, "s": 1}[unit] for one in times)
    middle, least, most = (float(f"{one:.4g}") for one in (median(shown), shown[0], shown[-1]))
    return {unit: middle, "least": least, "most": most}
