"""All that changes while a pet is learnt: the step, the tokens' rows, a LoRA in the UNet, their optimisers.

Knows: which parameters are learnt from when to when, how they get into the pipeline and out of it again, what a
checkpoint holds. Does not know: what a step is about (objective.py), when one is made (train.py), files of adapters.

Source of the norm-pinned rows that start as the class word: DCO.
"""

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from gpu.learning import Learning
from gpu.studio import checkpoint, tokens
from gpu.studio.checkpoint import Facts, Unfit
from gpu.studio.device import machine
from gpu.studio.lora_layers import Switch, compute_by_hand

LORA = "learning"  # the LoRA's name in the UNet while it is learnt
HALVED = 0.5  # of the learning rate, once the numbers have run away
ADAM = ("step", "exp_avg", "exp_avg_sq")  # what AdamW keeps of a parameter

log = logging.getLogger(__name__)


class Mark(NamedTuple):
    """What previews of a step scored."""

    step: int
    likeness: float  # to the photos that are held out
    copied: bool  # whether most of them were nearly photos that are learnt


@dataclass(slots=True)
class Part:
    """What is learnt from step `begin` on, for `steps` steps: rows or LoRA. Without parameters it has not begun."""

    lr: float
    begin: int
    steps: int
    params: dict[str, nn.Parameter] = field(default_factory=dict)
    optimiser: torch.optim.Optimizer | None = None

    @property
    def end(self) -> int:
        return self.begin + self.steps

    def is_learnt_at(self, step: int) -> bool:
        return self.begin <= step < self.end

    def start(self, params: dict[str, nn.Parameter]) -> None:
        for param in params.values():
            param.requires_grad_(True)
        self.params = params
        self.optimiser = torch.optim.AdamW(params.values(), lr=self.lr, weight_decay=0.0, fused=True)

    def stop(self) -> None:
        for param in self.params.values():
            param.requires_grad_(False)
            param.grad = None

    def rate(self, step: int) -> float:
        """The learning rate at a step: a cosine from lr towards 0."""
        return self.lr * 0.5 * (1 + math.cos(math.pi * (step - self.begin) / self.steps))


class State:
    """It lives inside the pipe until close()."""

    def __init__(self, pipe: StableDiffusionXLPipeline, learning: Learning, recipe: dict[str, Any]) -> None:
        """Begin; resume() may follow. `recipe` (adapter.py) says what is learnt: equal recipes, equal bits."""
        self.pipe, self.learning = pipe, learning
        self.dtype = pipe.unet.dtype  # diffusers looks through the UNet for it each time
        self.recipe = recipe | {"machines": [machine(pipe.device)]}
        self.rows = tokens.rows_of(pipe)
        self.begin()

    def begin(self) -> None:
        """At the first step, whatever has been learnt before."""
        self._remove_lora()
        self.layers: list[BaseTunerLayer] = []  # of the LoRA, once it has begun
        self.lora_switch = Switch()
        self.step = 0
        self.saved = 0  # the newest step that is safe on disk
        self.slowed = 1.0  # of the learning rate, its share
        self.skipped = 0  # steps in a row, the last ones, whose numbers were no good
        self.curve: list[Mark] = []
        self.preview: Path | None = None  # the newest one that was painted by this process
        self.best: dict[str, Tensor] = {}  # all that was learnt, at the best mark
        start = tokens.word_rows(self.pipe, self.recipe["class_word"])
        tokens.put_rows(self.pipe, start)
        self.norms = {key: rows.norm(dim=-1, keepdim=True) for key, rows in start.items()}
        learning = self.learning
        self.tokens = Part(learning.token_lr, 0, learning.token_steps)
        self.lora = Part(learning.lora_lr, learning.token_steps - learning.overlap, learning.lora_steps)
        self.tokens.start(dict(self.rows))

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return max(self.tokens.end, self.lora.end)

    @property
    def learns_tokens(self) -> bool:
        return self.tokens.is_learnt_at(self.step)

    @property
    def active(self) -> list[Part]:
        """What the next step changes."""
        return [part for part in (self.tokens, self.lora) if part.is_learnt_at(self.step)]

    @property
    def params(self) -> dict[str, nn.Parameter]:
        """All that is learnt or was."""
        return self.tokens.params | self.lora.params

    def arrange(self) -> None:
        """Freeze and begin what the next step asks for."""
        if not self.learns_tokens:
            self.tokens.stop()
        if self.step >= self.lora.begin and not self.lora.params:
            self.begin_lora()

    def begin_lora(self) -> None:
        """fp32, and the same for the same seed."""
        rank = self.learning.lora_rank
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(self.learning.lora_targets))
        with torch.random.fork_rng():  # peft draws from the global state
            torch.manual_seed(self.recipe["seed"])
            self.pipe.unet.add_adapter(config, adapter_name=LORA)
        self.layers = [module for module in self.pipe.unet.modules() if isinstance(module, BaseTunerLayer)]
        cast_training_params(self.pipe.unet, torch.float32)
        for layer in self.layers:
            compute_by_hand(layer, LORA, self.lora_switch)
        named = self.pipe.unet.named_parameters()
        self.lora.start({name: param for name, param in named if param.requires_grad})

    def save(self, path: Path) -> None:
        """Write a checkpoint. Raises what checkpoint.write() does."""
        tensors: dict[str, Tensor] = {f"param.{name}": param for name, param in self.params.items()}
        for part in (self.tokens, self.lora):
            for name, param in part.params.items():
                kept = part.optimiser.state[param] if part.optimiser else {}
                tensors |= {f"adam.{key}.{name}": value for key, value in kept.items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        facts = Facts(
            step=self.step,
            recipe=self.recipe,
            rate=self.slowed,
            skipped=self.skipped,
            curve=tuple(tuple(mark) for mark in self.curve),
        )
        checkpoint.write(path, facts, tensors)
        self.saved = self.step

    def resume(self, path: Path) -> None:
        """Go on from the checkpoint, if it is whole and of the same recipe; else begin anew, and say so."""
        try:
            facts, tensors = checkpoint.read(path, self.recipe)
            if facts.step >= self.lora.begin and any("lora_" in name for name in tensors) and not self.lora.params:
                self.begin_lora()
            self._check(tensors)
        except FileNotFoundError:
            return
        except Unfit as unfit:
            log.warning("The training begins anew: %s %s", path.name, unfit)
            self.begin()  # a LoRA may have been put in for it
            return
        self._take(facts, tensors)

    def _check(self, tensors: dict[str, Tensor]) -> None:
        """Raises Unfit where tensors and parameters are not of the same names and shapes."""
        found = {name.removeprefix("param."): value for name, value in tensors.items() if name.startswith("param.")}
        if {name: value.shape for name, value in found.items()} != {name: p.shape for name, p in self.params.items()}:
            raise Unfit("holds other parameters")

    @torch.no_grad()
    def _take(self, facts: Facts, tensors: dict[str, Tensor]) -> None:
        for part in (self.tokens, self.lora):
            for name, param in part.params.items():
                param.copy_(tensors[f"param.{name}"])
                kept = {key: tensors[f"adam.{key}.{name}"] for key in ADAM if f"adam.{key}.{name}" in tensors}
                part.optimiser.state[param] = {key: value.to(param.device) for key, value in kept.items()}
        self.best = {name.removeprefix("best."): value for name, value in tensors.items() if name.startswith("best.")}
        self.curve = [Mark(*mark) for mark in facts.curve]
        self.step = self.saved = facts.step
        self.slowed, self.skipped = facts.rate, facts.skipped
        before = facts.recipe["machines"]
        self.recipe["machines"] = before + [one for one in self.recipe["machines"] if one not in before]

    def keep_best(self) -> None:
        """What is learnt now is the best so far."""
        self.best = {name: param.detach().cpu().clone() for name, param in self.params.items()}

    @torch.no_grad()
    def take_best(self) -> None:
        """If there is one; a LoRA that had not begun by then changes nothing."""
        for name, param in self.params.items() if self.best else ():
            if name in self.best:
                param.copy_(self.best[name])
            elif "lora_B" in name:
                param.zero_()

    def close(self) -> None:
        """Leave the pipe as it was, however far it came: rows of the plain word, no LoRA."""
        self.tokens.stop()
        self._remove_lora()
        tokens.put_rows(self.pipe, tokens.word_rows(self.pipe, "dog"))

    def _remove_lora(self) -> None:
        """Also one that memory did not hold whole."""
        if self.pipe.unet._hf_peft_config_loaded:
            self.pipe.unet.unload_lora()
