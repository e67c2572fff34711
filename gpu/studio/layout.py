"""Where the dog stands: half-way through the denoising the picture is moved, so that the dog is in its box.

Knows: when it is moved and how far, and how it gets its noise back. Does not know: who asks for a box, how a dog is
found in a picture (segment.py), what else happens in the pipeline's call.

Pawtrait's own. From a few photos the pet's LoRA also learns where a dog stands in them, and that wins over the words.
So the first half is painted freely; then the picture is moved, and gets noise again (SDEdit, Meng et al. 2022), so that
the second half mends what was moved. On the pocket painter .67 of the dogs are in their box then, and .20 without
(tests/bench/layout.py). What was tried beside it brought, roughly: bias on attention, as in paint-with-words (Balaji et
al. 2022), .12; regional keys and values (RPG, Yang et al. 2024), .32; latents shifted half-way, .42, with broken
pictures; the first noise rolled, .23; the pet joining late (FastComposer, Xiao et al. 2023), .18.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gpu.portraits import Box
from gpu.studio.denoise import Texts, decoded, foreseen

Find = Callable[[list[Image.Image]], Sequence[Box | None]]
"""Where a dog is in each picture; None: nowhere to be seen."""

HALF = 0.5  # of the steps, after which the picture is moved: earlier, the dog goes back; later, its lines stay broken
SCALE = (0.7, 1.4)  # at the least and at the most, of the dog


class Placing:
    """Leads the dogs of one batch to a box. For the pipeline's call: `begin` its noise, and tell it `on_step_end`."""

    def __init__(self, box: Box, steps: int, guidance: float, texts: Texts, find: Find) -> None:
        """`texts`: the prompt as the pipeline's call takes it, for the whole batch."""
        self._box, self._steps, self._guidance, self._texts, self._find = box, steps, guidance, texts, find

    def begin(self, noise: Tensor) -> Tensor:
        """The batch's first noise, [pictures, channels, height, width]; it stays as it is."""
        self._noise = noise
        return noise

    @torch.no_grad()
    def on_step_end(self, pipe: Any, step: int, timestep: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """As the pipeline calls it."""
        done = step + 1
        if done != half_way(self._steps) or done == self._steps:
            return inputs
        latents, times = inputs["latents"], pipe.scheduler.timesteps[done:]
        seen = pipe.scheduler.scale_model_input(latents, times[0])
        picture = foreseen(pipe, seen, times, self._texts, self._guidance)
        found = self._find(decoded(pipe, picture))
        moved = torch.stack([moved_to(self._box, *one) for one in zip(picture, found, strict=True)])
        # Another noise than the first one, but as much each picture's own.
        noisy = pipe.scheduler.add_noise(moved, self._noise.flip(-1), times[:1].expand(len(moved)))
        return inputs | {"latents": noisy.to(latents.dtype)}


def half_way(steps: int) -> int:
    """The step after which the picture is moved."""
    return max(1, round(HALF * steps))


def moved_to(box: Box, picture: Tensor, dog: Box | None) -> Tensor:
    """A picture [channels, height, width], moved and scaled so that what is at `dog` comes to the box.

    What comes in at the edges is as the edge was. Without a dog it stays.
    """
    if dog is None:
        return picture
    (left, top, right, bottom), (x0, y0, x1, y1) = box, dog
    scale = min((right - left) / (x1 - x0), (bottom - top) / (y1 - y0))
    scale = min(max(scale, SCALE[0]), SCALE[1])
    # From a place in the moved picture to the place that it comes from, both in -1..1.
    across = (x0 + x1 - 1) - (left + right - 1) / scale
    down = (y0 + y1 - 1) - (top + bottom - 1) / scale
    affine = torch.tensor([[[1 / scale, 0.0, across], [0.0, 1 / scale, down]]], device=picture.device)
    grid = F.affine_grid(affine, [1, *picture.shape], align_corners=False)
    moved = F.grid_sample(picture[None].float(), grid, padding_mode="border", align_corners=False)
    return moved[0].to(picture.dtype)
