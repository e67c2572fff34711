"""Guided denoising by hand: a prompt as tensors, one call of the UNet, and the loop of them.

Knows: what the pipeline's own call does, in pieces between which others may come. Does not know: what is painted for
whom. Beside a training a painting pauses between any two steps, and has a scheduler of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from gpu.portraits import Prompt
from gpu.studio import tokens

FORESIGHT = 5  # calls of the UNet, at the most, to see what a picture would become

Texts = dict[str, Tensor]
"""A prompt as the pipeline's call takes it, for each picture of a batch."""


@torch.no_grad()
def embeddings(pipe: Any, prompts: Sequence[Prompt]) -> Texts:
    """A prompt for each picture; those that are equal are encoded once."""
    known = {prompt: tokens.encode(pipe, [prompt.text, prompt.negative]) for prompt in dict.fromkeys(prompts)}
    hidden = torch.stack([known[prompt].hidden for prompt in prompts], dim=1)  # [2, prompts, tokens, width]
    pooled = torch.stack([known[prompt].pooled for prompt in prompts], dim=1)  # [2, prompts, width]
    return {
        "prompt_embeds": hidden[0],
        "negative_prompt_embeds": hidden[1],
        "pooled_prompt_embeds": pooled[0],
        "negative_pooled_prompt_embeds": pooled[1],
    }


@torch.no_grad()
def predicted(pipe: Any, x: Tensor, t: Tensor, texts: Texts, guidance: float) -> Tensor:
    """What the UNet predicts [b, c, h, w] of x [b, c, h, w], which is scaled for it, at t: away from the negative."""
    height, width = (side * pipe.vae_scale_factor for side in x.shape[2:])
    sizes = torch.tensor([[height, width, 0, 0, height, width]], device=x.device, dtype=x.dtype)
    added = {
        "text_embeds": torch.cat([texts["negative_pooled_prompt_embeds"], texts["pooled_prompt_embeds"]]),
        "time_ids": sizes.expand(2 * len(x), -1),
    }
    hidden = torch.cat([texts["negative_prompt_embeds"], texts["prompt_embeds"]])
    both = pipe.unet(torch.cat([x, x]), t, encoder_hidden_states=hidden, added_cond_kwargs=added).sample
    without, with_prompt = both.chunk(2)
    return without + guidance * (with_prompt - without)


@torch.no_grad()
def foreseen(pipe: Any, x: Tensor, times: Tensor, texts: Texts, guidance: float) -> Tensor:
    """What latents x [b, c, h, w], as the UNet sees them at times[0], become: a few DDIM steps (Song et al. 2020)."""
    picks = torch.linspace(0, len(times) - 1, min(FORESIGHT, len(times))).round().long()
    signal = pipe.scheduler.alphas_cumprod.to(x.device, torch.float32)[times[picks].long()]
    picture = x.float()
    for number, pick in enumerate(picks.tolist()):
        a = signal[number]
        noise = predicted(pipe, x, times[pick], texts, guidance).float()
        if pipe.scheduler.config.prediction_type == "v_prediction":
            noise = a.sqrt() * noise + (1 - a).sqrt() * x.float()
        picture = (x.float() - (1 - a).sqrt() * noise) / a.sqrt()
        if number + 1 < len(picks):
            after = signal[number + 1]
            x = (after.sqrt() * picture + (1 - after).sqrt() * noise).to(x.dtype)
    return picture.to(x.dtype)


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
    texts, extra = embeddings(pipe, [Prompt(text=prompt)] * len(seeds)), pipe.prepare_extra_step_kwargs(chances, 0.0)
    for t in scheduler.timesteps:
        noise = predicted(pipe, scheduler.scale_model_input(latents, t), t, texts, guidance)
        latents = scheduler.step(noise, t, latents, **extra).prev_sample
        yield latents


@torch.no_grad()
def decoded(pipe: StableDiffusionXLPipeline, latents: Tensor) -> list[Image.Image]:
    """Finished latents [n, c, h, w] as pictures."""
    scaled = (latents / pipe.vae.config.scaling_factor).to(pipe.vae.dtype)
    return pipe.image_processor.postprocess(pipe.vae.decode(scaled).sample, output_type="pil")
