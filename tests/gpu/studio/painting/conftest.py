"""A painter of tiny models with a few-step LoRA, and a job for it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler
from torch import Tensor

from gpu.jobs import Paint
from gpu.pets import Adapter
from gpu.portraits import Wish
from gpu.studio.models import ModelPool
from gpu.studio.painter import Painter
from gpu.studio.rewrite import PromptWriter
from tests.helpers import tiny_models
from tests.helpers.paintings import LORA, PROMPT


@pytest.fixture(scope="module")
def few_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of random numbers."""
    folder = tmp_path_factory.mktemp("few_step")
    with tiny_models.pool().use("sdxl") as pipe:
        unet = type(pipe.unet).from_config(pipe.unet.config)
        shapes = {name: layer for name, layer in unet.named_modules() if name.endswith(("to_q", "proj_in"))}
        chance, lora = torch.Generator().manual_seed(2), dict[str, Tensor]()
        for name, layer in shapes.items():
            lora[f"{name}.lora_A.weight"] = torch.randn(2, layer.in_features, generator=chance)
            lora[f"{name}.lora_B.weight"] = torch.randn(layer.out_features, 2, generator=chance)
        pipe.save_lora_weights(folder, unet_lora_layers=lora)
    return folder


@pytest.fixture(scope="module")
def pool(few_step: Path) -> ModelPool:
    """Tiny models, with the scheduler of the pocket ones, which draws chance at every step."""
    pool = ModelPool(replace(tiny_models.pool().profile, few_step=str(few_step), few_step_file=LORA))
    torch.set_num_threads(1)
    with pool.use("sdxl") as pipe:
        pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    return pool


@pytest.fixture(scope="module")
def painter(pool: ModelPool) -> Painter:
    return Painter(pool, PromptWriter(pool))


@pytest.fixture
def job(pet: Adapter, tmp_path: Path) -> Paint:
    cutouts, wish = tiny_models.cutouts(tmp_path / "cutouts"), Wish(style="photo")
    return Paint(job_id="1", folder=tmp_path, adapter=pet, cutouts=cutouts, wish=wish, seeds=(5,), prompt=PROMPT)
