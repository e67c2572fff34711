"""One training, whatever is learnt: optimiser, learning rate, averaged weights, checkpoints, a log with time left.

Knows: steps, parameters, two files in the build folder. Does not know: models, data, losses.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gpu.durable import whole
from gpu.pocket.build.common import leads

EVERY = 100  # steps between checkpoints
LOG_EVERY_S = 20.0
MAX_NORM = 1.0


class TrainingLoop:
    """Iterate it for the numbers of the steps that are left, and give each step's loss to learn():

    loop = TrainingLoop(model, folder / "name", steps, lr)
    for step in loop:
        loop.learn(step, loss_of(step))
    loop.finish()

    It goes on from name.state.pt, if there is one, and adds to the curve in name.jsonl. AdamW, and for `matrices` Muon
    (Jordan et al. 2024) at twice the rate; this rate warms up, stays flat for the first half and falls as a cosine to
    2 %. Under in_parallel() the processes' gradients are averaged, as if their samples were one batch.
    """

    def __init__(
        self,
        model: nn.Module,
        file: Path,
        steps: int,
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.01,
        decay: float = 0.998,
        warmup: int = 200,
        matrices: Sequence[nn.Parameter] = (),
    ) -> None:
        """`decay` is of the average of the weights; `matrices` are some of the model's."""
        self.model, self.steps, self.warmup, self.decay = model, steps, warmup, decay
        self.params = list(model.parameters())
        others = [param for param in self.params if all(param is not matrix for matrix in matrices)]
        self.optimisers: dict[torch.optim.Optimizer, float] = {
            torch.optim.AdamW(others, lr, betas=betas, weight_decay=weight_decay, fused=True): lr
        }
        if matrices:
            muon = torch.optim.Muon(matrices, 2 * lr, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
            self.optimisers[muon] = 2 * lr
        self.average = [param.detach().clone() for param in self.params]
        self.state, self.curve, self.start = file.with_suffix(".state.pt"), file.with_suffix(".jsonl"), 0
        if self.state.is_file():
            self._resume()
        self._began, self._said = time.monotonic(), -math.inf

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.steps))

    def learn(self, step: int, loss: Tensor, **figures: float) -> None:
        """One step down the gradient; `figures` go into the log beside the loss."""
        for optimiser, lr in self.optimisers.items():
            optimiser.param_groups[0]["lr"] = lr * self._share(step)
            optimiser.zero_grad()
        loss.backward()
        self._average_gradients()
        nn.utils.clip_grad_norm_(self.params, MAX_NORM)
        for optimiser in self.optimisers:
            optimiser.step()
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, [param.detach() for param in self.params], 1 - decay)
        if not leads():
            return
        last = step + 1 == self.steps
        if last or time.monotonic() - self._said >= LOG_EVERY_S:
            self._log(step + 1, loss=loss.item(), **figures)
        if last or (step + 1) % EVERY == 0:
            self._save(step + 1)

    @torch.no_grad()
    def finish(self) -> None:
        """The averaged weights take the model's place."""
        for param, average in zip(self.params, self.average, strict=True):
            param.copy_(average)

    def _average_gradients(self) -> None:
        if not dist.is_initialized():
            return
        gradients = [param.grad for param in self.params if param.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, parts, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _share(self, step: int) -> float:
        if step < self.warmup:
            return (step + 1) / self.warmup
        fallen = max(0.0, 2 * step / self.steps - 1)
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fallen))

    def _log(self, done: int, **figures: float) -> None:
        self._said = time.monotonic()
        left = (self._said - self._began) / (done - self.start) * (self.steps - done) / 60
        line = " ".join(f"{name} {figure:.4f}" for name, figure in figures.items())
        print(f"{self.curve.stem}: step {done} of {self.steps}, {line}, {left:.1f} min left", flush=True)
        with self.curve.open("a") as file:
            file.write(json.dumps({"step": done, **figures}) + "\n")

    def _save(self, done: int) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "average": self.average,
            "step": done,
        }
        with whole(self.state) as fresh:
            torch.save(state, fresh)

    def _resume(self) -> None:
        state = torch.load(self.state, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, known in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(known)
        self.average, self.start = state["average"], state["step"]
