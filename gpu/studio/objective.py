"""What one training step is about: noisy pictures, a caption, and how wrong the UNet is about them.

Knows: how a step's pictures, noise and caption are drawn, what the UNet ought to say, and the loss. Does not know: what
is learnt from it, in which phase, or how long (step.py, train.py).

All that is random in a step comes from a generator of its own, so there is no state to keep, and none that a painting
could disturb. Sources: min-SNR weights (Hang et al. 2023; of a velocity as in kohya's scripts), a masked loss with a
pull to the base model's own prediction outside the mask (OneTrainer's prior target).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from torch import Generator, Tensor

from gpu.errors import ModelsMissing
from gpu.learning import Learning
from gpu.studio import tokens
from gpu.studio.dataset import Sample
from gpu.studio.tokens import TextEmbeddings

RUNAWAY = 5.0  # times the base model's error on the dog: no training that gets anywhere comes near
PARTS = "parts"  # in the recipe: a batch is learnt in so many parts, where memory did not hold it whole


class Batch(NamedTuple):
    """A batch of b pictures, or a part of one."""

    noisy: Tensor  # [b, c, h, w]
    target: Tensor  # [b, c, h, w], fp32: what the UNet ought to predict
    mask: Tensor  # [b, 1, h, w]: 1 on the dog
    sizes: Tensor  # [b, 6]: SDXL's time ids
    t: Tensor  # [b]: timesteps
    weight: Tensor  # [b]: of the loss at this timestep
    sample: Tensor  # [b]: which ones of the samples they are

    def parts(self, count: int) -> Iterator["Batch"]:
        """The batch in so many parts, whose gradients add up."""
        return map(Batch._make, zip(*(tensor.chunk(count) for tensor in self), strict=True))


class BatchSampler:
    """Draws each step's pictures, noise and caption from the samples of one training."""

    def __init__(
        self, pipe: StableDiffusionXLPipeline, learning: Learning, samples: list[Sample], device: torch.device
    ) -> None:
        self._learning, self._samples = learning, samples
        self._device, self._dtype = device, pipe.unet.dtype
        self._schedule = DDPMScheduler.from_config(pipe.scheduler.config)
        self._weights = timestep_weights(self._schedule, learning)

    def draw(self, seed: int, step: int, *, learns_tokens: bool) -> tuple[Batch, int | None]:
        """The pictures of a step and the number of their caption; None for the empty caption.

        While tokens are learnt no caption is dropped.
        """
        chance = Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
        numbers = _one_bucket(self._samples, self._learning.train_batch, chance)
        batch = [self._samples[n] for n in numbers]
        caption = int(torch.randint(len(self._learning.captions), (), generator=chance))
        t = torch.randint(len(self._weights), (len(batch),), generator=chance)
        dropped = not learns_tokens and float(torch.rand((), generator=chance)) < self._learning.caption_dropout
        latents = torch.stack([sample.latents for sample in batch])
        noise = torch.randn(latents.shape, generator=chance)
        noisy = self._schedule.add_noise(latents, noise, t)
        pictures = Batch(
            noisy=noisy.to(self._device, self._dtype),
            target=target(self._schedule, latents, noise, t).to(self._device),
            mask=self._masks(batch).to(self._device),
            sizes=torch.stack([sample.sizes for sample in batch]).to(self._device, self._dtype),
            t=t.to(self._device),
            weight=self._weights[t].to(self._device),
            sample=torch.tensor(numbers),
        )
        return pictures, None if dropped else caption

    def _masks(self, batch: list[Sample]) -> Tensor:
        masks = torch.stack([sample.mask for sample in batch])
        return masks if self._learning.masked else torch.ones_like(masks)


def target(schedule: DDPMScheduler, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """What the UNet ought to predict [b, c, h, w], of these latents with this noise at timesteps t [b]."""
    predicts_noise = schedule.config.prediction_type == "epsilon"
    return noise if predicts_noise else schedule.get_velocity(latents, noise, t)


class CaptionEmbeddings:
    """Embeddings of captions ({} is the pet): with the pet's tokens, and with the class word alone."""

    def __init__(self, pipe: StableDiffusionXLPipeline, captions: Sequence[str], recipe: dict[str, Any]) -> None:
        self._pipe = pipe
        pet = " ".join([*recipe["tokens"], recipe["class_word"]])
        self._of_pet = [caption.format(pet) for caption in captions]
        self._frozen: list[TextEmbeddings] = []  # these, once the tokens' rows are frozen
        with torch.no_grad():
            self._base = [tokens.encode(pipe, [caption.format(recipe["class_word"])]) for caption in captions]
            self._empty = tokens.encode(pipe, [""])

    def base(self, caption: int | None) -> TextEmbeddings:
        """With the class word alone."""
        return self._empty if caption is None else self._base[caption]

    def pet(self, caption: int | None, *, learning: bool) -> TextEmbeddings:
        """With the pet's tokens; with gradients while their rows are learnt."""
        if caption is None:
            return self._empty
        if learning:
            return tokens.encode(self._pipe, [self._of_pet[caption]])
        if not self._frozen:
            with torch.no_grad():
                self._frozen = [tokens.encode(self._pipe, [words]) for words in self._of_pet]
        return self._frozen[caption]


def predict(pipe: StableDiffusionXLPipeline, pictures: Batch, text: TextEmbeddings) -> Tensor:
    """What the UNet predicts [b, c, h, w], fp32; one text for the whole batch (shared_text.py)."""
    added = {"text_embeds": text.pooled.expand(len(pictures.noisy), -1), "time_ids": pictures.sizes}
    return pipe.unet(
        pictures.noisy, pictures.t, encoder_hidden_states=text.hidden, added_cond_kwargs=added
    ).sample.float()


def losses(pictures: Batch, predicted: Tensor) -> Tensor:
    """The loss of each picture [b]: on the dog, against the target."""
    return pictures.weight * mean_over(pictures.mask, (predicted - pictures.target) ** 2)


def background_losses(pictures: Batch, predicted: Tensor, base: Tensor) -> Tensor:
    """The loss of each picture [b]: where no dog is, against the base model's prediction."""
    return pictures.weight * mean_over(1 - pictures.mask, (predicted - base) ** 2)


def ran_away(pictures: Batch, predicted: Tensor, base: Tensor) -> Tensor:
    """Of which pictures [b] the UNet is far more wrong about the dog than the base model, which has never seen it."""
    return losses(pictures, predicted) > RUNAWAY * losses(pictures, base)


def dco_losses(pictures: Batch, predicted: Tensor, base: Tensor, beta: float) -> Tensor:
    """The loss of each picture [b] of direct consistency optimisation (Lee et al. 2024), divided by beta.

    Only what is learnt beyond the base model's own error counts: -log sigmoid(-beta * (error - base's error)).
    """
    gain = mean_over(pictures.mask, (predicted - pictures.target) ** 2 - (base - pictures.target) ** 2)
    return pictures.weight * F.softplus(beta * gain) / beta


def timestep_weights(schedule: DDPMScheduler, learning: Learning) -> Tensor:
    """The loss's weight at every timestep [1000]. Raises ModelsMissing for a base that cannot be trained."""
    kind, signal = schedule.config.prediction_type, schedule.alphas_cumprod
    snr = signal / (1 - signal)
    if kind == "v_prediction":  # also where the last timestep is noise alone
        return snr.clamp(learning.snr_floor, learning.snr_gamma) / (snr + 1)
    if kind != "epsilon" or not signal.all():
        what = kind if signal.all() else f"{kind} from noise alone (zero terminal SNR)"
        raise ModelsMissing(f"sdxl: its scheduler says that it predicts {what}, which cannot be trained")
    return snr_weights(snr, learning.snr_gamma, learning.snr_floor)


def snr_weights(snr: Tensor, gamma: float, floor: float = 0.0) -> Tensor:
    """Weights of an epsilon loss at these signal-to-noise ratios: min-SNR-`gamma`, but below `floor` as at `floor`.

    In that much noise colour is decided, and an error there is small (a floor of 0.1: Pawtrait's own bench).
    """
    return snr.clamp(floor, gamma) / snr


def mean_over(mask: Tensor, error: Tensor) -> Tensor:
    """Each picture's mean error under the soft mask, [b]; a small dog counts as much as a large one."""
    return (mask * error).mean(dim=(1, 2, 3)) / mask.mean(dim=(1, 2, 3)).clamp(min=1e-3)


def _one_bucket(samples: list[Sample], most: int, chance: Generator) -> list[int]:
    """Up to `most` different samples of one bucket, by number."""
    order = torch.randperm(len(samples), generator=chance).tolist()
    return [n for n in order if samples[n].bucket == samples[order[0]].bucket][:most]
