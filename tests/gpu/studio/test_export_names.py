"""What a full-size pet's tensors are called, and their shapes: by the rules of the programs that read them.

Knows: how ComfyUI, A1111 and sd-scripts find the layer of a tensor. Does not know: those programs. The UNet is on the
meta device, by SDXL's own configuration.
"""

import json
from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING, convert_ldm_unet_checkpoint
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor

from gpu.adapter_files import KOHYA_FILE, LORA_FILE, kohya_name, write_kohya
from gpu.model_files import slices
from gpu.profile import PROFILES
from tests.bench.card.models import CONFIGS

CONFIG = CONFIGS / "unet" / "config.json"
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # on purpose: the UNet is made once
RANK = 2
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
DOWNSAMPLERS = ("input_blocks.3.0.op.weight", "input_blocks.6.0.op.weight")


def authors_name(layer: str) -> str:
    """What SDXL's authors, and so the programs, call a layer of diffusers' UNet: "input_blocks.4.1.proj_in".

    Source: kohya-ss/sd-scripts, library/sdxl_model_util.py, make_unet_conversion_map(). A1111 (extensions-builtin/Lora/
    networks.py, convert_diffusers_name_to_compvis()) and ComfyUI (comfy/utils.py, unet_to_diffusers()) say the same.
    """
    block, at, kind, number, *rest = layer.replace("mid_block.", "mid_block.0.").split(".")
    is_resnet, place = kind == "resnets", 3 * int(at) + int(number)
    names = {
        "down_blocks": f"input_blocks.{place + 1}.{0 if is_resnet else 1}",
        "mid_block": f"middle_block.{2 * int(number) if is_resnet else 1}",
        "up_blocks": f"output_blocks.{place}.{0 if is_resnet else 1}",
    }
    return ".".join([names[block], *(RESNET[part] if is_resnet else part for part in rest)])


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    with torch.device("meta"):
        return UNet2DConditionModel.from_config(json.loads(CONFIG.read_text()))


@pytest.fixture(scope="module")
def weights(unet: UNet2DConditionModel) -> dict[str, Tensor]:
    """Of all of its layers."""
    return {name.removesuffix(".weight"): one for name, one in unet.named_parameters() if name.endswith(".weight")}


@pytest.fixture(scope="module", params=PROFILES)
def lora(request: pytest.FixtureRequest, unet: UNet2DConditionModel, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """As peft calls it, with the targets of each profile."""
    targets = list(PROFILES[request.param].learning.lora_targets)
    with torch.device("meta"):
        unet.add_adapter(LoraConfig(r=RANK, target_modules=targets), adapter_name=request.param)
    return get_peft_model_state_dict(unet, adapter_name=request.param)


def test_every_tensor_of_kohyas_file_has_its_layer(
    lora: dict[str, Tensor], weights: dict[str, Tensor], tmp_path: Path
) -> None:
    zeros = {f"unet.{name}": torch.zeros(one.shape, dtype=torch.float16) for name, one in lora.items()}
    save_file(zeros, tmp_path / LORA_FILE)
    write_kohya(tmp_path, tmp_path / KOHYA_FILE)
    known = {kohya_name(layer, "alpha").removesuffix(".alpha"): one.shape for layer, one in weights.items()}
    assert len(known) == len(weights), "no two layers have one name"
    found = {name: one.shape for name, one in slices(tmp_path / KOHYA_FILE).items()}
    named = {name.partition(".")[0] for name in found}
    assert named <= known.keys() and len(found) == 3 * len(named) == len(lora) // 2 * 3
    for name in named:
        out, width, *kernel = known[name]
        assert found[f"{name}.alpha"] == ()
        assert found[f"{name}.lora_down.weight"] == (RANK, width, *kernel)
        assert found[f"{name}.lora_up.weight"] == (out, RANK, *(1 for _ in kernel))


def test_the_names_lead_to_the_layers_of_sdxls_authors(lora: dict[str, Tensor], weights: dict[str, Tensor]) -> None:
    """diffusers' own table reads the authors' names: each has to come back as the layer that it was."""
    table = DIFFUSERS_TO_LDM_MAPPING["unet"]
    others = (*table["layers"].values(), *table["addition_embed_type"].values(), *DOWNSAMPLERS)
    inner = {layer for layer in weights if ".resnets." in layer or ".attentions." in layer}
    given = {authors_name(layer): weights[layer] for layer in inner}
    assert len(given) == len(inner)
    file = {name: torch.empty(0) for name in others} | {f"{name}.weight": one for name, one in given.items()}
    read = convert_ldm_unet_checkpoint(
        {f"model.diffusion_model.{name}": one for name, one in file.items()}, json.loads(CONFIG.read_text())
    )
    for layer in {name.partition(".lora_")[0] for name in lora}:
        assert read[f"{layer}.weight"] is weights[layer], layer
