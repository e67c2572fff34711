"""The studio: look at photos, enrol a pet, paint a portrait. Three pipelines, read top to bottom.

Knows: the order of the stages, what lies where in a job's folder, what a pause keeps. Does not know: how a stage works,
the line, the database, Discord. Called from one thread.

Every stage leaves its result in the job's folder, so a job that is run again goes on where it stopped:

    cutouts/   sheet.png   checkpoint/training.safetensors   previews/<step>.png   adapter/   portraits/<seed>.png

Where memory does not hold a batch, the training begins anew with half of it at a time, once: the steps are the same
but for rounding, so the recipe says it, and checkpoint/halved keeps it over a pause or a kill.
"""

import gc
import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline

from gpu import weights
from gpu.device import DeviceReport
from gpu.durable import whole
from gpu.errors import ModelsMissing, OutOfMemory, PauseAsked, TooFewPhotos
from gpu.jobs import Enroll, Look, Paint, PaintOptions
from gpu.learning import recipe as learning_of
from gpu.outcomes import LOOKED, Enrolled, Looked, Painted, Progress, Report
from gpu.pets import Adapter, Cutout
from gpu.profile import Profile
from gpu.studio import adapter, class_pictures, dataset, evaluation, segment, train
from gpu.studio.device import device_report
from gpu.studio.evaluation import Evaluator
from gpu.studio.models import ModelPool
from gpu.studio.objective import PARTS
from gpu.studio.painter import Painter
from gpu.studio.rewrite import PromptWriter
from gpu.studio.state import State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is kept warm while something else is painted."""

    job_id: str
    state: State
    checkpoint: Path
    steps: Iterator[Progress]


def build(profile: Profile) -> "Studio":
    """A studio whose models load when they are first needed."""
    return Studio(profile)


class Studio:
    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.pool = ModelPool(profile)
        self.warm: Training | None = None

    @cached_property
    def rewriter(self) -> PromptWriter:
        return PromptWriter(self.pool)

    @cached_property
    def painter(self) -> Painter:
        return Painter(self.pool, self.rewriter)

    def look(self, job: Look, report: Report) -> Looked:
        """Photos to cut-outs, and what is wrong with the photos. Raises StudioError, or what `report` raises."""
        report(Progress(phase="loading"))
        self._check_models()
        return self._cut(job, report)

    def enroll(self, job: Enroll, report: Report) -> Enrolled:
        """Photos to cut-outs, cut-outs to an adapter, and a first portrait, the best of its batch.

        Raises StudioError, or what `report` raises. After PauseAsked the same job goes on where it stopped, from memory
        if this studio still holds the training, else from its checkpoint; bit for bit as if nothing had happened.
        Whatever is raised after the learning: what was learnt has been reported, and lies in the job's folder.
        """
        report(Progress(phase="loading"))
        learnt = self._take_in(job) if job.imported else self._learn_from_photos(job, report)
        pet = learnt.adapter
        report(Progress(phase="thinking", checkpoint=pet.steps, learnt=learnt))
        (first,) = self.painter.paint(self._first_portrait(job, learnt), report)
        return replace(learnt, adapter=replace(pet, likeness=first.likeness), portraits=(first,))

    def paint(self, job: Paint, report: Report) -> Painted:
        """As many portraits as there are seeds, all of one prompt. Raises StudioError, or what `report` raises."""
        report(Progress(phase="loading"))
        self._check_models()
        return Painted(portraits=self.painter.paint(job, report))

    def checkpoint_paused(self) -> None:
        """Write a checkpoint of a paused training now; not of one whose job's folder is gone.

        Where the disk is full its last one stays, and it goes on from there.
        """
        if self.warm:
            with suppress(FileNotFoundError):  # it was cancelled or forgotten, and is nobody's
                train.keep(self.warm.state, self.warm.checkpoint)

    def drop(self, job_id: str) -> None:
        """Forget a paused training; a job it does not know is fine."""
        if self.warm and self.warm.job_id == job_id:
            self.warm.state.close()
            self.warm = None

    def device_report(self) -> DeviceReport:
        """What this studio computes on, and how it shares its memory."""
        return device_report(self.pool.device, self.pool.dtype, self.pool.plan)

    def memory_reserved(self) -> int:
        """Bytes of the first card's memory, which ModelPool uses, that this process holds; 0 without a card.

        To ask which card is in use may fail once the device is broken, so it is not asked.
        """
        return torch.cuda.memory_reserved(0)

    def _check_models(self) -> None:
        """Raises ModelsMissing where a model is not there or not whole, by its headers. Llama may be missing."""
        if found := [problem for problem in weights.problems(self.profile) if problem.stops_jobs]:
            raise ModelsMissing("; ".join(map(str, found)))

    def _learn_from_photos(self, job: Enroll, report: Report) -> Enrolled:
        if not _has_begun(job):
            self._check_models()
        cut = self._cut(job, report)
        if len(cut.cutouts) < self.profile.segmenting.least_photos:
            raise TooFewPhotos(rejected=cut.rejected)
        pet = self._learn(replace(job, class_word=cut.class_word), cut.cutouts, report)
        return Enrolled(adapter=pet, cutouts=cut.cutouts, rejected=cut.rejected, sheet=cut.sheet, portraits=())

    def _take_in(self, job: Enroll) -> Enrolled:
        """An adapter that was learnt elsewhere. Raises AdapterMismatch where it does not fit the models here."""
        self._check_models()
        pet = adapter.load(job.folder / "adapter")
        with self.pool.use("sdxl") as pipe:
            adapter.check(pipe, pet, self.pool)
        return Enrolled(adapter=pet, cutouts=(), rejected=(), sheet=None, portraits=())

    def _cut(self, job: Enroll | Look, report: Report) -> Looked:
        """The cut-outs, made earlier or now; each photo is a step."""
        done, many = job.folder / "cutouts" / "cut.json", len(job.photos)
        if done.exists():
            return LOOKED.validate_json(done.read_bytes())
        segmenting, size_px = self.profile.segmenting, self.profile.learning.size_px
        sights: list[segment.Sight] = []
        with self.pool.use("yolo") as segmenter:
            for step, photo in enumerate(job.photos, start=1):
                sights.append(segment.look(segmenter, photo, segmenting))
                report(Progress(phase="cutting", step=step, steps=many))
        cut = segment.cut_out(sights, done.parent, segmenting, job.class_word, size_px)
        with whole(done) as fresh:
            fresh.write_bytes(LOOKED.dump_json(cut))
        report(Progress(phase="cutting", step=many, steps=many, picture=cut.sheet))
        return cut

    def _learn(self, job: Enroll, cutouts: tuple[Cutout, ...], report: Report) -> Adapter:
        """The adapter, learnt earlier or now; by halves of a batch where memory does not hold a whole one."""
        folder, halved = job.folder / "adapter", job.folder / "checkpoint" / "halved"
        while not folder.exists():
            if halved.exists():
                gc.collect()  # what the failed try held, now that its error is forgotten
            try:
                self._train(job, cutouts, folder, report)
            except OutOfMemory:
                if halved.exists() or self.profile.learning.train_batch < 2:
                    raise
                log.warning("Job %s: a batch is too much for the memory; again with half of it at a time", job.job_id)
                halved.parent.mkdir(exist_ok=True)
                halved.touch()
        shutil.rmtree(job.folder / "checkpoint", ignore_errors=True)
        return adapter.load(folder)

    def _train(self, job: Enroll, cutouts: tuple[Cutout, ...], folder: Path, report: Report) -> None:
        """Train to the end and write the adapter. A pause keeps the training warm; any other error drops it."""
        with self.pool.use("sdxl") as pipe:
            try:
                training = self._training(pipe, job, cutouts)
                for progress in training.steps:
                    report(progress)
                adapter.save(training.state, folder)
            except PauseAsked:
                raise
            except BaseException:
                self.drop(job.job_id)
                raise
        self.drop(job.job_id)

    def _training(self, pipe: StableDiffusionXLPipeline, job: Enroll, cutouts: tuple[Cutout, ...]) -> Training:
        """The job's own training if it is warm, else one from its checkpoint or the start. Only one can be warm."""
        if self.warm and self.warm.job_id == job.job_id:
            return self.warm
        if self.warm:
            self.checkpoint_paused()
            self.drop(self.warm.job_id)
        checkpoint = job.folder / "checkpoint" / "training.safetensors"
        learning = learning_of(self.profile.learning, job.recipe)
        learnt, held = evaluation.split(cutouts, learning, job.seed)
        samples = dataset.samples(pipe, learnt, learning.size_px)
        recipe = adapter.recipe(self.pool, learnt, job.class_word, job.seed, held, learning)
        if checkpoint.with_name("halved").exists():
            recipe[PARTS] = 2
        state = State(pipe, learning, recipe)
        evaluator = Evaluator(self.pool, learnt, held, job.folder / "previews")
        every_s = self.profile.checkpoint_every_s
        painted = learning.reminder and class_pictures.paint(self.pool, job.class_word, learning.reminder)
        steps = train.train(state, samples, self.pool.device, checkpoint, every_s, evaluator, painted)
        self.warm = Training(job.job_id, state, checkpoint, steps)
        state.resume(checkpoint)
        return self.warm

    def _first_portrait(self, job: Enroll, learnt: Enrolled) -> Paint:
        painting = self.profile.painting
        return Paint(
            job_id=job.job_id,
            folder=job.folder,
            adapter=learnt.adapter,
            cutouts=learnt.cutouts,
            wish=job.wish,
            seeds=(job.seed,),
            options=PaintOptions(preset=painting.presets[painting.quality], choose=True),
        )


def _has_begun(job: Enroll) -> bool:
    """Is something learnt and on disk? Then the learning is finished, whatever is missing for what comes after it."""
    return any((job.folder / name).exists() for name in ("checkpoint", "adapter"))
