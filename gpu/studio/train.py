"""Pivotal tuning of SDXL on one dog: first the new tokens' rows, then a LoRA with the rows frozen.

Knows: the two phases, the optimiser, what a checkpoint holds. Does not know: what a step is about (objective.py),
photos, files of adapters, jobs, who waits.

A step is a function of State and of (seed, step number), and a checkpoint holds State whole: a training that was
paused, killed and resumed, or interrupted by a painting goes on bit for bit. Source of the norm-pinned rows that start
as the class word: DCO.
"""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gpu.durable import whole
from gpu.errors import NotFinite
from gpu.outcomes import Progress
from gpu.profile import Learning
from gpu.studio import tokens
from gpu.studio.dataset import Sample
from gpu.studio.objective import Batch, BatchSampler, CaptionEmbeddings, losses, predict

LORA = "learning"  # the LoRA's name in the UNet while it is learnt
PARTS = "parts"  # in the recipe: a batch is learnt in so many parts, where memory did not hold it whole
MAX_NORM = 1.0  # gradients are clipped to this norm
HALF_SCALE = 2.0**14  # of the loss in float16, whose small gradients would be 0: a power of two is undone exactly


class State:
    """All that changes while training: step, rows, LoRA, optimiser. It lives inside the pipe until close()."""

    def __init__(self, pipe: StableDiffusionXLPipeline, learning: Learning, recipe: dict[str, Any]) -> None:
        """Begin; resume() may follow. `recipe` (adapter.py) says what is learnt: equal recipes, equal bits."""
        self.pipe, self.learning, self.recipe = pipe, learning, recipe
        self.layers: list[BaseTunerLayer] = []  # of the LoRA, once it has begun
        self.step = 0
        self.saved = 0  # the newest step that is safe on disk
        self.rows = tokens.rows_of(pipe)
        start = tokens.word_rows(pipe, recipe["class_word"])
        tokens.put_rows(pipe, start)
        self.norms = {key: rows.norm(dim=-1, keepdim=True) for key, rows in start.items()}
        self._optimise(self.rows, learning.token_lr)

    @property
    def pivoted(self) -> bool:
        return self.params is not self.rows

    def pivot(self) -> None:
        """Freeze the rows and begin the LoRA: fp32, and the same for the same seed."""
        for rows in self.rows.values():
            rows.requires_grad_(False)
        rank = self.learning.lora_rank
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(self.learning.lora_targets))
        with torch.random.fork_rng():  # peft draws from the global state
            torch.manual_seed(self.recipe["seed"])
            self.pipe.unet.add_adapter(config, adapter_name=LORA)
        self.layers = [module for module in self.pipe.unet.modules() if isinstance(module, BaseTunerLayer)]
        cast_training_params(self.pipe.unet, torch.float32)
        named = self.pipe.unet.named_parameters()
        self._optimise({name: param for name, param in named if param.requires_grad}, self.learning.lora_lr)

    def _optimise(self, params: dict[str, nn.Parameter], lr: float) -> None:
        self.params, self.lr = params, lr
        for param in params.values():
            param.requires_grad_(True)
        self.optimiser = torch.optim.AdamW(params.values(), lr=lr, weight_decay=0.0)

    def enable_lora(self, on: bool) -> None:
        """Put the LoRA on or off, once it has begun. The UNet's own method looks at all of its modules each time."""
        for layer in self.layers:
            layer.enable_adapters(on)

    def save(self, path: Path) -> None:
        """Replace the checkpoint, in a folder of its own: a kill at any moment leaves the old one or the new one.

        Raises FileNotFoundError if the folder around the checkpoint's own is gone: it must stay gone.
        """
        tensors = {f"param.{name}": param for name, param in (self.rows | self.params).items()}
        for name, param in self.params.items():
            tensors |= {f"adam.{key}.{name}": value for key, value in self.optimiser.state[param].items()}
        state = {"step": self.step, "pivoted": self.pivoted, "recipe": self.recipe}
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        path.parent.mkdir(exist_ok=True)
        with whole(path) as fresh:
            save_file(kept, fresh, metadata={"state": json.dumps(state)})
        self.saved = self.step

    @torch.no_grad()
    def resume(self, path: Path) -> None:
        """Go on from the checkpoint, if it is whole and of the same recipe; else from the start."""
        try:
            with safe_open(path, "pt") as file:
                state = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (FileNotFoundError, SafetensorError):
            return
        if state["recipe"] != self.recipe:
            return
        if state["pivoted"]:
            self.pivot()
        for name, param in (self.rows | self.params).items():
            param.copy_(tensors[f"param.{name}"])
        for name, param in self.params.items():
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"adam.{key}.{name}" in tensors]
            here = {key: tensors[f"adam.{key}.{name}"].to(_device_of(key, param)) for key in keys}
            self.optimiser.state[param] = here
        self.step = self.saved = state["step"]

    def close(self) -> None:
        """Leave the pipe as it was: rows of the plain word, no LoRA."""
        for rows in self.rows.values():
            rows.requires_grad_(False)
            rows.grad = None
        if self.pivoted:
            self.pipe.unet.unload_lora()
        tokens.put_rows(self.pipe, tokens.word_rows(self.pipe, "dog"))


def _device_of(key: str, param: Tensor) -> torch.device:
    return torch.device("cpu") if key == "step" else param.device  # AdamW counts its steps on the CPU


def train(
    state: State,
    samples: list[Sample],
    device: torch.device,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = math.inf,
) -> Iterator[Progress]:
    """Train to the end, one Progress after every step; safe to abandon at any of them.

    Writes `checkpoint` after the first step and then every so many seconds. Raises NotFinite when the numbers run away.
    """
    learning = state.learning
    steps = learning.token_steps + learning.lora_steps
    sampler = BatchSampler(state.pipe, learning, samples, device)
    captions = CaptionEmbeddings(state.pipe, learning, state.recipe)
    checkpointed = -math.inf  # the first step is kept at once: a run that is killed soon after was not for nothing
    spent: list[float] = []  # seconds of every step, without pauses

    while state.step < steps:
        began = time.monotonic()
        _step(state, sampler, captions)
        if checkpoint and time.monotonic() - checkpointed >= checkpoint_every_s:
            state.save(checkpoint)
            checkpointed = time.monotonic()
        spent.append(time.monotonic() - began)
        left = fmean(spent[-20:]) * (steps - state.step)
        yield Progress(phase="learning", step=state.step, steps=steps, seconds_left=left, checkpoint=state.saved)


def _step(state: State, sampler: BatchSampler, captions: CaptionEmbeddings) -> None:
    """A function of State and of (seed, step number) alone."""
    if state.step == state.learning.token_steps and not state.pivoted:
        state.pivot()
    scale = HALF_SCALE if state.pipe.unet.dtype == torch.float16 else 1.0
    pictures, caption = sampler.draw(state.recipe["seed"], state.step, dropping=state.pivoted)
    loss = 0.0
    for part in pictures.parts(state.recipe.get(PARTS, 1)):
        share = _losses(state, part, captions, caption).sum() / len(pictures.t)
        (share * scale).backward()
        loss += share.item()
    _descend(state, loss, scale)
    if not state.pivoted:
        tokens.pin_norm(state.rows, state.norms)
    state.step += 1


def _losses(state: State, pictures: Batch, captions: CaptionEmbeddings, caption: int | None) -> Tensor:
    """The loss of each picture [b], of the UNet with the LoRA against the noise and against the base model."""
    state.enable_lora(False)
    with torch.no_grad():
        base = predict(state.pipe, pictures, captions.base(caption))
    state.enable_lora(True)
    predicted = predict(state.pipe, pictures, captions.pet(caption, learning=not state.pivoted))
    return losses(pictures, predicted, base, state.learning.background_weight)


def _descend(state: State, loss: float, scale: float) -> None:
    """One step of the optimiser, with gradients that are `scale` times too large. Raises NotFinite."""
    if scale != 1.0:
        for param in state.params.values():
            assert param.grad is not None  # every row and every layer has its part in the loss
            param.grad /= scale
    norm = nn.utils.clip_grad_norm_(state.params.values(), MAX_NORM)
    if not math.isfinite(norm.item() + loss):
        raise NotFinite(f"step {state.step}: the loss is {loss}, the gradients' norm {norm.item()}")
    state.optimiser.param_groups[0]["lr"] = state.lr * _cosine(state.step, state.learning)
    state.optimiser.step()
    state.optimiser.zero_grad()


def _cosine(step: int, learning: Learning) -> float:
    """The learning rate's share: from 1 towards 0 in each phase."""
    tokens_left = learning.token_steps - step
    done = step / learning.token_steps if tokens_left > 0 else -tokens_left / learning.lora_steps
    return 0.5 * (1 + math.cos(math.pi * done))
