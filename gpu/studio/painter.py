"""What is asked for -> portraits with their recipes: a prompt, the candidates, the best of them.

Knows: presets, what a job leaves to the profile, which candidates are painted. Does not know: how a prompt is written
(rewrite.py), how a picture is denoised (generate.py), how the best one is told (gpu/verdicts.py), training.

A batch that memory does not hold is halved, once, and the recipe says so. Where an older recipe is painted again it
brings its own batch, which is kept: in another one its pixels are others.
"""

import gc
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from gpu.errors import ModelsMissing, OutOfMemory
from gpu.jobs import Paint
from gpu.outcomes import Progress, Report
from gpu.pets import Cutout
from gpu.portraits import Box, Portrait, Prompt
from gpu.sampling import Sampling, candidates, judging, sampling
from gpu.studio import copies, generate, likeness, segment
from gpu.studio.agreement import agreement
from gpu.studio.hub import few_step_file
from gpu.studio.layout import stands_in
from gpu.studio.models import ModelPool
from gpu.studio.rewrite import PromptWriter
from gpu.verdicts import like, ranked

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
        prompt, how = job.prompt or self._think(job, report), self._sampling(job)
        try:
            return self._candidates(job, prompt, how, report)
        except OutOfMemory:
            smaller = _smaller(how)
            if job.options.batch or smaller == how:
                raise
            log.warning("Job %s: it is too much for the memory; again with less at a time", job.job_id)
        gc.collect()  # what the failed try held, now that its error is forgotten
        return self._candidates(job, prompt, smaller, report)

    def _think(self, job: Paint, report: Report) -> Prompt:
        report(Progress(phase="thinking"))
        return self._writer.rewrite(job.wish, job.adapter.tokens, job.adapter.class_word, job.seeds[0])

    def _sampling(self, job: Paint) -> Sampling:
        """As the job says, without the few-step LoRA where there is none."""
        how = sampling(job, self._pool.profile.painting)
        if how.preset.few_step and job.options.batch is None and not self._has_few_step():
            return replace(how, preset=replace(how.preset, few_step=False))  # and so says its recipe
        return how

    def _has_few_step(self) -> bool:
        try:
            return self._pool.profile.few_step is not None and few_step_file(self._pool.profile).is_file()
        except ModelsMissing:  # `make doctor` says so
            return False

    def _candidates(self, job: Paint, prompt: Prompt, how: Sampling, report: Report) -> tuple[Portrait, ...]:
        """Everything that is painted, then the best of it, where the job lets us choose.

        Where too few of them stand where they were asked to and are no copies of a photo, other seeds are tried once.
        """
        count, seeds = len(job.seeds), candidates(job, how)
        portraits = self._painted(job, prompt, how, seeds, report)
        if not job.options.choose:
            return tuple(portraits)
        if sum(not (one.copied or one.misplaced) for one in portraits) < count:
            more = tuple(range(seeds[-1] + 1, seeds[-1] + 1 + how.batch))
            portraits += self._painted(job, prompt, how, more, report)
        return _best(portraits, count)

    def _painted(
        self, job: Paint, prompt: Prompt, how: Sampling, seeds: tuple[int, ...], report: Report
    ) -> list[Portrait]:
        """One portrait for each seed, with its scores."""
        out, after = job.folder / "portraits", judging(job, len(seeds))
        pictures = list(generate.generate(self._pool, job.adapter, prompt, seeds, how, out, report, after))
        images = [_open(picture.path) for picture in pictures]
        box = prompt.box if how.placed else None
        reporter = _JudgingReporter(report, -(-len(seeds) // how.batch) * how.preset.steps)
        return [
            Portrait(
                path=picture.path,
                seed=picture.seed,
                prompt=prompt,
                likeness=scores.likeness,
                photos_likeness=scores.photos,
                agreement=agreed,
                copied=scores.copied,
                misplaced=scores.misplaced,
                profile=self._pool.profile.name,
                batch=how.batch,
                preset=how.preset,
                size=how.size,
                around=how.around,
                placed=box is not None,
                parent=job.options.parent,
                versions=VERSIONS,
                seconds=picture.seconds,
            )
            for picture, scores, agreed in zip(
                pictures,
                self._scores(images, job.cutouts, box, reporter),
                self._agreed(job, images, prompt, reporter),
                strict=True,
            )
        ]

    def _scores(
        self, images: list[Image.Image], cutouts: tuple[Cutout, ...], box: Box | None, reporter: "_JudgingReporter"
    ) -> list["_Scores"]:
        """Of the dog that is found in each picture; where none is found, of the whole picture.

        Without cut-outs there is nothing to compare with, and without a box no place where the dog should be.
        """
        if not cutouts and not box:
            return [_Scores(likeness=None, photos=None, copied=False, misplaced=False)] * len(images)
        side, segmenting = self._pool.profile.dino_px, self._pool.profile.segmenting
        with self._pool.use("yolo") as segmenter:
            masks = [segment.pet_or_all(segmenter, image, segmenting) for image in reporter.each(images)]
        misplaced = [box is not None and not stands_in(box, mask) for mask in masks]
        if not cutouts:
            return [_Scores(likeness=None, photos=None, copied=False, misplaced=one) for one in misplaced]
        with self._pool.use("dino") as dino:
            pet = likeness.of_cutouts(dino, cutouts, side)
            return [
                _Scores(
                    likeness=likeness.likeness(dino, image, mask, pet, side),
                    photos=pet.photos,
                    copied=copies.is_copy(image, mask, cutouts),
                    misplaced=away,
                )
                for image, mask, away in zip(reporter.each(images), masks, misplaced, strict=True)
            ]

    def _agreed(
        self, job: Paint, images: list[Image.Image], prompt: Prompt, reporter: "_JudgingReporter"
    ) -> list[float | None]:
        """How much of the words is in each picture: asked only where there are several to choose from."""
        if not job.options.choose or len(images) < 2:
            return [None] * len(images)
        return [*agreement(self._pool, images, prompt, job.adapter.tokens, reporter.report)]


class _JudgingReporter:
    """Reports what is done after all steps of a painting: on a CPU that takes long, too, and may be cancelled."""

    def __init__(self, report: Report, steps: int) -> None:
        self._report, self._steps, self._done = report, steps, 0

    def report(self) -> None:
        self._done += 1
        self._report(Progress(phase="painting", step=self._steps, steps=self._steps, painted=self._done))

    def each(self, images: list[Image.Image]) -> Iterator[Image.Image]:
        """Reports after each."""
        for image in images:
            yield image
            self.report()


@dataclass(frozen=True, slots=True)
class _Scores:
    likeness: float | None
    photos: float | None
    copied: bool
    misplaced: bool


def _open(path: Path) -> Image.Image:
    with Image.open(path) as file:
        return file.convert("RGB")


def _smaller(how: Sampling) -> Sampling:
    """What takes less memory; the same if nothing does."""
    if how.batch > 1:
        return replace(how, batch=how.batch // 2)
    return replace(how, preset=replace(how.preset, few_step=False))


def _best(portraits: list[Portrait], count: int) -> tuple[Portrait, ...]:
    """The best ones, in the order in which they were painted; the files of the others go."""
    order = sorted(ranked(portraits), key=lambda number: _faults(portraits[number]))
    best = sorted(order[:count])
    for number, portrait in enumerate(portraits):
        if number not in best:
            portrait.path.unlink()
    return tuple(portraits[number] for number in best)


def _faults(portrait: Portrait) -> tuple[bool, int]:
    """Worse than any difference of scores: a copy of a photo; then a place that was not asked for, or another dog."""
    unlike = portrait.likeness is not None and like(portrait.likeness, portrait.photos_likeness or 1.0) == "unlike"
    return portrait.copied, portrait.misplaced + unlike
