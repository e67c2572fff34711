"""An SDXL in one file, as people share them: the names that its first authors gave the tensors.

Knows: those names, for networks of one layer a block (tests/helpers/tiny_models.py). Does not know: who reads it.
Source: what diffusers' from_single_file reads, the other way round.
"""

import re
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING
from safetensors.torch import save_file
from torch import Tensor, nn

Names = list[tuple[str, str]]  # a pattern, and what stands there instead

RESNET: Names = [
    (r"\.norm1\.", ".in_layers.0."), (r"\.conv1\.", ".in_layers.2."), (r"\.time_emb_proj\.", ".emb_layers.1."),
    (r"\.norm2\.", ".out_layers.0."), (r"\.conv2\.", ".out_layers.3."), (r"\.conv_shortcut\.", ".skip_connection."),
]  # fmt: skip
UNET: Names = [
    (r"^down_blocks\.0\.resnets\.0", "input_blocks.1.0"),
    (r"^down_blocks\.0\.downsamplers\.0\.conv", "input_blocks.2.0.op"),
    (r"^down_blocks\.1\.resnets\.0", "input_blocks.3.0"), (r"^down_blocks\.1\.attentions\.0", "input_blocks.3.1"),
    (r"^mid_block\.resnets\.0", "middle_block.0"), (r"^mid_block\.attentions\.0", "middle_block.1"),
    (r"^mid_block\.resnets\.1", "middle_block.2"), (r"^up_blocks\.0\.resnets\.(\d)", r"output_blocks.\1.0"),
    (r"^up_blocks\.0\.attentions\.(\d)", r"output_blocks.\1.1"),
    (r"^up_blocks\.0\.upsamplers\.0", "output_blocks.1.2"), (r"^up_blocks\.1\.resnets\.0", "output_blocks.2.0"),
    (r"^up_blocks\.1\.resnets\.1", "output_blocks.3.0"),
]  # fmt: skip
VAE: Names = [
    (r"down_blocks\.(\d)\.resnets", r"down.\1.block"), (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.0\.", "up.3~."), (r"up_blocks\.1\.", "up.2~."),
    (r"up_blocks\.2\.", "up.1~."), (r"up_blocks\.3\.", "up.0~."),
    (r"~\.resnets", ".block"), (r"~\.upsamplers\.0", ".upsample"), (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"), (r"mid_block\.attentions\.0", "mid.attn_1"), (r"group_norm", "norm"),
    (r"to_(q|k|v)\.", r"\1."), (r"to_out\.0", "proj_out"),
    (r"conv_norm_out", "norm_out"), (r"conv_shortcut", "nin_shortcut"),
]  # fmt: skip
OPEN_CLIP: Names = [
    (r"^text_model\.encoder\.layers", "transformer.resblocks"), (r"layer_norm(\d)", r"ln_\1"), (r"\.fc1\.", ".c_fc."),
    (r"\.fc2\.", ".c_proj."), (r"\.self_attn\.", ".attn."),
]  # fmt: skip


def write(pipe: StableDiffusionXLPipeline, file: Path) -> None:
    """The pipe's networks, without its tokenizers, as one file."""
    tensors = _unet(pipe.unet) | _vae(pipe.vae) | _clip(pipe.text_encoder) | _open_clip(pipe.text_encoder_2)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)


def _renamed(name: str, names: Names) -> str:
    for pattern, new in names:
        name = re.sub(pattern, new, name)
    return name


def _unet(unet: nn.Module) -> dict[str, Tensor]:
    top = DIFFUSERS_TO_LDM_MAPPING["unet"]["layers"] | DIFFUSERS_TO_LDM_MAPPING["unet"]["addition_embed_type"]
    found: dict[str, Tensor] = {}
    for name, tensor in unet.state_dict().items():
        new = _renamed(name, UNET)
        found["model.diffusion_model." + top.get(name, _renamed(new, RESNET if "resnets" in name else []))] = tensor
    return found


def _vae(vae: nn.Module) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in vae.state_dict().items():
        is_attention = "attentions" in name and name.endswith("weight") and "norm" not in name
        found["first_stage_model." + _renamed(name, VAE)] = tensor[..., None, None] if is_attention else tensor
    return found


def _clip(encoder: nn.Module) -> dict[str, Tensor]:
    prefix = "conditioner.embedders.0.transformer.text_model."
    return {prefix + name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}


def _open_clip(encoder: nn.Module) -> dict[str, Tensor]:
    top = DIFFUSERS_TO_LDM_MAPPING["openclip"]["layers"]
    state, found = encoder.state_dict(), dict[str, Tensor]()
    for name, tensor in state.items():
        if match := re.search(r"\.q_proj\.(weight|bias)$", name):
            together = torch.cat([state[name.replace("q_proj", f"{part}_proj")] for part in "qkv"])
            found[_renamed(name[: match.start()] + ".", OPEN_CLIP) + f"in_proj_{match[1]}"] = together
        elif not re.search(r"\.[kv]_proj\.", name):
            new = top.get(name, _renamed(name, OPEN_CLIP))
            found[new] = tensor.T if new == "text_projection" else tensor
    return {f"conditioner.embedders.1.model.{name}": tensor for name, tensor in found.items()}
