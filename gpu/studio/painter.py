"""What is asked for -> portraits with their recipes: a prompt, the candidates, the best of them.

Knows: presets, what a job leaves to the profile, how candidates are ranked. Does not know: how a prompt is written
(rewrite.py), how a picture is denoised (generate.py), training, what lies where in a job's folder.

A batch that memory does not hold is halved, once, and the recipe says so. Where an older recipe is painted again it
brings its own batch, which is kept: in another one its pixels are others.
"""

import gc
import logging
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from gpu.errors import ModelsMissing, OutOfMemory
from gpu.studio import generate, likeness, segment
from gpu.studio.hub import few_step_file
from gpu.studio.models import ModelPool
from gpu.studio.rewrite import PromptWriter
from gpu.types import Cutout, Paint, Portrait, Progress, Prompt, Report

log = logging.getLogger(__name__)

VERSIONS = tuple((name, version(name)) for name in ("torch", "diffusers", "transformers", "peft"))
"""What else decides about pixels."""


class Painter:
    def __init__(self, pool: ModelPool, writer: PromptWriter) -> None:
        self._pool = pool
        self._writer = writer

    def paint(self, job: Paint, report: Report) -> tuple[Portrait, ...]:
        """As many portraits as there are seeds. Raises StudioError, or what `report` raises.

        Where memory does not hold it, once more with less: by half a batch, or without the few-step LoRA.
        """
        prompt, sampling = job.prompt or self._think(job, report), self._sampling(job)
        try:
            return self._candidates(job, prompt, sampling, report)
        except OutOfMemory:
            smaller = _smaller(sampling)
            if job.options.batch or smaller == sampling:
                raise
            log.warning("Job %s: it is too much for the memory; again with less at a time", job.job_id)
        gc.collect()  # what the failed try held, now that its error is forgotten
        return self._candidates(job, prompt, smaller, report)

    def _think(self, job: Paint, report: Report) -> Prompt:
        report(Progress(phase="thinking"))
        return self._writer.rewrite(job.wish, job.adapter.tokens, job.adapter.class_word, job.seeds[0])

    def _sampling(self, job: Paint) -> generate.Sampling:
        """What the job says, or as it was before jobs said it."""
        painting, recipe = self._pool.profile.painting, job.options.batch is not None
        preset = job.options.preset or painting.presets["normal"]
        if preset.few_step and not recipe and not self._has_few_step():
            preset = replace(preset, few_step=False)  # and so says its recipe
        return generate.Sampling(
            preset=preset,
            size=job.options.size or painting.shapes["square"],
            batch=job.options.batch or preset.batch or painting.batch,
            around=job.options.around,
        )

    def _has_few_step(self) -> bool:
        try:
            return self._pool.profile.few_step is not None and few_step_file(self._pool.profile).is_file()
        except ModelsMissing:  # `make doctor` says so
            return False

    def _candidates(
        self, job: Paint, prompt: Prompt, sampling: generate.Sampling, report: Report
    ) -> tuple[Portrait, ...]:
        """Everything that is painted, then the best of it, where the job lets us choose."""
        seeds, count = job.seeds, len(job.seeds)
        if job.options.choose:  # also what would only fill the batch
            seeds = generate.full(seeds, -(-count * sampling.preset.tries // sampling.batch) * sampling.batch)
        out = job.folder / "portraits"
        pictures = list(generate.generate(self._pool, job.adapter, prompt, seeds, sampling, out, report))
        scores = self._likeness([picture.path for picture in pictures], job.cutouts)
        portraits = [
            Portrait(
                path=picture.path,
                seed=picture.seed,
                prompt=prompt,
                likeness=score,
                profile=self._pool.profile.name,
                batch=sampling.batch,
                preset=sampling.preset,
                size=sampling.size,
                around=sampling.around,
                parent=job.options.parent,
                versions=VERSIONS,
                seconds=picture.seconds,
            )
            for picture, score in zip(pictures, scores, strict=True)
        ]
        return _best(portraits, count)

    def _likeness(self, paths: list[Path], cutouts: tuple[Cutout, ...]) -> list[float]:
        """Scores the dog that is found in each picture; where none is found, the whole picture."""
        side = self._pool.profile.dino_px
        with self._pool.use("yolo") as segmenter, self._pool.use("dino") as dino:
            pet = likeness.of_cutouts(dino, cutouts, side)
            pictures = [Image.open(path).convert("RGB") for path in paths]
            masks = [segment.pet_or_all(segmenter, picture, self._pool.profile.segmenting) for picture in pictures]
            return [
                likeness.likeness(dino, picture, mask, pet, side) for picture, mask in zip(pictures, masks, strict=True)
            ]


def _smaller(sampling: generate.Sampling) -> generate.Sampling:
    """What takes less memory; the same if nothing does."""
    if sampling.batch > 1:
        return replace(sampling, batch=sampling.batch // 2)
    return replace(sampling, preset=replace(sampling.preset, few_step=False))


def _best(portraits: list[Portrait], count: int) -> tuple[Portrait, ...]:
    """The likest ones, in the order in which they were painted; the files of the others go."""
    best = sorted(portraits, key=lambda portrait: portrait.likeness, reverse=True)[:count]
    for portrait in portraits:
        if portrait not in best:
            portrait.path.unlink()
    return tuple(portrait for portrait in portraits if portrait in best)
