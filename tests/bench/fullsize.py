"""`make fullsize`: the studio at full width. SDXL from its real config and a Llama-3-8B-shaped model with few layers.

Knows: how to make full-size models with random weights. Does not know: how the studio works; it runs the same code.
Shows that profile `sdxl` fits together: 2 training and 2 denoising steps at 512 px, and the peak memory. Random weights
paint noise; nothing here says anything about quality.
"""

import argparse
import asyncio
import random
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from gpu.jobs import Enroll
from gpu.outcomes import Progress
from gpu.portraits import Preset, Wish
from gpu.profile import PROFILES, SDXL, Profile
from gpu.studio.studio import build
from storage.files import Files
from storage.intake import Intake, Upload
from tests.bench.results import keep
from tests.helpers.bot_process import dog_photos

DTYPE = torch.bfloat16
LLAMA_LAYERS = 2


def randomly(kind: Any, config: Any, **more: Any) -> Any:
    """A model of the config with small random weights, never in more than two bytes a number."""
    with torch.device("meta"):
        model: nn.Module = kind(config, **more) if not isinstance(config, dict) else kind.from_config(config)
    model = model.to(DTYPE).to_empty(device="cpu")
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point():
            nn.init.normal_(tensor.data, std=0.02) if tensor.dim() > 1 else nn.init.ones_(tensor.data)
        elif "position_ids" in name:
            tensor.data.copy_(torch.arange(tensor.numel()).view_as(tensor))
    return model


def make_sdxl(config: Path, folder: Path) -> float:
    """SDXL base from its own config files; billions of parameters in the UNet."""
    unet = randomly(UNet2DConditionModel, UNet2DConditionModel.load_config(config / "unet"))
    towers = [CLIPTextConfig.from_pretrained(config / name) for name in ("text_encoder", "text_encoder_2")]
    StableDiffusionXLPipeline(
        vae=randomly(AutoencoderKL, AutoencoderKL.load_config(config / "vae")),
        text_encoder=randomly(CLIPTextModel, towers[0]),
        text_encoder_2=randomly(CLIPTextModelWithProjection, towers[1]),
        tokenizer=CLIPTokenizer.from_pretrained(config / "tokenizer"),
        tokenizer_2=CLIPTokenizer.from_pretrained(config / "tokenizer_2"),
        unet=unet,
        scheduler=EulerDiscreteScheduler.from_pretrained(config / "scheduler"),
        add_watermarker=False,
    ).save_pretrained(folder)
    return sum(p.numel() for p in unet.parameters()) / 1e9


def make_llama(folder: Path) -> float:
    """The width of Llama 3 8B, LLAMA_LAYERS of its 32 layers, and the pocket's tokenizer."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(PROFILES["pocket"].llama)
    config = LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=LLAMA_LAYERS,
        num_attention_heads=32, num_key_value_heads=8, max_position_embeddings=8192,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    torch.set_default_dtype(DTYPE)
    model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return sum(p.numel() for p in model.parameters()) / 1e9


def full(folder: Path) -> Profile:
    """Profile `sdxl` with local models and few steps; the dog finder and the likeness stay pocket ones."""
    pocket = PROFILES["pocket"]
    return replace(
        SDXL, name="fullsize", sdxl=str(folder / "sdxl"), sdxl_variant=None, vae=None,
        llama=str(folder / "llama"), dino=pocket.dino, dino_px=pocket.dino_px, segmenter=pocket.segmenter,
        segmenting=pocket.segmenting,
        learning=replace(SDXL.learning, size_px=512, token_steps=1, lora_steps=1),
        rewriting=replace(SDXL.rewriting, tokens=120),
        painting=replace(
            SDXL.painting, shapes={"square": (512, 512)}, presets={"normal": Preset(steps=2, guidance=6.0)},
        ),
        dtype="bfloat16",
    )  # fmt: skip


async def photos(folder: Path) -> Enroll:
    """Three photos of a kennel dog, taken in as the bot does."""
    files = Files(folder)
    intake, job_id = Intake(files), f"{random.getrandbits(48):012x}"
    uploads = [Upload(name=u.name, data=u.data) for u in dog_photos("fullsize", 3)]
    taken = tuple([await intake.take(upload, job_id) for upload in uploads])
    return Enroll(
        job_id=job_id, folder=files.job_folder(job_id), photos=taken, wish=Wish(style="oil", text="on a beach")
    )


def run(config: Path, folder: Path) -> dict[str, Any]:
    sizes = {"unet_billions": make_sdxl(config, folder / "sdxl"), "llama_billions": make_llama(folder / "llama")}
    made = peak()
    print(f"Models made: {sizes}, peak {made:.1f} GiB", flush=True)
    job, began = asyncio.run(photos(folder)), time.monotonic()
    seen: dict[str, float] = {}

    def report(progress: Progress) -> None:
        seen[f"{progress.phase} {progress.step}"] = round(time.monotonic() - began, 1)
        print(f"{time.monotonic() - began:7.1f} s  {progress.phase} {progress.step} of {progress.steps}", flush=True)

    done = build(full(folder)).enroll(job, report)
    return {
        **sizes,
        "reached_s": seen,
        "seconds": round(time.monotonic() - began, 1),
        "peak_gib": round(peak(), 1),
        "adapter_mb": round(sum(f.stat().st_size for f in done.adapter.folder.iterdir()) / 1e6, 1),
        "prompt": done.portraits[0].prompt.text,
    }


def peak() -> float:
    """Most memory this process ever held, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the studio at full size with random weights.")
    parser.add_argument("config", type=Path, help="a folder with SDXL's config files and tokenizers")
    config = parser.parse_args().config
    if not (config / "unet" / "config.json").is_file():
        told = f"{config} holds no configs of SDXL: make fullsize SDXL_CONFIG=folder (the README says what is in it)"
        print(told, file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="fullsize-"))
    try:
        keep("fullsize", run(config, folder))
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
