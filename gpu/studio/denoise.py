"""Painting beside a training, step by step: with whatever stands in the UNet now, and a pause between any two steps.

Knows: the loop of guided denoising. Does not know: what is painted for whom. The pipeline's own call would do the same
in one piece, and by a scheduler that may be another painting's meanwhile.
"""

from collections.abc import Iterator, Sequence

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from gpu.studio import tokens


@torch.no_grad()
def denoised(
    pipe: StableDiffusionXLPipeline, prompt: str, seeds: Sequence[int], *, size_px: int, steps: int, guidance: float
) -> Iterator[Tensor]:
    """The latents [seeds, c, h, w] of square pictures of one prompt, after each step; the last ones are finished."""
    scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    scheduler.set_timesteps(steps, device=pipe.device)
    chances = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
    side = size_px // pipe.vae_scale_factor
    shape = (len(seeds), pipe.unet.config.in_channels, side, side)
    latents = randn_tensor(shape, generator=chances, device=pipe.device, dtype=pipe.unet.dtype)
    latents = latents * scheduler.init_noise_sigma
    text = tokens.encode(pipe, ["", prompt])
    sizes = torch.tensor([[size_px, size_px, 0, 0, size_px, size_px]], device=pipe.device, dtype=pipe.unet.dtype)
    added = {
        "text_embeds": text.pooled.repeat_interleave(len(seeds), 0),
        "time_ids": sizes.expand(2 * len(seeds), -1),
    }
    hidden = text.hidden.repeat_interleave(len(seeds), 0)
    extra = pipe.prepare_extra_step_kwargs(chances, 0.0)
    for t in scheduler.timesteps:
        pair = scheduler.scale_model_input(torch.cat([latents] * 2), t)
        predicted = pipe.unet(pair, t, encoder_hidden_states=hidden, added_cond_kwargs=added).sample
        without, with_prompt = predicted.chunk(2)
        latents = scheduler.step(without + guidance * (with_prompt - without), t, latents, **extra).prev_sample
        yield latents


@torch.no_grad()
def decoded(pipe: StableDiffusionXLPipeline, latents: Tensor) -> list[Image.Image]:
    """Finished latents [n, c, h, w] as pictures."""
    scaled = (latents / pipe.vae.config.scaling_factor).to(pipe.vae.dtype)
    return pipe.image_processor.postprocess(pipe.vae.decode(scaled).sample, output_type="pil")
