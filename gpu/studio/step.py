"""One training step: its losses, its gradients, and the descent, unless its numbers are no good.

Knows: which losses a recipe adds up, when numbers are no good. Does not know: how many steps there are, checkpoints,
marks (train.py); how a picture is drawn or a loss computed (objective.py).
"""

import logging
import math

import torch
from torch import Tensor, nn

from gpu.studio.objective import (
    PARTS,
    Batch,
    BatchSampler,
    CaptionEmbeddings,
    background_losses,
    dco_losses,
    losses,
    predict,
    ran_away,
)
from gpu.studio.reminding import Reminding
from gpu.studio.state import State
from gpu.studio.tokens import pin_norm

MAX_NORM = 1.0  # gradients of each part are clipped to this norm
WATCHED_EVERY = 16  # steps from one look at whether the numbers ran away to the next, in a recipe without a pull
HALF_SCALE = 2.0**14  # of the loss in float16, whose small gradients would be 0: a power of two is undone exactly

log = logging.getLogger(__name__)


class Diverged(Exception):
    """Two steps in a row gave no good numbers; carries the samples that gave none."""

    def __init__(self, blamed: set[int]) -> None:
        self.blamed = blamed


def train_step(state: State, sampler: BatchSampler, captions: CaptionEmbeddings, reminding: Reminding | None) -> None:
    """Make the next step, a function of State and of (seed, step number) alone; without good numbers nothing is learnt.

    Raises Diverged if the step before was left out, too.
    """
    state.arrange()
    scale = HALF_SCALE if state.dtype == torch.float16 else 1.0
    pictures, caption = sampler.draw(state.recipe["seed"], state.step, learns_tokens=state.learns_tokens)
    each: list[Tensor] = []
    for part in pictures.parts(state.recipe.get(PARTS, 1)):
        of_each = _losses(state, part, captions, caption)
        (of_each.sum() / len(pictures.t) * scale).backward()
        each.append(of_each.detach())
    for loss in reminding.losses(state) if reminding else ():
        (loss * scale).backward()
    _descend(state, pictures, torch.cat(each), scale)
    state.step += 1


def _losses(state: State, pictures: Batch, captions: CaptionEmbeddings, caption: int | None) -> Tensor:
    """The loss of each picture [b], of the UNet with the LoRA against the truth and against the base model.

    Infinite where the numbers ran away. That is seen where the base model is asked, and once more right after it.
    """
    beta, every = state.learning.dco_beta, state.learning.background_every
    text = captions.pet(caption, learning=state.learns_tokens)
    pulls = state.learning.background_weight > 0 and state.step % every == 0
    if not (pulls or beta or state.skipped or state.step % WATCHED_EVERY == 0):
        return losses(pictures, predict(state.pipe, pictures, text))
    state.lora_switch.on = False
    with torch.no_grad():
        base = predict(state.pipe, pictures, captions.base(caption))
    state.lora_switch.on = True
    predicted = predict(state.pipe, pictures, text)
    each = dco_losses(pictures, predicted, base, beta) if beta else losses(pictures, predicted)
    if pulls:
        each = each + every * state.learning.background_weight * background_losses(pictures, predicted, base)
    return each.masked_fill(ran_away(pictures, predicted.detach(), base), math.inf)


def _descend(state: State, pictures: Batch, of_each: Tensor, scale: float) -> None:
    """One step of the optimisers, with gradients that are `scale` times too large; none where they are no numbers.

    Raises Diverged if the step before was left out, too.
    """
    norms: list[Tensor] = []
    for part in state.active:
        for param in part.params.values() if scale != 1.0 else ():
            assert param.grad is not None  # every row and every layer has its part in the loss
            param.grad /= scale
        norms.append(nn.utils.clip_grad_norm_(part.params.values(), MAX_NORM, foreach=True))
    good = math.isfinite(sum(norms, of_each.sum()).item())
    if not good and state.skipped:
        raise Diverged({int(n) for n, loss in zip(pictures.sample, of_each, strict=True) if not loss.isfinite()})
    for part in state.active:
        if good:
            part.optimiser.param_groups[0]["lr"] = part.rate(state.step) * state.slowed
            part.optimiser.step()
        part.optimiser.zero_grad()
    if good and state.learns_tokens:
        pin_norm(state.rows, state.norms)
    if not good:
        log.warning("Step %d gave no good numbers and is left out", state.step)
    state.skipped = 0 if good else state.skipped + 1
