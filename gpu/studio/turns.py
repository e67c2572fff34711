"""Which photos of a set lie on their side or upside down: those that are more like the others once they are turned.

Knows: what the segmenter's backbone sees of the pet, with the photo as it is and turned three times. Does not know: how
the pet is found, or what is done about it.
One photo alone cannot be told: a dog is found about as surely upside down (measured: no more than half of the turned
photos stand out). A set can, as long as most of it is upright: what turning changes, it changes alike in all of them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from ultralytics.nn.modules import SPPF

from gpu.studio.crop import Mask, crop_box
from gpu.studio.segmenter import Segmenter

SIDE = 256  # pixels of the square that the backbone sees
TURNS = 4  # by 0, 90, 180 and 270 degrees, to the left

Features = NDArray[np.float32]  # [TURNS, channels]


@torch.no_grad()
def features(segmenter: Segmenter, photo: Image.Image, mask: NDArray[np.floating] | Mask) -> Features:
    """What the backbone sees of the pet, at each turn: the mean of its last features on the mask.

    photo: RGB. mask: [height, width] of it, 0..1.
    """
    pet = np.asarray(mask, np.float32)
    box = crop_box(pet > 0.5)
    picture = np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BOX, box=box), np.float32) / 255
    shape = np.asarray(Image.fromarray(pet).resize((SIDE, SIDE), Image.Resampling.BOX, box=box))
    parameter = next(segmenter.parameters())
    pixels = torch.from_numpy(picture).permute(2, 0, 1).to(parameter.device, parameter.dtype)
    weight = torch.from_numpy(shape.copy()).to(parameter.device, parameter.dtype)[None]
    seen = _backbone(segmenter, _all_turns(pixels))
    weights = torch.nn.functional.adaptive_avg_pool2d(_all_turns(weight), seen.shape[-2:])
    mean = (seen * weights).sum((2, 3)) / weights.sum((2, 3)).clamp(min=1e-3)
    return mean.float().cpu().numpy()


def turned(pets: Sequence[Features], least: float) -> dict[int, int]:
    """Indices of the photos that lie wrongly, and by how many degrees they are to be turned to the left.

    The one that stands out most is set right first, then the others are compared again. `least`: by how much more, as
    a cosine, a photo must be like the others once it is turned. In fewer than three nothing can be told.
    """
    found: dict[int, int] = {}
    if len(pets) < 3:
        return found
    views = _only_what_turns(np.stack(pets))
    for _ in range((len(pets) - 1) // 2):  # most are upright
        gains = _gains(views)
        gains[list(found)] = 0
        index, turn = np.unravel_index(gains.argmax(), gains.shape)
        if gains[index, turn] <= least:
            break
        found[int(index)] = 90 * int(turn)
        views[index] = np.roll(views[index], -int(turn), 0)
    return found


def _all_turns(picture: Tensor) -> Tensor:
    """[channels, side, side] -> [TURNS, channels, side, side]."""
    return torch.stack([torch.rot90(picture, turn, (1, 2)) for turn in range(TURNS)])


def _backbone(segmenter: Segmenter, pixels: Tensor) -> Tensor:
    """Up to SPPF, its last layer, each takes only what the one before it gives."""
    for layer in segmenter.net.model:
        pixels = layer(pixels)
        if isinstance(layer, SPPF):
            break
    return pixels


def _only_what_turns(pets: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n, TURNS, channels]: without what is the same at each turn (whose coat it is), the rest made comparable."""
    rest = pets - pets.mean(1, keepdims=True)
    rest = rest / (rest.std((0, 1)) + 1e-3)
    return rest / np.linalg.norm(rest, axis=-1, keepdims=True)


def _gains(views: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n, TURNS]: by how much more each is like the others, as they are, if it is turned."""
    others = (views[:, 0].sum(0) - views[:, 0]) / (len(views) - 1)
    alike = np.einsum("ntc,nc->nt", views, others)
    return alike - alike[:, :1]
