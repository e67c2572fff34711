"""Whether a picture shows what its prompt asks for, by the painter's own UNet: no other model judges.

Knows: denoising errors. Does not know: which phrases a prompt has (subjects.py), who the pet is (it is asked about as
"a dog"), likeness, what a number is called in words (gpu/verdicts.py).

A diffusion model denoises a picture better with words that fit it (Li et al. 2023 and Clark and Jaini 2023 classify
pictures so). One phrase at a time is left out, under the same noise, and the error of the prediction without it is
projected on what the phrase changes in the prediction: 1 if all of that change was right, -1 if as much of it was
wrong. Unlike a difference of errors, this does not depend on how large the thing is that the phrase names. Of 32
drawings, at TIMES: the scene is told from eleven others 32 times; of a hat, glasses and a scarf the sign is right in
23 of 24 drawings with the thing, and in 70 of 72 without it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from gpu.portraits import Prompt
from gpu.studio import tokens
from gpu.studio.lora import bare, slots_of
from gpu.studio.models import ModelPool
from gpu.studio.objective import target
from gpu.studio.subjects import phrases

TIMES = (0.1, 0.3)  # of the noise schedule: in more noise small things are lost
SEED = 0  # of the noise, the same for all pictures
NO_LESS = 1e-6  # of a phrase that changes nothing, nothing can be said


AfterPass = Callable[[], None]
"""Called after each pass of the UNet; it may raise."""


def agreement(
    pool: ModelPool, pictures: Sequence[Image.Image], prompt: Prompt, names: tuple[str, ...], after_pass: AfterPass
) -> list[float]:
    """For each picture -1..1, the mean of how far each phrase is there; all of one size. `names`: the pet's tokens."""
    whole, without = phrases(prompt.text, names)
    if not without:
        return [1.0] * len(pictures)
    batch = pool.profile.painting.batch
    with pool.use("sdxl") as pipe, bare(slots_of(pipe.unet)):  # a paused training's LoRA is no judge
        some = (pictures[at : at + batch] for at in range(0, len(pictures), batch))
        return [score for few in some for score in _scores(pipe, few, whole, without, after_pass)]


@torch.no_grad()
def _scores(
    pipe: StableDiffusionXLPipeline,
    pictures: Sequence[Image.Image],
    whole: str,
    without: list[str],
    after_pass: AfterPass,
) -> list[float]:
    latents = _latents(pipe, pictures)
    noise = torch.randn(latents.shape[1:], generator=torch.Generator().manual_seed(SEED)).to(latents)
    schedule = DDPMScheduler.from_config(pipe.scheduler.config)
    texts = [tokens.encode(pipe, [text]) for text in (whole, *without)]
    right, size = torch.zeros(len(without), len(pictures)), torch.full((len(without), len(pictures)), NO_LESS)
    for time in TIMES:
        t = torch.tensor(round(time * len(schedule.alphas_cumprod)), device=latents.device)
        noisy = schedule.add_noise(latents, noise.expand_as(latents), t[None])
        wanted = target(schedule, latents, noise.expand_as(latents), t.expand(len(latents)))
        said, *unsaid = (_predict(pipe, noisy, t, text, pictures[0].size, after_pass) for text in texts)
        for number, less in enumerate(unsaid):
            change = said - less
            right[number] += ((wanted - less) * change).sum((1, 2, 3)).cpu()
            size[number] += change.square().sum((1, 2, 3)).cpu()
    return (2 * right / size - 1).clamp(-1, 1).mean(0).tolist()


def _latents(pipe: StableDiffusionXLPipeline, pictures: Sequence[Image.Image]) -> Tensor:
    """[pictures, channels, height, width], scaled as the UNet sees them, fp32."""
    pixels = np.stack([np.asarray(picture.convert("RGB"), dtype=np.float32) / 127.5 - 1 for picture in pictures])
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(pipe.vae.device, pipe.vae.dtype)
    return pipe.vae.encode(x).latent_dist.mean.float() * pipe.vae.config.scaling_factor


def _predict(
    pipe: StableDiffusionXLPipeline,
    noisy: Tensor,
    t: Tensor,
    text: tokens.TextEmbeddings,
    side: tuple[int, int],
    after_pass: AfterPass,
) -> Tensor:
    """What the UNet predicts of latents, fp32, if they show a picture of this text and of this width and height."""
    many, (width, height) = len(noisy), side
    sizes = torch.tensor([height, width, 0, 0, height, width], device=noisy.device, dtype=pipe.unet.dtype)
    added = {"text_embeds": text.pooled.expand(many, -1), "time_ids": sizes.expand(many, -1)}
    hidden = text.hidden.expand(many, -1, -1)
    x = noisy.to(pipe.unet.dtype)
    predicted = pipe.unet(x, t, encoder_hidden_states=hidden, added_cond_kwargs=added).sample.float()
    after_pass()
    return predicted
