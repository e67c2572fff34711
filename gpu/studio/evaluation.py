"""How a training gets on: every so many steps it paints the pet, which is held against photos that are not learnt.

Knows: which photos are held out, how previews are painted beside a training, what they score, when there is no gain any
more. Does not know: how a step is made (train.py), what happens to a curve (state.py).

Everything here follows from the training's state and seed, so that a training which stops by itself still ends in the
same bytes, however often it was interrupted.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from gpu.durable import whole
from gpu.learning import Learning
from gpu.profile import Profile
from gpu.studio import copies, likeness, segment, tokens
from gpu.studio.models import ModelPool
from gpu.studio.state import Mark, State
from gpu.types import Cutout

GAIN = 0.002  # of likeness: less is chance
SHARE = 5  # one photo of so many is held out


Cutouts = tuple[Cutout, ...]


def split(cutouts: Cutouts, learning: Learning, seed: int) -> tuple[Cutouts, Cutouts]:
    """Those that are learnt and those that are held out, none of fewer than learning.held_out_from."""
    if len(cutouts) < learning.held_out_from:
        return cutouts, ()
    held = set(random.Random(seed).sample(range(len(cutouts)), len(cutouts) // SHARE))
    return tuple(one for n, one in enumerate(cutouts) if n not in held), tuple(cutouts[n] for n in sorted(held))


def is_over(curve: Sequence[Mark], patience: int) -> bool:
    """Whether the last `patience` marks brought nothing; never, if that is 0."""
    return bool(patience) and len(curve) - 1 - best(curve) >= patience


def best(curve: Sequence[Mark]) -> int:
    """Which mark is the best one: the first of those that are not clearly surpassed, copies of photos last."""
    found = 0
    for n, mark in enumerate(curve):
        leader = curve[found]
        if (mark.copied, -mark.likeness) < (leader.copied, -leader.likeness - GAIN):
            found = n
    return found


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Marks one training. `held` empty: it is held against its own photos, which proves little, and chooses nothing."""

    pool: ModelPool
    learnt: Cutouts
    held: Cutouts
    folder: Path  # for the previews

    @property
    def chooses(self) -> bool:
        """Whether the best step is kept, and the training ends where there is no gain any more."""
        return bool(self.held)

    def is_due(self, state: State) -> bool:
        """Whether the step that was made last is to be marked, and is not yet."""
        every, step = state.learning.evaluate_every, state.step
        marked = bool(state.curve) and state.curve[-1].step == step
        return bool(every) and not marked and (step % every == 0 or step == state.steps)

    @torch.no_grad()
    def evaluate(self, state: State) -> Iterator[tuple[Mark, Path] | None]:
        """None after each denoising step, and at last the mark, and the picture of the first seed."""
        latents: list[Tensor] = []
        for latents[:] in _denoised(state, self.pool.profile):
            yield None
        images = _decoded(state.pipe, torch.stack(latents))
        path = self.folder / f"{state.step}.png"
        self.folder.mkdir(exist_ok=True)
        with whole(path) as fresh:
            images[0].save(fresh, "PNG")
        yield self._mark(state.step, images), path

    def _mark(self, step: int, images: list[Image.Image]) -> Mark:
        side, segmenting = self.pool.profile.dino_px, self.pool.profile.segmenting
        with self.pool.use("yolo") as segmenter, self.pool.use("dino") as dino:
            pet = likeness.of_cutouts(dino, self.held or self.learnt, side)
            masks = [segment.pet_or_all(segmenter, image, segmenting) for image in images]
            pairs = list(zip(images, masks, strict=True))
            marks = [likeness.likeness(dino, image, mask, pet, side) for image, mask in pairs]
        copied = sum(copies.is_copy(image, mask, self.learnt) for image, mask in pairs)
        return Mark(step=step, likeness=round(fmean(marks), 4), copied=2 * copied > len(pairs))


def _denoised(state: State, profile: Profile) -> Iterator[Tensor]:
    """The previews' latents [n, c, h, w] after each step of denoising, by the training's own seed.

    By hand and not by the pipeline's call: a pause may come between two steps, and the pipe's scheduler may be another
    painting's meanwhile.
    """
    pipe, learning, painting = state.pipe, state.learning, profile.painting
    scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    scheduler.set_timesteps(learning.preview_steps, device=pipe.device)
    seeds = [state.recipe["seed"] + n for n in range(learning.previews)]
    chances = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
    side = learning.size_px // pipe.vae_scale_factor
    shape = (len(seeds), pipe.unet.config.in_channels, side, side)
    latents = randn_tensor(shape, generator=chances, device=pipe.device, dtype=pipe.unet.dtype)
    latents = latents * scheduler.init_noise_sigma
    condition = _condition(state, len(seeds))
    extra = pipe.prepare_extra_step_kwargs(chances, 0.0)
    for t in scheduler.timesteps:
        guidance = painting.presets[painting.quality].guidance
        pair = scheduler.scale_model_input(torch.cat([latents] * 2), t)
        without, with_prompt = pipe.unet(pair, t, **condition).sample.chunk(2)
        latents = scheduler.step(without + guidance * (with_prompt - without), t, latents, **extra).prev_sample
        yield latents


def _condition(state: State, count: int) -> dict[str, Any]:
    """An empty prompt and the first caption with the pet's tokens, each for `count` pictures."""
    pipe, size_px = state.pipe, state.learning.size_px
    pet = " ".join([*state.recipe["tokens"], state.recipe["class_word"]])
    text = tokens.encode(pipe, ["", state.learning.captions[0].format(pet)])
    sizes = torch.tensor([[size_px, size_px, 0, 0, size_px, size_px]], device=pipe.device, dtype=pipe.unet.dtype)
    return {
        "encoder_hidden_states": text.hidden.repeat_interleave(count, 0),
        "added_cond_kwargs": {
            "text_embeds": text.pooled.repeat_interleave(count, 0),
            "time_ids": sizes.expand(2 * count, -1),
        },
    }


def _decoded(pipe: StableDiffusionXLPipeline, latents: Tensor) -> list[Image.Image]:
    scaled = (latents / pipe.vae.config.scaling_factor).to(pipe.vae.dtype)
    return pipe.image_processor.postprocess(pipe.vae.decode(scaled).sample, output_type="pil")
