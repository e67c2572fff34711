"""Pictures of the class that the base model itself paints, in the words of Reminder.prompts: what it must not forget.

Knows: how they are painted, cut out and kept, once for each base model. Does not know: what is learnt from them.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gpu.durable import whole
from gpu.learning import Reminder
from gpu.studio import segment, tensor_files
from gpu.studio.denoise import decoded, denoised
from gpu.studio.models import ModelPool

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClassPictures:
    """`each` pictures of every prompt."""

    latents: Tensor  # [prompts, each, c, h, w], as the UNet sees them, fp32
    masks: Tensor  # [prompts, each, 1, h, w]: 1 on the animal; all of a picture where none is found


def paint(pool: ModelPool, word: str, reminder: Reminder) -> Iterator[ClassPictures | None]:
    """None after each step of denoising, and at last the pictures; at once, where profile.cache has them."""
    cache = pool.profile.cache
    file = Path(cache, f"{_key(pool, word, reminder)}.safetensors") if cache else None
    if file and (known := _read(file)):
        yield known
        return
    found: list[tuple[Tensor, Tensor]] = []
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
                guidance=pool.profile.painting.presets["normal"].guidance,
            ):
                yield None
            stacked = torch.stack(latents)
            found.append((stacked.float().cpu(), _masks(pool, stacked)))
    pictures = ClassPictures(*(torch.stack(each) for each in zip(*found, strict=True)))
    if file:
        _keep(file, pictures)
    yield pictures


def _masks(pool: ModelPool, latents: Tensor) -> Tensor:
    """[pictures, 1, h, w] of finished latents [pictures, c, h, w]."""
    with pool.use("sdxl") as pipe, pool.use("yolo") as segmenter:
        masks = [segment.pet_or_all(segmenter, image, pool.profile.segmenting) for image in decoded(pipe, latents)]
    small = [mask.resize((latents.shape[3], latents.shape[2])) for mask in masks]
    return torch.from_numpy(np.stack([np.asarray(mask, np.float32) / 255 for mask in small]))[:, None]


def _key(pool: ModelPool, word: str, reminder: Reminder) -> str:
    """Another name for whatever would be painted otherwise."""
    what = [pool.base, str(pool.dtype), word, reminder.prompts, reminder.each, reminder.steps]
    return hashlib.sha256(json.dumps([*what, pool.profile.learning.size_px]).encode()).hexdigest()[:16]


def _keep(file: Path, pictures: ClassPictures) -> None:
    """For the trainings to come. This one needs no disk for them."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as fresh:
            tensor_files.save({"latents": pictures.latents, "masks": pictures.masks}, fresh)
    except OSError as error:
        log.warning("The pictures of the class are not kept, so they will be painted again: %s", error)


def _read(file: Path) -> ClassPictures | None:
    try:
        return ClassPictures(**load_file(file))
    except (FileNotFoundError, SafetensorError, TypeError):
        return None  # painted anew
