"""What one training step is about: noisy pictures, a caption, and how wrong the UNet is about them.

Knows: how a step's pictures, noise and caption are drawn, and the loss. Does not know: what is learnt from it, in which
phase, or how long (train.py).

All that is random in a step comes from a generator of its own, so there is no state to keep, and none that a painting
could disturb. Sources: min-SNR weights (Hang et al. 2023), a masked loss with a pull to the base model's own prediction
outside the mask (OneTrainer's prior target).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from torch import Generator, Tensor

from gpu.profile import Learning
from gpu.studio import tokens
from gpu.studio.dataset import Sample
from gpu.studio.tokens import TextEmbeddings


class Batch(NamedTuple):
    """A batch of b pictures, or a part of one."""

    noisy: Tensor  # [b, c, h, w]
    noise: Tensor  # [b, c, h, w], fp32
    mask: Tensor  # [b, 1, h, w]: 1 on the dog
    sizes: Tensor  # [b, 6]: SDXL's time ids
    t: Tensor  # [b]: timesteps
    weight: Tensor  # [b]: of the loss at this timestep

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
        signal = self._schedule.alphas_cumprod
        self._weights = snr_weights(signal / (1 - signal), learning.snr_gamma, learning.snr_floor)

    def draw(self, seed: int, step: int, *, dropping: bool) -> tuple[Batch, int | None]:
        """The pictures of a step and the number of their caption; None for the empty caption.

        `dropping`: whether captions are dropped now and then.
        """
        chance = Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
        batch = _one_bucket(self._samples, self._learning.train_batch, chance)
        caption = int(torch.randint(len(self._learning.captions), (), generator=chance))
        t = torch.randint(len(self._weights), (len(batch),), generator=chance)
        dropped = dropping and float(torch.rand((), generator=chance)) < self._learning.caption_dropout
        latents = torch.stack([sample.latents for sample in batch])
        noise = torch.randn(latents.shape, generator=chance)
        noisy = self._schedule.add_noise(latents, noise, t)
        pictures = Batch(
            noisy=noisy.to(self._device, self._dtype),
            noise=noise.to(self._device),
            mask=torch.stack([sample.mask for sample in batch]).to(self._device),
            sizes=torch.stack([sample.sizes for sample in batch]).to(self._device, self._dtype),
            t=t.to(self._device),
            weight=self._weights[t].to(self._device),
        )
        return pictures, None if dropped else caption


class CaptionEmbeddings:
    """Embeddings of the profile's captions: with the pet's tokens, and with the class word alone."""

    def __init__(self, pipe: StableDiffusionXLPipeline, learning: Learning, recipe: dict[str, Any]) -> None:
        self._pipe = pipe
        pet = " ".join([*recipe["tokens"], recipe["class_word"]])
        self._of_pet = [caption.format(pet) for caption in learning.captions]
        self._frozen: list[TextEmbeddings] = []  # these, once the tokens' rows are frozen
        with torch.no_grad():
            self._base = [tokens.encode(pipe, [caption.format(recipe["class_word"])]) for caption in learning.captions]
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
    """The noise that the UNet predicts [b, c, h, w], fp32; one text for the whole batch."""
    count = len(pictures.noisy)
    hidden = text.hidden.expand(count, -1, -1)
    added = {"text_embeds": text.pooled.expand(count, -1), "time_ids": pictures.sizes}
    return pipe.unet(pictures.noisy, pictures.t, encoder_hidden_states=hidden, added_cond_kwargs=added).sample.float()


def losses(pictures: Batch, predicted: Tensor, base: Tensor, background_weight: float) -> Tensor:
    """The loss of each picture [b]: on the dog against the noise, elsewhere against the base model's prediction."""
    on_dog = mean_over(pictures.mask, (predicted - pictures.noise) ** 2)
    elsewhere = mean_over(1 - pictures.mask, (predicted - base) ** 2)
    return pictures.weight * (on_dog + background_weight * elsewhere)


def snr_weights(snr: Tensor, gamma: float, floor: float = 0.0) -> Tensor:
    """Weights of an epsilon loss at these signal-to-noise ratios: min-SNR-`gamma`, but below `floor` as at `floor`.

    In that much noise colour is decided, and an error there is small (a floor of 0.1: Pawtrait's own bench).
    """
    return snr.clamp(floor, gamma) / snr


def mean_over(mask: Tensor, error: Tensor) -> Tensor:
    """Each picture's mean error under the soft mask, [b]; a small dog counts as much as a large one."""
    return (mask * error).mean(dim=(1, 2, 3)) / mask.mean(dim=(1, 2, 3)).clamp(min=1e-3)


def _one_bucket(samples: list[Sample], most: int, chance: Generator) -> list[Sample]:
    """Up to `most` different samples of one bucket."""
    order = [samples[i] for i in torch.randperm(len(samples), generator=chance).tolist()]
    return [sample for sample in order if sample.bucket == order[0].bucket][:most]
