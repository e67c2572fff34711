"""Learning one pet, step by step: tokens' rows, then a LoRA, or both for a while, as the recipe says.

Knows: the order of steps, their marks, what happens when numbers run away or a disk is full. Does not know: how a step
is made (step.py), what changes in it (state.py), photos, files of adapters, jobs, who waits.

A step is a function of State and of (seed, step number), and a checkpoint holds State whole: a training that was
paused, killed and resumed, or interrupted by a painting goes on bit for bit.
"""

import logging
import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from gpu.errors import NotFinite, StudioError
from gpu.learning import Reminder
from gpu.outcomes import Progress
from gpu.pets import Rejected
from gpu.studio.dataset import Sample
from gpu.studio.evaluation import Evaluator, best, is_over
from gpu.studio.objective import BatchSampler, CaptionEmbeddings
from gpu.studio.reminding import Reminding
from gpu.studio.state import HALVED, State
from gpu.studio.step import Diverged, train_step

log = logging.getLogger(__name__)


def train(
    state: State,
    samples: list[Sample],
    device: torch.device,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = math.inf,
    evaluator: Evaluator | None = None,
    painted: Iterator[Tensor | None] | None = None,
) -> Iterator[Progress]:
    """Train to the end, one Progress after every step; safe to abandon at any of them.

    Writes `checkpoint` after the first step and then every so many seconds. A step whose numbers are no good is left
    out. After two of them in a row the training goes back to the checkpoint, once, and on at half the rate.
    Raises NotFinite when they run away again, with the photo if it is one photo's doing. With an evaluator that has
    photos to choose by it ends where there is no gain any more, with what was the best. `painted` gives the pictures of
    a Reminder (class_pictures.paint), while nothing is learnt yet.
    """
    sampler = BatchSampler(state.pipe, state.learning, samples, device)
    captions = CaptionEmbeddings(state.pipe, state.learning.captions, state.recipe)
    reminding = (yield from _reminding(state, state.learning.reminder, painted)) if state.learning.reminder else None
    checkpointed = -math.inf  # the first step is kept at once: a run that is killed soon after was not for nothing
    spent: list[float] = []  # seconds of every step, without pauses

    if state.step:  # it may have been interrupted before its mark
        evaluator = yield from _evaluated(state, evaluator, checkpoint, _progress(state, 0.0))
    while not _is_over(state, evaluator):
        began = time.monotonic()
        try:
            train_step(state, sampler, captions, reminding)
        except Diverged as diverged:
            _go_back(state, checkpoint, [samples[n] for n in sorted(diverged.blamed)])
            captions = CaptionEmbeddings(state.pipe, state.learning.captions, state.recipe)
            continue
        if checkpoint and time.monotonic() - checkpointed >= checkpoint_every_s:
            keep(state, checkpoint)
            checkpointed = time.monotonic()
        spent.append(time.monotonic() - began)
        progress = _progress(state, fmean(spent[-20:]))
        yield progress
        evaluator = yield from _evaluated(state, evaluator, checkpoint, progress)
    if not state.lora.params:
        state.begin_lora()  # that changes nothing: every adapter has one, whatever was learnt
    state.take_best()


def _reminding(
    state: State, reminder: Reminder, painted: Iterator[Tensor | None] | None
) -> Generator[Progress, None, Reminding]:
    """The second loss, once its pictures are painted, by the base model alone."""
    assert painted, "a reminder needs its pictures"
    state.lora_switch.on = False
    for number, pictures in enumerate(painted, start=1):
        if pictures is not None:
            state.lora_switch.on = True
            return Reminding(state.pipe, state.learning, reminder, state.recipe, pictures)
        yield replace(_progress(state, 0.0), painted=number)
    raise AssertionError("the pictures of the class never came")


def _progress(state: State, step_s: float) -> Progress:
    return Progress(
        phase="learning",
        step=state.step,
        steps=state.steps,
        seconds_left=step_s * (state.steps - state.step),
        checkpoint=state.saved,
        picture=state.preview,
    )


def _is_over(state: State, evaluator: Evaluator | None) -> bool:
    begin = state.lora.begin if state.lora.steps else 0  # marks from before the LoRA say nothing of what it brings
    curve = [mark for mark in state.curve if mark.step > begin]
    stops = evaluator is not None and evaluator.chooses and is_over(curve, state.learning.patience)
    return stops or state.step >= state.steps


def _evaluated(
    state: State, evaluator: Evaluator | None, checkpoint: Path | None, progress: Progress
) -> Generator[Progress, None, Evaluator | None]:
    """Mark the step that was made last, if it gets a mark; a pause may come between the steps of denoising.

    Gives the evaluator for the steps to come: none once a model, memory or the disk is no good for previews, and then
    nothing is chosen. A training is too dear to end for that; it is also kept first, should the process die of it.
    """
    if not evaluator or not evaluator.is_due(state):
        return evaluator
    if checkpoint and state.saved < state.step:
        keep(state, checkpoint)
    try:
        yield from _marked(state, evaluator, progress)
    except FileNotFoundError:
        raise  # the job's folder is gone: cancelled or forgotten
    except (StudioError, OSError, MemoryError, torch.OutOfMemoryError) as error:
        log.warning("No previews from step %d on: %s", state.step, error)
        state.best.clear()
        state.curve.clear()  # else a later process would look for the best of it
        return None
    return evaluator


def _marked(state: State, evaluator: Evaluator, progress: Progress) -> Iterator[Progress]:
    for number, found in enumerate(evaluator.evaluate(state), start=1):
        if found:
            mark, state.preview = found
            state.curve.append(mark)
            if mark.copied:
                log.warning("Step %d: most previews are nearly photos that are learnt", mark.step)
            if evaluator.chooses and best(state.curve) == len(state.curve) - 1:
                state.keep_best()
        yield replace(progress, picture=state.preview, painted=number)


def keep(state: State, checkpoint: Path) -> None:
    """Write a checkpoint, but not after a step without numbers: the one before leads to the same step again.

    Where the disk is full the last one stays, and memory holds the training all the same. Raises FileNotFoundError
    where the job's folder is gone.
    """
    if state.skipped:
        return
    try:
        state.save(checkpoint)
    except FileNotFoundError:
        raise  # the job's folder is gone: cancelled or forgotten
    except OSError as error:
        log.warning("Step %d is not on disk, a kill would cost all since %d: %s", state.step, state.saved, error)


def _go_back(state: State, checkpoint: Path | None, blamed: list[Sample]) -> None:
    """To the last good checkpoint, else to the start, at half the rate. Raises NotFinite the second time."""
    if state.slowed < 1:
        rejected = tuple(Rejected(photo=sample.photo, reason="not_finite") for sample in blamed)
        raise NotFinite(f"step {state.step}: no numbers, also at half the rate", rejected=rejected)
    log.warning("The numbers ran away at step %d: back to step %d, at half the rate", state.step, state.saved)
    state.begin()
    if checkpoint:
        state.resume(checkpoint)
    state.slowed = HALVED
