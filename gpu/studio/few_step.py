"""Painting in few steps: a LoRA beside the pet's, and the scheduler that it was distilled for.

Knows: how both are put on a pipeline that wears a pet, and taken off again. Does not know: where the file lies, how
many steps are taken.

Hyper-SD's LoRAs "CFG" (Ren et al. 2024) keep classifier-free guidance, so the negative is still obeyed; their card asks
for DDIM with trailing timesteps and a guidance scale of 5 to 8.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler, StableDiffusionXLPipeline
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from torch import nn

from gpu.errors import ModelsMissing
from gpu.studio.adapter import PET

FEW_STEP = "few_step"  # the LoRA's name while it is put on


@contextmanager
def few_steps(pipe: StableDiffusionXLPipeline, file: Path) -> Iterator[None]:
    """Inside apply_adapter(), but not conditional_only(), the pipe paints in few steps.

    Raises ModelsMissing where the file does not fit.
    """
    scheduler, unet = pipe.scheduler, pipe.unet
    try:  # the pet's layers are kept: also what was put into them before memory ran out comes off again
        _put_on(pipe, file)
        for _, _, layer in _layers(unet):
            layer.set_adapter([PET, FEW_STEP])
        pipe.scheduler = DDIMScheduler.from_config(scheduler.config, timestep_spacing="trailing", clip_sample=False)
        yield
    finally:
        pipe.scheduler = scheduler
        unet.delete_adapters(FEW_STEP)
        for parent, name, layer in _layers(unet):
            layer.set_adapter([PET])
            if not layer.lora_A:  # the pet has none here: the UNet's own layer stands again where it stood
                setattr(parent, name, layer.get_base_layer())


def _put_on(pipe: StableDiffusionXLPipeline, file: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # the pet's
            lora, alphas, *_ = pipe.lora_state_dict(str(file), unet_config=pipe.unet.config)
            pipe.unet.load_lora_adapter(lora, prefix="unet", network_alphas=alphas, adapter_name=FEW_STEP)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelsMissing(f"few_step: {error}") from error


def _layers(unet: UNet2DConditionModel) -> list[tuple[nn.Module, str, Any]]:
    """Every layer that carries a LoRA, and where it stands."""
    every = [(parent, name, child) for parent in unet.modules() for name, child in parent.named_children()]
    return [(parent, name, child) for parent, name, child in every if isinstance(child, BaseTunerLayer)]
