"""A training's second loss: on the class as the base model paints it, so that words are kept while the dog is learnt.

Knows: how a step's class pictures are drawn, and how wrong the UNet is about them. Does not know: how they were painted
(class_pictures.py), the photos, which method of the field this is (gpu/learning.py).
"""

from collections.abc import Iterator
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from torch import Generator, Tensor

from gpu.learning import Learning, Reminder
from gpu.studio.objective import PARTS, Batch, CaptionEmbeddings, losses, predict, target, timestep_weights
from gpu.studio.state import State


class Reminding:
    """Everything random in it follows from the training's seed and the step's number."""

    def __init__(
        self,
        pipe: StableDiffusionXLPipeline,
        learning: Learning,
        reminder: Reminder,
        recipe: dict[str, Any],
        pictures: Tensor,
    ) -> None:
        """`pictures`: latents [prompts, each, c, h, w] (class_pictures.py)."""
        self._reminder, self._pictures, self._batch = reminder, pictures, learning.train_batch
        self._texts = CaptionEmbeddings(pipe, reminder.prompts, recipe)
        self._schedule = DDPMScheduler.from_config(pipe.scheduler.config)
        self._weights = timestep_weights(self._schedule, learning)
        self._sizes = torch.tensor([[learning.size_px, learning.size_px, 0, 0, learning.size_px, learning.size_px]])

    def losses(self, state: State) -> Iterator[Tensor]:
        """The loss of the next step in as many parts as its batch has, numbers to be added; none if it has none.

        The class alone teaches the pet's tokens nothing.
        """
        if not state.lora.params:
            return
        pictures, prompt = self._draw(state)
        for part in pictures.parts(state.recipe.get(PARTS, 1)):
            each = losses(part, predict(state.pipe, part, self._texts.base(prompt)))
            yield self._reminder.weight * each.sum() / len(pictures.t)

    def _draw(self, state: State) -> tuple[Batch, int]:
        """As many pictures as a batch has photos, all of one prompt, and that prompt's number."""
        chance = Generator().manual_seed((state.recipe["seed"] * 1_000_003 + state.step + 500_009) % 2**63)
        prompt = int(torch.randint(len(self._pictures), (), generator=chance))
        numbers = torch.randint(self._reminder.each, (self._batch,), generator=chance)
        latents = self._pictures[prompt, numbers]  # [b, c, h, w]
        noise = torch.randn(latents.shape, generator=chance)
        t = torch.randint(len(self._weights), (self._batch,), generator=chance)
        noisy = self._schedule.add_noise(latents, noise, t)
        device, dtype = state.pipe.device, state.dtype
        pictures = Batch(
            noisy=noisy.to(device, dtype),
            target=target(self._schedule, latents, noise, t).to(device),
            mask=torch.ones_like(latents[:, :1]).to(device),
            sizes=self._sizes.expand(self._batch, -1).to(device, dtype),
            t=t.to(device),
            weight=self._weights[t].to(device),
            sample=numbers,
        )
        return pictures, prompt
