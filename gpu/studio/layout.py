"""Where the dog stands: ways to steer an SDXL pipeline towards a box, without any training.

Knows: when in the denoising each way acts, and on what. Does not know: how attention is read and changed
(attention.py), who asks for a box, or what else happens in the pipeline's call. Each way below stands for itself, and
can go without the others; tests/bench/layout.py compares them.

    with rolled(pipe, target(pipe, prompt, names, size), steps) as steering:
        pipe(latents=steering.begin(noise), callback_on_step_end=steering.on_step_end, ...)

Sources: attention bias as in eDiff-I's paint-with-words (Balaji et al. 2022) and Omost; regional keys and values as in
RPG (Yang et al. 2024); the gradient as in BoxDiff (Xie et al. 2023) and bounded attention (Dahary et al. 2024).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionXLPipeline
from diffusers.models.attention_processor import Attention
from torch import Tensor

from gpu.studio.attention import Gaze, Target, attending, looked_up

Inputs = dict[str, Tensor]
StepEnd = Callable[[Any, int, Tensor, Inputs], Inputs]

BIAS = 8.0  # added to and taken from the scores of the dog's tokens
EARLY = 0.5  # of the steps: what stands where is decided in them
SHIFT_AT = 0.35  # of the steps, after which the latents are moved
LOOK_AT = 0.15  # of the steps of a first try, after which it shows where the dog will be
STRENGTH = 6.0  # of a gradient's step, as a share of the noise level


def _same(latents: Tensor) -> Tensor:
    return latents


def _nothing(pipe: Any, step: int, t: Tensor, inputs: Inputs) -> Inputs:
    return inputs


@dataclass(frozen=True, slots=True)
class Steering:
    """What a way of steering does besides looking at the attention."""

    begin: Callable[[Tensor], Tensor] = _same  # the first noise -> another one
    on_step_end: StepEnd = _nothing


Way = Callable[[StableDiffusionXLPipeline, Target, int], AbstractContextManager[Steering]]
"""A pipeline with the pet on, the target, the count of steps."""


@contextmanager
def biased(pipe: StableDiffusionXLPipeline, target: Target, steps: int) -> Iterator[Steering]:
    """The box looks more at the dog's tokens, all else less, while it is decided what stands where."""
    clock = _Clock(steps)

    def attend(layer: Attention, query: Tensor, text: Tensor) -> Tensor:
        if clock.share > EARLY:
            return looked_up(layer, query, text)
        bias = torch.zeros(len(query), 1, query.shape[1], text.shape[1])
        inside = target.inside(query.shape[1]) * 2 - 1
        bias[len(query) // 2 :, :, :, target.dog] = BIAS * inside[:, None]
        return looked_up(layer, query, text, bias.to(query))

    with attending(pipe, attend):
        yield Steering(on_step_end=clock.on_step_end)


@contextmanager
def regional(pipe: StableDiffusionXLPipeline, target: Target, steps: int) -> Iterator[Steering]:
    """Outside of the box the prompt is one without a dog."""
    clock = _Clock(steps)

    def attend(layer: Attention, query: Tensor, text: Tensor) -> Tensor:
        said = looked_up(layer, query, text)
        if clock.share > EARLY:
            return said
        half = len(query) // 2
        without = looked_up(layer, query, torch.cat([text[:half], target.elsewhere.to(text).expand(half, -1, -1)]))
        inside = target.inside(query.shape[1]).to(said)[:, None].expand(len(query), -1, -1).clone()
        inside[:half] = 1
        return said * inside + without * (1 - inside)

    with attending(pipe, attend):
        yield Steering(on_step_end=clock.on_step_end)


@contextmanager
def drawn(pipe: StableDiffusionXLPipeline, target: Target, steps: int) -> Iterator[Steering]:
    """After each early step the latents go where the dog's tokens are looked at in the box, by the gradient."""
    gaze = Gaze(target)

    def on_step_end(_: Any, step: int, t: Tensor, inputs: Inputs) -> Inputs:
        if (step + 1) / steps > EARLY / 2 or step + 1 >= steps:
            return inputs
        latents = inputs["latents"]
        with torch.enable_grad():
            moved = latents.detach().requires_grad_(True)
            gaze.look(pipe, moved, step + 1)
            missed = ((1 - gaze.inside()) ** 2).sum()
            (gradient,) = torch.autograd.grad(missed, [moved])
        sigma = pipe.scheduler.sigmas[step + 1].to(latents)
        size = gradient.flatten(1).norm(dim=1).clamp(min=1e-8)[:, None, None, None]
        return inputs | {"latents": latents - STRENGTH * sigma * gradient / size}

    with attending(pipe, gaze.attend):
        yield Steering(on_step_end=on_step_end)


@contextmanager
def shifted(pipe: StableDiffusionXLPipeline, target: Target, steps: int) -> Iterator[Steering]:
    """In the middle of the denoising all latents are moved, so that the dog stands in the box."""
    gaze = Gaze(target)

    def on_step_end(_: Any, step: int, t: Tensor, inputs: Inputs) -> Inputs:
        if step + 1 != max(1, round(SHIFT_AT * steps)):
            return inputs
        latents = inputs["latents"]
        moved = [moved_by(one, *way, "reflect") for one, way in zip(latents, gaze.ways(), strict=True)]
        return inputs | {"latents": torch.stack(moved)}

    with attending(pipe, gaze.attend):
        yield Steering(on_step_end=on_step_end)


@contextmanager
def rolled(pipe: StableDiffusionXLPipeline, target: Target, steps: int) -> Iterator[Steering]:
    """The first noise is rolled: a few steps show where it would put the dog, and from there it is as far to the box.

    Our own. Rolled noise is as good as any, and what it grows into moves with it as far as the UNet is the same
    everywhere; nothing is steered in the denoising itself.
    """
    gaze = Gaze(target)

    def begin(noise: Tensor) -> Tensor:
        with torch.no_grad():
            latents = noise * pipe.scheduler.init_noise_sigma
            few = max(1, round(LOOK_AT * steps))
            chance = [torch.Generator().manual_seed(0) for _ in noise]  # whatever is painted beside
            pipe.scheduler.set_timesteps(steps, device=noise.device)
            for number in range(few):
                predicted = gaze.look(pipe, latents, number)
                t = pipe.scheduler.timesteps[number]
                latents = pipe.scheduler.step(predicted, t, latents, generator=chance).prev_sample
        return torch.stack([moved_by(one, *way, "circular") for one, way in zip(noise, gaze.ways(), strict=True)])

    with attending(pipe, gaze.attend):
        yield Steering(begin=begin)


WAY: Way = rolled
"""What portraits are painted with."""


@dataclass(slots=True)
class _Clock:
    """How far the denoising has come."""

    steps: int
    share: float = 0.0  # of the steps that are done

    def on_step_end(self, pipe: Any, step: int, t: Tensor, inputs: Inputs) -> Inputs:
        self.share = (step + 1) / self.steps
        return inputs


def moved_by(latents: Tensor, down: int, right: int, beyond: str) -> Tensor:
    """[channels, height, width], moved; `beyond` says what comes in at the edges, as in F.pad."""
    (height, width), y, x = latents.shape[1:], abs(down), abs(right)
    wide = F.pad(latents[None], (x, x, y, y), mode=beyond)[0]
    return wide[:, y - down : y - down + height, x - right : x - right + width]
