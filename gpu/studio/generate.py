"""Prompt + Adapter -> pictures, by SDXL base, and the refiner where the profile has one.

Knows: seeds, batches, guidance, both pipelines. Does not know: wishes, likeness, Discord.

The same seed gives the same pixels on the same machine: pictures are always painted in full batches of
painting.batch, since another batch size gives other bits, and each has a generator of its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from gpu.durable import whole
from gpu.errors import NotFinite
from gpu.studio import tokens
from gpu.studio.adapter import PET, apply_adapter, conditional_only
from gpu.studio.models import ModelPool
from gpu.types import Adapter, Progress, Prompt, Report


@dataclass(frozen=True, slots=True)
class Picture:
    seed: int
    path: Path
    seconds: float


def generate(
    pool: ModelPool, adapter: Adapter, prompt: Prompt, seeds: tuple[int, ...], out: Path, report: Report
) -> Iterator[Picture]:
    """Paint one picture for each seed into `out`, batch by batch.

    Report is called at every denoising step and may raise. Raises NotFinite instead of giving a broken picture.
    """
    painting = pool.profile.painting
    out.mkdir(parents=True, exist_ok=True)
    rounds = [seeds[at : at + painting.batch] for at in range(0, len(seeds), painting.batch)]
    reporter = _StepReporter(report, steps=len(rounds) * painting.steps)
    with paint_session(pool, adapter, prompt, reporter) as session:
        for some in rounds:
            start = time.monotonic()
            pictures = session.paint(_full(some, painting.batch))
            seconds = (time.monotonic() - start) / len(some)
            for seed, picture in zip(some, pictures, strict=False):  # what filled the batch is thrown away
                yield Picture(seed, _save(picture, out / f"{seed}.png"), seconds)


@contextmanager
def paint_session(
    pool: ModelPool, adapter: Adapter, prompt: Prompt, reporter: "_StepReporter"
) -> Iterator["PaintSession"]:
    """Apply the adapter and embed the prompt once for all batches."""
    with pet_pipeline(pool, adapter) as base:
        yield PaintSession(pool, reporter, base, prompt)


@contextmanager
def pet_pipeline(pool: ModelPool, adapter: Adapter) -> Iterator[StableDiffusionXLPipeline]:
    """The base pipeline with the adapter applied, guided as the profile says."""
    with pool.use("sdxl") as base, apply_adapter(base, adapter, pool):
        assert base.unet.active_adapters() == [PET], "another pet's adapter is on"
        with conditional_only(base.unet) if pool.profile.painting.guide_to_pet else nullcontext():
            yield base


class PaintSession:
    """The prompt as each pipeline embeds it. Base and refiner may take turns on the card, so each is asked for anew."""

    def __init__(self, pool: ModelPool, reporter: "_StepReporter", base: Any, prompt: Prompt) -> None:
        self._pool, self._reporter = pool, reporter
        batch = pool.profile.painting.batch
        self._texts = embeddings(base, prompt, batch)
        self._refiner_texts: dict[str, Tensor] = {}
        if pool.profile.refiner:
            with pool.use("refiner") as refiner:
                self._refiner_texts = embeddings(refiner, prompt, batch)

    def paint(self, seeds: tuple[int, ...]) -> list[Image.Image]:
        """One full batch."""
        painting = self._pool.profile.painting
        common: dict[str, Any] = {
            "generator": [torch.Generator().manual_seed(seed) for seed in seeds],
            "num_inference_steps": painting.steps,
            "guidance_scale": painting.guidance,
            "callback_on_step_end": self._reporter.on_step_end,
        }
        base = {**self._texts, **common, "width": painting.size_px, "height": painting.size_px}
        with self._pool.use("sdxl") as pipe:
            if not self._pool.profile.refiner:
                return _pictures(pipe, pipe(**base, output_type="np").images)
            latents = pipe(**base, denoising_end=painting.refiner_from, output_type="latent").images
        # As `image` alone, latents of other than four channels would be taken for pixels.
        begun = {"image": latents, "latents": latents, "denoising_start": painting.refiner_from}
        with self._pool.use("refiner") as pipe:
            return _pictures(pipe, pipe(**self._refiner_texts, **common, **begun, output_type="np").images)


@torch.no_grad()
def embeddings(pipe: Any, prompt: Prompt, count: int) -> dict[str, Tensor]:
    """The prompt for the pipeline's call, the same for all pictures of a batch."""
    text = tokens.encode(pipe, [prompt.text, prompt.negative])
    (hidden, no_hidden), (pooled, no_pooled) = text.hidden, text.pooled
    return {
        "prompt_embeds": hidden.expand(count, -1, -1),
        "negative_prompt_embeds": no_hidden.expand(count, -1, -1),
        "pooled_prompt_embeds": pooled.expand(count, -1),
        "negative_pooled_prompt_embeds": no_pooled.expand(count, -1),
    }


class _StepReporter:
    """Reports each denoising step, counted over all batches, with the time left as measured."""

    def __init__(self, report: Report, steps: int) -> None:
        self.report, self.steps, self.step = report, steps, 0
        self.began = time.monotonic()

    def on_step_end(self, pipe: Any, step: int, timestep: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        self.step += 1
        left = (time.monotonic() - self.began) / self.step * (self.steps - self.step)
        self.report(Progress(phase="painting", step=self.step, steps=self.steps, seconds_left=left))
        return inputs


def _full(seeds: tuple[int, ...], batch: int) -> tuple[int, ...]:
    return seeds + tuple(seeds[-1] + extra for extra in range(1, batch - len(seeds) + 1))


def _pictures(pipe: Any, images: np.ndarray) -> list[Image.Image]:
    """[batch, height, width, 3] in 0..1 to pictures, none of them broken or of one colour."""
    if not np.isfinite(images).all() or images.std(axis=(1, 2, 3)).min() == 0:
        raise NotFinite("a picture came out broken")
    return pipe.image_processor.numpy_to_pil(images)


def _save(picture: Image.Image, path: Path) -> Path:
    with whole(path) as fresh:
        picture.save(fresh, "PNG")
    return path
