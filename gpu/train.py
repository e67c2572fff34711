# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""Pivotal tuning of SDXL on one dog: first the new tokens' rows, then a LoRA with the rows frozen.

Knows: the loss, the two phases, what a checkpoint holds. Does not know: photos, files of adapters, jobs, who waits.

A step is a function of State and of (seed, step number), and a checkpoint holds State whole: a training that was
paused, killed and resumed, or interrupted by a painting goes on bit for bit. Sources: min-SNR weights (Hang et al.
2023), norm-pinned rows that start as the class word (DCO), a masked loss with a pull to the base model's own prediction
outside the mask (OneTrainer's prior target).
"""

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Generator, Tensor, nn

from gpu import tokens
from gpu.dataset import Sample
from gpu.errors import NotFinite
from gpu.profile import Profile
from gpu.tokens import Text
from gpu.types import Progress

LORA = "learning"  # the LoRA's name while it is learnt
PARTS = "parts"  # in the recipe: a batch is learnt in so many parts, where memory did not hold it whole
MOST_NORM = 1.0  # gradients are clipped to this norm
HALF_SCALE = 2.0**14  # of the loss in float16, whose small gradients would be 0: a power of two is undone exactly


class State:
    """All that changes while training: step, rows, LoRA, optimiser. It lives inside the pipe until close()."""

    def __init__(self, pipe: StableDiffusionXLPipeline, profile: Profile, recipe: dict[str, Any]) -> None:
        """Begin; resume() may follow. `recipe` (gpu/adapter.py) says what is learnt: equal recipes, equal bits."""
        self.pipe, self.profile, self.recipe = pipe, profile, recipe
        self.layers: list[BaseTunerLayer] = []  # of the LoRA, once it has begun
        self.step = 0
        self.saved = 0  # the newest step that is safe on disk
        self.rows = tokens.rows_of(pipe)
        start = tokens.word_rows(pipe, recipe["class_word"])
        tokens.put_rows(pipe, start)
        self.norms = {key: rows.norm(dim=-1, keepdim=True) for key, rows in start.items()}
        self._optimise(self.rows, profile.token_lr)

    @property
    def pivoted(self) -> bool:
        return self.params is not self.rows

    def pivot(self) -> None:
        """Freeze the rows and begin the LoRA: fp32, and the same for the same seed."""
        for rows in self.rows.values():
            rows.requires_grad_(False)
        rank = self.profile.lora_rank
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(self.profile.lora_targets))
        with torch.random.fork_rng():  # peft draws from the global state
            torch.manual_seed(self.recipe["seed"])
            self.pipe.unet.add_adapter(config, adapter_name=LORA)
        self.layers = [module for module in self.pipe.unet.modules() if isinstance(module, BaseTunerLayer)]
        cast_training_params(self.pipe.unet, torch.float32)
        named = self.pipe.unet.named_parameters()
        self._optimise({name: param for name, param in named if param.requires_grad}, self.profile.lora_lr)

    def _optimise(self, params: dict[str, nn.Parameter], lr: float) -> None:
        self.params, self.lr = params, lr
        for param in params.values():
            param.requires_grad_(True)
        self.optimiser = torch.optim.AdamW(params.values(), lr=lr, weight_decay=0.0)

    def wear(self, on: bool) -> None:
        """Put the LoRA on or off, once it has begun. The UNet's own method looks at all of its modules each time."""
        for layer in self.layers:
            layer.enable_adapters(on)

    def save(self, path: Path) -> None:
        """One file, replaced in one move: a kill at any moment leaves the old checkpoint or the new one.

        Raises FileNotFoundError if the folder that the checkpoint's own lies in is gone: it must stay gone.
        """
        tensors = {f"param.{name}": param for name, param in (self.rows | self.params).items()}
        for name, param in self.params.items():
            tensors |= {f"adam.{key}.{name}": value for key, value in self.optimiser.state[param].items()}
        fresh = path.with_suffix(".tmp")
        state = {"step": self.step, "pivoted": self.pivoted, "recipe": self.recipe}
        kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        path.parent.mkdir(exist_ok=True)
        save_file(kept, fresh, metadata={"state": json.dumps(state)})
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
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
            self.optimiser.state[param] = {key: tensors[f"adam.{key}.{name}"].to(_home(key, param)) for key in keys}
        self.step = self.saved = state["step"]

    def close(self) -> None:
        """Leave the pipe as it was: rows of the plain word, no LoRA."""
        for rows in self.rows.values():
            rows.requires_grad_(False)
            rows.grad = None
        if self.pivoted:
            self.pipe.unet.unload_lora()
        tokens.put_rows(self.pipe, tokens.word_rows(self.pipe, "dog"))


def _home(key: str, param: Tensor) -> torch.device:
    return torch.device("cpu") if key == "step" else param.device  # AdamW counts its steps on the CPU


def train(
    state: State, samples: list[Sample], device: torch.device, checkpoint: Path | None = None
) -> Iterator[Progress]:
    """Train to the end, one Progress after every step; safe to abandon at any of them.

    Writes `checkpoint` every profile.checkpoint_every_s seconds. Raises NotFinite when the numbers run away.
    """
    pipe, profile, recipe = state.pipe, state.profile, state.recipe
    dtype = pipe.unet.dtype
    scale = HALF_SCALE if dtype == torch.float16 else 1.0
    steps = profile.token_steps + profile.lora_steps
    parts = recipe.get(PARTS, 1)
    schedule = DDPMScheduler.from_config(pipe.scheduler.config)
    signal = schedule.alphas_cumprod
    snr = signal / (1 - signal)
    snr_weight = snr_weights(snr, profile.snr_gamma, profile.snr_floor)

    pet = " ".join([*recipe["tokens"], recipe["class_word"]])
    with torch.no_grad():  # what the base model knows without the pet
        base_texts = [tokens.encode(pipe, [caption.format(recipe["class_word"])]) for caption in profile.captions]
        empty = tokens.encode(pipe, [""])
    pet_texts: list[Text] = []  # cached after the pivot
    checkpointed = -math.inf  # the first step is kept at once: a run that is killed soon after was not for nothing
    spent: list[float] = []  # seconds of every step, without pauses

    while state.step < steps:
        began = time.monotonic()
        if state.step == profile.token_steps and not state.pivoted:
            state.pivot()
        if state.pivoted and not pet_texts:
            with torch.no_grad():
                pet_texts = [tokens.encode(pipe, [caption.format(pet)]) for caption in profile.captions]

        # All chance of this step comes from its own generator: nothing to keep, nothing that a painting could disturb.
        chance = Generator().manual_seed((recipe["seed"] * 1_000_003 + state.step) % 2**63)
        batch = _draw(samples, profile.train_batch, chance)
        caption = int(torch.randint(len(profile.captions), (), generator=chance))
        t = torch.randint(len(snr), (len(batch),), generator=chance)
        dropped = state.pivoted and float(torch.rand((), generator=chance)) < profile.caption_dropout
        latents = torch.stack([sample.latents for sample in batch])
        noise = torch.randn(latents.shape, generator=chance)
        noisy = schedule.add_noise(latents, noise, t).to(device, dtype)
        mask = torch.stack([sample.mask for sample in batch]).to(device)
        sizes = torch.stack([sample.sizes for sample in batch]).to(device, dtype)
        whole = (noisy, noise.to(device), mask, sizes, t.to(device), snr_weight[t].to(device))

        loss = 0.0
        for part in zip(*(tensor.chunk(parts) for tensor in whole), strict=True):  # their gradients add up
            noisy, noise, mask, sizes, t, weight = part
            state.wear(False)
            with torch.no_grad():
                base = _predict(pipe, noisy, t, empty if dropped else base_texts[caption], sizes)
            state.wear(True)

            if dropped:
                text = empty
            elif state.pivoted:
                text = pet_texts[caption]
            else:
                text = tokens.encode(pipe, [profile.captions[caption].format(pet)])
            predicted = _predict(pipe, noisy, t, text, sizes)

            on_dog = _mean_over(mask, (predicted - noise) ** 2)
            elsewhere = _mean_over(1 - mask, (predicted - base) ** 2)
            share = (weight * (on_dog + profile.background_weight * elsewhere)).sum() / len(batch)
            (share * scale).backward()
            loss += share.item()
        if scale != 1.0:
            for param in state.params.values():
                assert param.grad is not None  # every row and every layer has its part in the loss
                param.grad /= scale
        norm = nn.utils.clip_grad_norm_(state.params.values(), MOST_NORM)
        if not math.isfinite(norm.item() + loss):
            raise NotFinite(f"step {state.step}: the loss is {loss}, the gradients' norm {norm.item()}")
        state.optimiser.param_groups[0]["lr"] = state.lr * _cosine(state.step, profile)
        state.optimiser.step()
        state.optimiser.zero_grad()
        if not state.pivoted:
            tokens.pin_norm(state.rows, state.norms)
        state.step += 1

        if checkpoint and time.monotonic() - checkpointed >= profile.checkpoint_every_s:
            state.save(checkpoint)
            checkpointed = time.monotonic()
        spent.append(time.monotonic() - began)
        left = fmean(spent[-20:]) * (steps - state.step)
        yield Progress(phase="learning", step=state.step, steps=steps, seconds_left=left, checkpoint=state.saved)


def snr_weights(snr: Tensor, gamma: float, floor: float = 0.0) -> Tensor:
    """Of an epsilon loss at these signal-to-noise ratios: min-SNR-`gamma`, and no less than at `floor` where more noise
    is. There colour is decided, and an error of the noise that hides it is small (0.1: Pawtrait's own bench).
    """
    return snr.clamp(floor, gamma) / snr


def _predict(pipe: StableDiffusionXLPipeline, noisy: Tensor, t: Tensor, text: Text, sizes: Tensor) -> Tensor:
    """The UNet's idea of the noise, fp32; one prompt for the whole batch."""
    hidden = text.hidden.expand(len(noisy), -1, -1)
    added = {"text_embeds": text.pooled.expand(len(noisy), -1), "time_ids": sizes}
    return pipe.unet(noisy, t, encoder_hidden_states=hidden, added_cond_kwargs=added).sample.float()


def _draw(samples: list[Sample], most: int, chance: Generator) -> list[Sample]:
    """Up to `most` different samples of one bucket."""
    order = [samples[i] for i in torch.randperm(len(samples), generator=chance).tolist()]
    return [sample for sample in order if sample.bucket == order[0].bucket][:most]


def _mean_over(mask: Tensor, error: Tensor) -> Tensor:
    """[batch]: the mean of the error under the soft mask; a small dog counts as much as a large one."""
    return (mask * error).mean(dim=(1, 2, 3)) / mask.mean(dim=(1, 2, 3)).clamp(min=1e-3)


def _cosine(step: int, profile: Profile) -> float:
    """The learning rate's share: from 1 towards 0 in each phase."""
    tokens_left = profile.token_steps - step
    done = step / profile.token_steps if tokens_left > 0 else -tokens_left / profile.lora_steps
    return 0.5 * (1 + math.cos(math.pi * done))
