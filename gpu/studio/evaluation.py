"""How a training gets on: every so many steps it paints the pet, which is held against photos that are not learnt.

Knows: which photos are held out, what previews score, when there is no gain any more. Does not know: how a step is made
(step.py), where marks are kept (state.py).

Everything here follows from the training's state and seed, so that a training which stops by itself still ends in the
same bytes, however often it was interrupted. The exceptions: where memory, a model or the disk is no good for previews
there are no more of them until the next interruption, and none at all where the process died twice of the same ones.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from PIL import Image
from torch import Tensor

from gpu.durable import whole
from gpu.errors import WorkerDied
from gpu.learning import Learning
from gpu.pets import Cutout
from gpu.studio import copies, likeness, segment
from gpu.studio.denoise import decoded, denoised
from gpu.studio.models import ModelPool
from gpu.studio.state import Mark, State

GAIN = 0.002  # of likeness: less is chance
SHARE = 5  # one photo of so many is held out
DEATHS = 2  # of the process, in one mark, after which there are no marks any more

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

    @property
    def _trying(self) -> Path:
        """Holds how often the mark that is being made was tried; there is none between marks, unless one was deadly."""
        return self.folder / "trying"

    def is_due(self, state: State) -> bool:
        """Whether the step that was made last is to be marked, and is not yet."""
        every, step = state.learning.evaluate_every, state.step
        marked = bool(state.curve) and state.curve[-1].step == step
        return bool(every) and not marked and (step % every == 0 or step == state.steps)

    def evaluate(self, state: State) -> Iterator[tuple[Mark, Path] | None]:
        """None after each denoising step, and at last the mark, and the picture of the first seed.

        Raises StudioError where a model that it needs is no good, or has cost the process its life too often.
        """
        if _tries(self._trying) >= DEATHS:
            raise WorkerDied("the process died twice while it scored one")
        latents: list[Tensor] = []
        learning, painting = state.learning, self.pool.profile.painting
        pet = " ".join([*state.recipe["tokens"], state.recipe["class_word"]])
        for latents[:] in denoised(
            state.pipe,
            learning.captions[0].format(pet),
            [state.recipe["seed"] + n for n in range(learning.previews)],
            size_px=learning.size_px,
            steps=learning.preview_steps,
            guidance=painting.presets[painting.quality].guidance,
        ):
            yield None
        images = decoded(state.pipe, torch.stack(latents))
        path = self.folder / f"{state.step}.png"
        self.folder.mkdir(exist_ok=True)
        with whole(path) as fresh:
            images[0].save(fresh, "PNG")
        self._trying.write_text(str(_tries(self._trying) + 1))
        try:
            found = self._mark(state.step, images)
        finally:
            self._trying.unlink()
        yield found, path

    def _mark(self, step: int, images: list[Image.Image]) -> Mark:
        side, segmenting = self.pool.profile.dino_px, self.pool.profile.segmenting
        try:
            with self.pool.use("yolo") as segmenter, self.pool.use("dino") as dino:
                pet = likeness.of_cutouts(dino, self.held or self.learnt, side)
                masks = [segment.pet_or_all(segmenter, image, segmenting) for image in images]
                pairs = list(zip(images, masks, strict=True))
                marks = [likeness.likeness(dino, image, mask, pet, side) for image, mask in pairs]
        finally:
            with self.pool.use("sdxl"):  # on a small card it had to make room, and the training goes on in any case
                pass
        copied = sum(copies.is_copy(image, mask, self.learnt) for image, mask in pairs)
        return Mark(step=step, likeness=round(fmean(marks), 4), copied=2 * copied > len(pairs))


def _tries(file: Path) -> int:
    return int(file.read_text() or 0) if file.exists() else 0
