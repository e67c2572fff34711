"""Where the dog stands: in the middle of the denoising the picture is moved, so that the dog is in its box.

Knows: when it is moved and how far, and how it gets its noise back. Does not know: who asks for a box, how a dog is
found in a picture (segment.py), what else happens in the pipeline's call.

Pawtrait's own. From a few photos the pet's LoRA also learns where a dog stands in them, and that wins over the words.
So the first part is painted freely; then the picture is moved, and gets noise again (SDEdit, Meng et al. 2022), so that
the rest mends what was moved. Where the base model paints what is around the dog (surroundings.py), it then paints it
without a dog, and so none goes back. On the pocket painter .75 of 24 pictures have their dog in the box then, and .42
where a dog may be painted around it, too. Of 40 portraits, which are the best of four or, where none of those stands
right, of eight, .93 have, and .33 of those that nobody moved; their likeness is .75 for .91 (tests/bench/layout.py).
What was tried beside it brought, roughly: bias on attention, as in paint-with-words (Balaji et al. 2022), .12; regional
keys and values (RPG, Yang et al. 2024), .32; latents shifted half-way, .42, with broken pictures; the first noise
rolled, .23; the pet joining late (FastComposer, Xiao et al. 2023), .18.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gpu.portraits import Box
from gpu.studio.denoise import Texts, decoded, foreseen

FindMasks = Callable[[list[Image.Image]], Sequence[Image.Image]]
"""The dog in each picture, as a mask; all of a picture where there is none."""

HALF = 0.5  # of the steps, after which the picture is moved: earlier, the dog goes back; later, its lines stay broken
SOON = 0.4  # the same where no dog is painted around it, and none can go back
SCALE = (0.7, 1.4)  # at the least and at the most, of the dog


class Placing:
    """Leads the dogs of one batch to a box. For the pipeline's call: `begin` its noise, and tell it `on_step_end`."""

    def __init__(self, box: Box, after: int, guidance: float, texts: Texts, find: FindMasks) -> None:
        """`after`: the step after which the picture is moved; `texts`: the prompt as the pipeline's call takes it, for
        the whole batch.
        """
        self.after, self._box, self._guidance, self._texts, self._find = after, box, guidance, texts, find

    def begin(self, noise: Tensor) -> Tensor:
        """The batch's first noise, [pictures, channels, height, width]; it stays as it is."""
        self._noise = noise
        return noise

    @torch.no_grad()
    def on_step_end(self, pipe: Any, step: int, timestep: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """As the pipeline calls it. Once moved, `masks` [pictures, 1, height, width] say where the dogs are."""
        latents, times = inputs["latents"], pipe.scheduler.timesteps[step + 1 :]
        if step + 1 != self.after or not len(times):
            return inputs
        seen = pipe.scheduler.scale_model_input(latents, times[0])
        pictures = foreseen(pipe, seen, times, self._texts, self._guidance)
        masks = self._find(decoded(pipe, pictures))
        dogs = [bounds(mask) for mask in masks]
        self.masks = torch.stack(
            [moved_to(self._box, soft(mask, latents)[0], dog, "zeros") for mask, dog in zip(masks, dogs, strict=True)]
        )
        moved = torch.stack([moved_to(self._box, *one) for one in zip(pictures, dogs, strict=True)])
        # Another noise than the first one, but as much each picture's own.
        noisy = pipe.scheduler.add_noise(moved, self._noise.flip(-1), times[:1].expand(len(moved)))
        return inputs | {"latents": noisy.to(latents.dtype)}


def move_after(steps: int, share: float) -> int:
    """The step after which the picture is moved."""
    return max(1, round(share * steps))


def bounds(mask: Image.Image) -> Box | None:
    """Where the dog is; None: nowhere to be seen."""
    if mask.getextrema() == (255, 255) or not (found := mask.getbbox()):
        return None
    left, top, right, bottom = found
    return left / mask.width, top / mask.height, right / mask.width, bottom / mask.height


def soft(mask: Image.Image, like: Tensor) -> Tensor:
    """[1, 1, h, w] in 0..1, as large as the latents `like` [b, c, h, w]: half of a dog's edge is around it."""
    found = torch.from_numpy(np.asarray(mask.convert("L"), dtype=np.float32) / 255)[None, None].to(like.device)
    small = F.interpolate(found, size=like.shape[2:], mode="area")
    return (small + F.max_pool2d(small, 3, 1, 1)) / 2


def stands_in(box: Box, mask: Image.Image) -> bool:
    """Whether the middle of what is masked lies in the box."""
    left, top, right, bottom = bounds(mask) or (0.0, 0.0, 1.0, 1.0)
    x, y = (left + right) / 2, (top + bottom) / 2
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def moved_to(box: Box, picture: Tensor, dog: Box | None, edge: Literal["border", "zeros"] = "border") -> Tensor:
    """A picture [channels, height, width], moved and scaled so that what is at `dog` comes to the box.

    What comes in at the edges is as the edge was, or 0. Without a dog it stays.
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
    moved = F.grid_sample(picture[None].float(), grid, padding_mode=edge, align_corners=False)
    return moved[0].to(picture.dtype)
