"""Teaches the pocket refiner the last fifth of the denoising, from the second text encoder alone.

Knows: the finished pipeline in folder/sdxl, latents, captions. Does not know: pets; their LoRA does not fit it.
The real refiner's shape (Podell et al. 2023, 2.5): one text encoder, an aesthetic score in place of the target size,
no attention at full resolution, trained at low noise only. It begins with what the painter knows.
"""

import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from gpu.pocket.build.common import autocast, captions
from gpu.pocket.build.painter import TOWERS, cache_latents, ids_of
from gpu.pocket.build.training_loop import TrainingLoop
from gpu.pocket.world.kennel import SIZE

BATCH, MOST_NOISY = 64, 220  # of 1000: it takes over at 200 (Painting.refiner_from)
FINE, POOR = 6.0, 2.5  # aesthetic scores that the pipeline gives to the prompt and to the negative prompt


def new_refiner(painter: UNet2DConditionModel) -> UNet2DConditionModel:
    """A refiner that begins with those of the painter's weights that fit."""
    ids = 5 * painter.config.addition_time_embed_dim
    refiner = UNet2DConditionModel.from_config(
        {
            **painter.config,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "block_out_channels": (64, 96),
            "cross_attention_dim": TOWERS[1],
            "projection_class_embeddings_input_dim": TOWERS[1] + ids,
        }
    )
    known, fitting = painter.state_dict(), refiner.state_dict()
    for name, own in fitting.items():
        # Words of the second tower come last in the painter's; text and the first four sizes come first.
        words = name.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))
        weight = known[name][:, TOWERS[0] :] if words else known[name]
        own.copy_(weight[tuple(slice(size) for size in own.shape)])
    return refiner


def train_refiner(folder: Path, drawn: Path, steps: int, lr: float = 3e-4) -> None:
    """Train to `steps` of BATCH samples, going on from the last checkpoint; leaves folder/refiner."""
    torch.manual_seed(0)
    pipe = StableDiffusionXLPipeline.from_pretrained(folder / "sdxl", dtype=torch.float32)
    tokenizer, tower, alphas = (
        pipe.tokenizer_2,
        pipe.text_encoder_2.requires_grad_(False),
        pipe.scheduler.alphas_cumprod,
    )
    latents, ids, empty = cache_latents(folder, drawn), ids_of(tokenizer, captions(drawn)), ids_of(tokenizer, [""])
    refiner = new_refiner(pipe.unet).to(memory_format=torch.channels_last)
    refiner.set_attn_processor(AttnProcessor())  # as in painter.py
    loop = TrainingLoop(refiner, folder / "refiner", steps, lr, warmup=20)
    for step in loop:
        draws = torch.Generator().manual_seed(step)
        pick = torch.randint(len(latents), (BATCH,), generator=draws)
        clean = latents[pick].float()  # (b, 8, 16, 16)
        noise = torch.randn(clean.shape, generator=draws)
        t = torch.randint(MOST_NOISY, (BATCH,), generator=draws)
        a = alphas[t][:, None, None, None]
        drop = torch.rand(BATCH, generator=draws) < 0.1
        with autocast():
            with torch.no_grad():
                said = tower(torch.where(drop[:, None], empty, ids[pick]), output_hidden_states=True)
            extra = {"text_embeds": said.text_embeds, "time_ids": _sizes(drop)}
            noisy = (a.sqrt() * clean + (1 - a).sqrt() * noise).to(memory_format=torch.channels_last)
            out = refiner(noisy, t, said.hidden_states[-2], added_cond_kwargs=extra).sample.float()
        loop.learn(step, F.mse_loss(out, noise))
    loop.finish()
    _save(pipe, refiner, folder / "refiner")


def _sizes(drop: Tensor) -> Tensor:
    """The refiner's size conditions (b, 5): original size, crop, aesthetic score."""
    score = torch.where(drop, POOR, FINE)[:, None]
    return torch.cat([torch.tensor([SIZE, SIZE, 0.0, 0.0]).expand(len(drop), -1), score], 1)


def _save(pipe: StableDiffusionXLPipeline, refiner: UNet2DConditionModel, out: Path) -> None:
    """Write it without what it shares with the base, which gpu/studio/models.py gives it, as it does the real one."""
    shutil.rmtree(out, ignore_errors=True)
    StableDiffusionXLImg2ImgPipeline(
        pipe.vae, None, pipe.text_encoder_2, None, pipe.tokenizer_2, refiner.half(), pipe.scheduler,
        requires_aesthetics_score=True, force_zeros_for_empty_prompt=False, add_watermarker=False,
    ).save_pretrained(out)  # fmt: skip
    for shared in ("vae", "text_encoder_2", "tokenizer_2"):
        shutil.rmtree(out / shared)
