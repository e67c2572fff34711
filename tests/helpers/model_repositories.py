"""The real models' repositories as far as their files' names go: each file there is, and hardly anything in it.

Knows: what lies in each repository, what a tiny safetensors file looks like. Does not know: who reads it. No torch.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gpu.profile import SDXL, Profile

ENCODERS = ("model.safetensors", "model.fp16.safetensors", "flax_model.msgpack", "model.onnx", "openvino_model.bin")
NETWORKS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
CLIP = ("merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json")
SHARDS = tuple(f"model-0000{number}-of-00004.safetensors" for number in range(1, 5))
LLAMA = "meta-llama/Meta-Llama-3-8B-Instruct"

FOLDERS = {
    "stabilityai/stable-diffusion-xl-base-1.0": {
        "": (".gitattributes", "01.png", "LICENSE.md", "README.md", "model_index.json", "sd_xl_base_1.0.safetensors"),
        "scheduler": ("scheduler_config.json",),
        "text_encoder": ("config.json", *ENCODERS),
        "text_encoder_2": ("config.json", *ENCODERS, "model.onnx_data"),
        "tokenizer": CLIP,
        "tokenizer_2": CLIP,
        "unet": ("config.json", *NETWORKS, "diffusion_flax_model.msgpack", "model.onnx", "model.onnx_data"),
        "vae": ("config.json", *NETWORKS, "diffusion_flax_model.msgpack"),
        "vae_1_0": ("config.json", *NETWORKS),
        "vae_decoder": ("config.json", "model.onnx", "openvino_model.bin"),
    },
    "madebyollin/sdxl-vae-fp16-fix": {
        "": ("README.md", "config.json", "diffusion_pytorch_model.bin", NETWORKS[0], "sdxl.vae.safetensors"),
        "images": ("orig-fp32.png",),
    },
    "ByteDance/Hyper-SD": {
        "": ("README.md", *(f"Hyper-SDXL-{kind}-lora.safetensors" for kind in ("8steps-CFG", "12steps-CFG", "1step"))),
        "comfyui": ("Hyper-SDXL-1step-Unet-workflow.json",),
    },
    LLAMA: {
        "": (
            *(".gitattributes", "LICENSE", "README.md", "USE_POLICY.md", "config.json", "generation_config.json"),
            *SHARDS,
            *("model.safetensors.index.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"),
        ),
        "original": ("consolidated.00.pth", "params.json", "tokenizer.model"),
    },
    "facebook/dinov2-base": {
        "": ("README.md", "config.json", "model.safetensors", "preprocessor_config.json", "pytorch_model.bin"),
    },
}  # fmt: skip


def weights(*tensors: str, numbers: int = 64) -> bytes:
    """A safetensors file with these tensors of so many half-precision numbers each."""
    return _header(tensors, numbers) + bytes(2 * numbers * len(tensors))


def sparse(path: Path, tensors: Sequence[str], numbers: int) -> None:
    """The same, of a real model's size, without taking as much of the disk."""
    header = _header(tensors, numbers)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 2 * numbers * len(tensors))


def _header(tensors: Sequence[str], numbers: int) -> bytes:
    size = 2 * numbers
    header = {
        name: {"dtype": "F16", "shape": [numbers], "data_offsets": [place * size, (place + 1) * size]}
        for place, name in enumerate(tensors)
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def repository(model: str) -> dict[str, bytes]:
    """Every file of the model's repository by the name that the hub gives it."""
    names = (f"{folder}/{name}" if folder else name for folder, inside in FOLDERS[model].items() for name in inside)
    return {name: content(name) for name in names}


def content(name: str) -> bytes:
    """As little as can be, but of the right kind."""
    last = name.rpartition("/")[2]
    if last == "model.safetensors.index.json":
        return json.dumps({"weight_map": {f"layer.{shard}": shard for shard in SHARDS}}).encode()
    if last.endswith(".safetensors"):
        return weights(f"layer.{last}")
    return json.dumps({"of": name}).encode() if last.endswith(".json") else f"{name}\n".encode()


def segmenter(folder: Path) -> None:
    """A segmenter's folder that looks whole from outside."""
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text("{nc: 2, names: {0: cat, 1: dog}, scale: n, backbone: [[1]], head: [[2]]}")
    (folder / "model.safetensors").write_bytes(weights("model.0.conv.weight"))


def written(folder: Path) -> Profile:
    """The profile of a full-size studio, with every model in a folder of its own below `folder`."""
    for model in FOLDERS:
        for name, data in repository(model).items():
            path = folder / model / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    segmenter(folder / "yolov8x-seg")
    places = {name: str(folder / str(getattr(SDXL, name))) for name in ("sdxl", "vae", "few_step", "llama", "dino")}
    return replace(SDXL, segmenter=str(folder / "yolov8x-seg"), **places)
