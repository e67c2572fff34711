"""Pictures of the class that the base model itself paints, in the words of Reminder.prompts: what it must not forget.

Knows: how they are painted and kept, once for each base model. Does not know: what is learnt from them.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gpu.durable import whole
from gpu.learning import Reminder
from gpu.studio import tensor_files
from gpu.studio.denoise import denoised
from gpu.studio.models import ModelPool

LATENTS = "latents"  # their name in the file

log = logging.getLogger(__name__)


def paint(pool: ModelPool, word: str, reminder: Reminder) -> Iterator[Tensor | None]:
    """None after each step of denoising, and at last the pictures; at once, where profile.cache has them.

    Latents [prompts, each, c, h, w], as the UNet sees them, fp32.
    """
    cache = pool.profile.cache
    file = Path(cache, f"{_key(pool, word, reminder)}.safetensors") if cache else None
    if file and (known := _read(file)) is not None:
        yield known
        return
    found: list[Tensor] = []
    for n, prompt in enumerate(reminder.prompts):
        latents: list[Tensor] = []
        with pool.use("sdxl") as pipe:
            seeds = range(n * reminder.each, (n + 1) * reminder.each)
            for latents[:] in denoised(
                pipe,
                prompt.format(word),
                seeds,
                size_px=pool.profile.learning.size_px,
                steps=reminder.steps,
                guidance=_guidance(pool),
            ):
                yield None
            found.append(torch.stack(latents).float().cpu())
    pictures = torch.stack(found)
    if file:
        _keep(file, pictures)
    yield pictures


def _key(pool: ModelPool, word: str, reminder: Reminder) -> str:
    """Another name for whatever would be painted otherwise."""
    what = [pool.base, str(pool.dtype), word, reminder.prompts, reminder.each, reminder.steps, _guidance(pool)]
    return hashlib.sha256(json.dumps([*what, pool.profile.learning.size_px]).encode()).hexdigest()[:16]


def _guidance(pool: ModelPool) -> float:
    return pool.profile.painting.presets["normal"].guidance


def _keep(file: Path, pictures: Tensor) -> None:
    """For the trainings to come. This one needs no disk for them."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as fresh:
            tensor_files.save({LATENTS: pictures}, fresh)
    except OSError as error:
        log.warning("The pictures of the class are not kept, so they will be painted again: %s", error)


def _read(file: Path) -> Tensor | None:
    try:
        return load_file(file)[LATENTS]
    except (FileNotFoundError, SafetensorError, KeyError):
        return None  # painted anew
