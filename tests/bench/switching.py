"""How long it takes to put one pet on in place of another, against `load_lora_weights` of diffusers.

Knows: the pocket painter, SDXL's UNet at full size with random weights, LoRAs with random weights, a training that is
paused. Does not know: what any of them paint; tests/gpu/studio/test_lora.py holds the pixels. The text encoders are the
pocket's at both sizes: a pet's rows there are a few kilobytes.

    python -m tests.bench.switching [SDXL_CONFIG]     (without the folder of SDXL's configs the pocket alone)
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from gpu.pets import Adapter
from gpu.profile import PROFILES, SDXL, Learning
from gpu.studio import adapter
from gpu.studio.adapter import LORA_FILE, apply_adapter
from gpu.studio.models import ModelPool
from gpu.studio.state import State
from tests.bench.fullsize import randomly
from tests.bench.results import keep

SWITCHES, ROUNDS = 100, 5


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a switch of pets.")
    parser.add_argument("config", type=Path, nargs="?", help="a folder with SDXL's config files")
    config = parser.parse_args().config
    pool = ModelPool(PROFILES["pocket"])
    with pool.use("sdxl") as pipe:
        figures = {"pocket": measured(pool, pipe, pool.profile.learning)}
        if config:
            unet = randomly(UNet2DConditionModel, UNet2DConditionModel.load_config(config / "unet"))
            full = StableDiffusionXLPipeline(**{**pipe.components, "unet": unet.requires_grad_(False).eval()})
            figures["fullsize"] = measured(pool, full, SDXL.learning)
    keep("switching", figures)
    return 0


def measured(pool: ModelPool, pipe: StableDiffusionXLPipeline, learning: Learning) -> dict[str, object]:
    """Milliseconds of a switch, alone and beside a training; whether any weight of the base changed in all of them."""
    with tempfile.TemporaryDirectory() as name:
        pets = [pet(pool, pipe, learning, Path(name) / str(seed)) for seed in range(2)]
        before = digest(pipe.unet)
        alone = switches(pool, pipe, pets)
        beside, unchanged = switches_beside_a_training(pool, pipe, pets, learning)
        return {
            "lora_mb": round((pets[0].folder / LORA_FILE).stat().st_size / 1e6, 1),
            "alone": alone,
            "beside_a_training": {**beside, "base_and_training_unchanged": unchanged},
            "base_unchanged": digest(pipe.unet) == before,
        }


def switches_beside_a_training(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pets: list[Adapter], learning: Learning
) -> tuple[dict[str, float], bool]:
    state = State(pipe, learning, adapter.recipe(pool, (), "dog", 9))
    state.begin_lora()
    before = digest(pipe.unet)  # of the base and of what is learnt
    found = switches(pool, pipe, pets)
    unchanged = digest(pipe.unet) == before
    state.close()
    return found, unchanged


def pet(pool: ModelPool, pipe: StableDiffusionXLPipeline, learning: Learning, folder: Path) -> Adapter:
    """Not trained, but of the size and shape of one that is."""
    state = State(pipe, learning, adapter.recipe(pool, (), "dog", 1))
    state.begin_lora()
    with torch.no_grad():
        for param in state.params.values():
            param.add_(0.01 * torch.randn(param.shape))
    made = adapter.save(state, folder)
    state.close()
    return made


def switches(pool: ModelPool, pipe: StableDiffusionXLPipeline, pets: list[Adapter]) -> dict[str, float]:
    """The medians of interleaved rounds; SWITCHES switches of ours in all."""
    pool.lora.cache_clear()
    first = milliseconds(partial(worn, pool, pipe, pets[0]))
    worn(pool, pipe, pets[1])
    ours, theirs = list[float](), list[float]()
    for number in range(ROUNDS):
        theirs.append(milliseconds(partial(load, pipe, pets[number % 2])))
        pipe.unet.delete_adapters("theirs")
        ours += [milliseconds(partial(worn, pool, pipe, pets[turn % 2])) for turn in range(SWITCHES // ROUNDS)]
    return {
        "first_ms": round(first, 1),
        "switch_ms": round(median(ours), 2),
        "load_lora_weights_ms": round(median(theirs), 1),
        "times": round(median(theirs) / median(ours), 1),
    }


def worn(pool: ModelPool, pipe: StableDiffusionXLPipeline, one: Adapter) -> None:
    """Put on and taken off: that the next can come, too, belongs to a switch."""
    with apply_adapter(pipe, one, pool):
        pass


def load(pipe: StableDiffusionXLPipeline, one: Adapter) -> None:
    pipe.load_lora_weights(one.folder, weight_name=LORA_FILE, adapter_name="theirs")


def milliseconds(do: Callable[[], None]) -> float:
    began = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - began)


def digest(unet: UNet2DConditionModel) -> str:
    """Of every weight by its name."""
    found = hashlib.sha256()
    for name, tensor in unet.state_dict().items():
        found.update(name.encode())
        found.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
