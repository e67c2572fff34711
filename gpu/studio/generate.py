"""Prompt + Adapter -> pictures, by SDXL.

Knows: seeds, noise, batches, guidance, sizes, few steps, when a box counts. Does not know: wishes, likeness, what a
preset is called, Discord.

The same seed gives the same pixels on the same machine: pictures are always painted in full batches of sampling.batch,
since another batch size gives other bits, and each has a generator of its own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from gpu.durable import whole
from gpu.errors import NotFinite
from gpu.outcomes import Progress, Report
from gpu.pets import Adapter
from gpu.portraits import Preset, Prompt
from gpu.sampling import Sampling, full
from gpu.studio import segment
from gpu.studio.adapter import PET, apply_adapter, conditional_only
from gpu.studio.denoise import embeddings
from gpu.studio.few_step import few_steps
from gpu.studio.hub import few_step_file
from gpu.studio.layout import HALF, SOON, Placing, move_after
from gpu.studio.models import ModelPool
from gpu.studio.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Picture:
    seed: int
    path: Path
    seconds: float


def generate(
    pool: ModelPool,
    adapter: Adapter,
    prompt: Prompt,
    seeds: tuple[int, ...],
    sampling: Sampling,
    out: Path,
    report: Report,
    after: int = 0,
) -> Iterator[Picture]:
    """Paint one picture for each seed into `out`, batch by batch.

    Report is called at every denoising step and may raise; `after`: what follows takes as long as so many steps of one
    picture. Raises NotFinite instead of giving a broken picture.
    """
    out.mkdir(parents=True, exist_ok=True)
    batch = sampling.batch
    rounds = [seeds[at : at + batch] for at in range(0, len(seeds), batch)]
    reporter = StepReporter(report, len(rounds), sampling.preset.steps, after / batch)
    with pet_pipeline(pool, adapter) as base, _faster(pool, base, sampling.preset):
        session = PaintSession(pool, reporter, base, prompt, adapter.tokens, sampling)
        for some in rounds:
            start = time.monotonic()
            pictures = session.paint(full(some, batch))
            seconds = (time.monotonic() - start) / len(some)
            for seed, picture in zip(some, pictures, strict=False):  # what filled the batch is thrown away
                yield Picture(seed, _save(picture, out / f"{seed}.png"), seconds)


@contextmanager
def pet_pipeline(pool: ModelPool, adapter: Adapter) -> Iterator[StableDiffusionXLPipeline]:
    """The base pipeline with the adapter applied, guided as the profile says."""
    with pool.use("sdxl") as base, apply_adapter(base, adapter, pool):
        assert base.unet.active_adapters() == [PET], "another pet's adapter is on"
        with conditional_only(base.unet) if pool.profile.painting.guide_to_pet else nullcontext():
            yield base


def _faster(pool: ModelPool, base: StableDiffusionXLPipeline, preset: Preset) -> AbstractContextManager[None]:
    return few_steps(base, few_step_file(pool.profile)) if preset.few_step else nullcontext()


class PaintSession:
    """The prompt as the pipeline embeds it, for all batches."""

    def __init__(
        self,
        pool: ModelPool,
        reporter: "StepReporter",
        base: Any,
        prompt: Prompt,
        names: tuple[str, ...],
        sampling: Sampling,
    ) -> None:
        self._pool, self._reporter, self._sampling, preset = pool, reporter, sampling, sampling.preset
        prompts, box = [prompt] * sampling.batch, prompt.box if sampling.placed else None
        self._texts = texts = embeddings(base, prompts)
        after = move_after(preset.steps, SOON if preset.surroundings else HALF)
        self._placing = Placing(box, after, preset.guidance, texts, self._find) if box else None
        self._surroundings: Surroundings | None = None
        if preset.surroundings:
            self._surroundings = Surroundings(base, prompts, names, preset, self._find, self._placing)

    def paint(self, seeds: tuple[int, ...]) -> list[Image.Image]:
        """One full batch."""
        preset, (width, height) = self._sampling.preset, self._sampling.size
        around = self._surroundings
        with self._pool.use("sdxl") as pipe, around.inside(pipe) if around else nullcontext():
            begun = [noise(pipe, seed, self._sampling) for seed in seeds]
            latents = torch.cat([one for one, _ in begun])
            self._reporter.begin_round()
            images = pipe(
                **self._texts,
                latents=self._placing.begin(latents) if self._placing else latents,
                generator=[generator for _, generator in begun],
                num_inference_steps=preset.steps,
                guidance_scale=preset.guidance,
                width=width,
                height=height,
                callback_on_step_end=self._on_step_end,
                output_type="np",
            ).images
            return _pictures(pipe, images)

    def _on_step_end(self, pipe: Any, step: int, timestep: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        if self._placing:
            inputs = self._placing.on_step_end(pipe, step, timestep, inputs)
        if self._surroundings:
            inputs = self._surroundings.on_step_end(pipe, step, timestep, inputs)
        return self._reporter.on_step_end(pipe, step, timestep, inputs)

    def _find(self, images: list[Image.Image]) -> list[Image.Image]:
        """The dog in each picture."""
        with self._pool.use("yolo") as segmenter:
            return [segment.pet_or_all(segmenter, image, self._pool.profile.segmenting) for image in images]


def noise(pipe: Any, seed: int, sampling: Sampling) -> tuple[Tensor, torch.Generator]:
    """What one picture begins with, [1, channels, height, width], and the chance of its later steps.

    Without `around` both are what the pipeline itself would draw. Near an earlier picture, its noise is turned a part
    of the way towards the new one's (on the sphere, where noise keeps its size), and the later chance stays its own.
    """
    width, height = (side // pipe.vae_scale_factor for side in sampling.size)
    shape, kind = (1, pipe.unet.config.in_channels, height, width), {"device": pipe.device, "dtype": pipe.unet.dtype}
    seeds = [*(earlier for earlier, _ in sampling.around), seed]
    generators = [torch.Generator().manual_seed(one) for one in seeds]
    mixed, *others = (randn_tensor(shape, generator=one, **kind) for one in generators)
    for other, (_, share) in zip(others, sampling.around, strict=True):
        mixed = _turned(mixed, other, share)
    return mixed, generators[0]


def _turned(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Spherical interpolation (Shoemake 1985): 0 is the one, 1 the other."""
    a, b = one.double().flatten(), other.double().flatten()
    angle = torch.acos(torch.dot(a, b) / (a.norm() * b.norm()))
    mixed = (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)
    return mixed.to(one.dtype).view_as(one)


class StepReporter:
    """Reports each denoising step, counted over all rounds, with the time left as measured.

    Steps to come take as long as those before, and so does what comes between two rounds: decoding and saving. `after`
    all of them comes as much work as in so many steps.
    """

    def __init__(
        self, report: Report, rounds: int, steps: int, after: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._report, self._rounds, self._steps, self._after, self._clock = report, rounds, steps, after, clock
        self._step = 0
        self._denoising = self._between = 0.0  # seconds so far
        self._last = clock()

    def begin_round(self) -> None:
        """Right before the first step of each."""
        elapsed = self._elapsed()
        self._between += elapsed if self._step else 0.0

    def on_step_end(self, pipe: Any, step: int, timestep: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """As the pipeline calls it."""
        self._denoising += self._elapsed()
        self._step += 1
        steps = self._rounds * self._steps
        self._report(Progress(phase="painting", step=self._step, steps=steps, seconds_left=self._left()))
        return inputs

    def _elapsed(self) -> float:
        """Seconds since it was asked before."""
        before, self._last = self._last, self._clock()
        return self._last - before

    def _left(self) -> float:
        finished = (self._step - 1) // self._steps  # rounds
        between = self._between / finished * (self._rounds - 1 - finished) if finished else 0.0
        return self._denoising / self._step * (self._rounds * self._steps - self._step + self._after) + between


def _pictures(pipe: Any, images: np.ndarray) -> list[Image.Image]:
    """[batch, height, width, 3] in 0..1 to pictures, none of them broken or of one colour."""
    if not np.isfinite(images).all() or images.std(axis=(1, 2, 3)).min() == 0:
        raise NotFinite("a picture came out broken")
    return pipe.image_processor.numpy_to_pil(images)


def _save(picture: Image.Image, path: Path) -> Path:
    with whole(path) as fresh:
        picture.save(fresh, "PNG")
    return path
