"""What an animal looks like, as numbers that are near for two photos of one animal.

Knows: what the segmenter's backbone makes of a crop. Does not know: which animal is which (identity.py).

An embedding is how the channels of the segmenter's own first layers vary together over the animal's mask: fur, marks
and colours, wherever they are. That is second-order pooling with signed square roots (Lin, RoyChowdhury and Maji,
"Bilinear CNNs", ICCV 2015; Gatys et al. call it style). With yolov8n-seg and 21 real photos of four dogs, two of them
corgis, any two of one dog are nearer than any two of different dogs. Means and deviations of the channels, colour
histograms and matched patches, each tried once on the same photos, fell short of that. DINOv2 is not asked: it would be
one more model to load before anybody is in line.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gpu.studio.segmenter import GREY, Floats, Segmenter

MARGIN = 0.05  # of the longer side, around the animal
COARSE = 64  # pixels: as few as the animal has in a photo that is next to useless
BRIGHT, DARKEST = 0.85, 0.02  # luminance of the light places in even light, and below which nothing can be seen
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (Rec. 601)


@dataclass(frozen=True, slots=True)
class Embedding:
    """What an animal looks like. [4, width] each, of length 1: as it is, and turned by 90, 180 and 270 degrees."""

    fine: Tensor  # hair by hair: tells any two animals apart, in good photos
    coarse: Tensor  # of COARSE pixels in even light: poor photos of one animal are near, too


def embed(segmenter: Segmenter, image: Image.Image, mask: NDArray[np.uint8], side: int) -> Embedding:
    """Of the animal under the mask [height, width], looked at with side x side pixels; with its mirror image."""
    picture, weight = _cut(image, mask, side)
    return Embedding(_embed(segmenter, picture, weight), _embed(segmenter, *_blurred(picture, weight, side // 2)))


def _embed(segmenter: Segmenter, picture: Floats, weight: Floats) -> Tensor:
    """[4, width]. picture: [side, side, 3], black around the animal; weight: [side, side]."""
    grey = picture + np.float32(GREY) * (1 - weight[..., None])
    pixels, weights = _turned(grey), _turned(weight)  # [8, side, side, 3], [8, side, side]
    layers = [_covariances(maps, weights) for maps in segmenter.features(pixels)]  # each [8, channels, channels]
    roots = [F.normalize(_signed_root(layer[:4] + layer[4:]), dim=1) for layer in layers]
    return F.normalize(torch.cat(roots, dim=1), dim=1).cpu()


def _blurred(picture: Floats, weight: Floats, side: int) -> tuple[Floats, Floats]:
    """Both without what a blurred or tiny photo has not, and with the light that a good one has."""
    light = np.percentile((picture @ LUMINANCE)[weight > 0.5], 95)
    lit = np.minimum(picture * np.float32(BRIGHT / max(light, DARKEST)), weight[..., None])
    small = (cv2.resize(one, (COARSE, COARSE), interpolation=cv2.INTER_AREA) for one in (lit, weight))
    large = [cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR) for one in small]
    return large[0], large[1]


def _covariances(maps: Tensor, weights: Floats) -> Tensor:
    """Of the channels over the weighted places: [n, channels, rows, columns] -> [n, channels, channels]."""
    size = (maps.shape[3], maps.shape[2])
    fitted = np.stack([cv2.resize(weight, size, interpolation=cv2.INTER_AREA) for weight in weights])
    shares = torch.from_numpy(fitted / fitted.sum((1, 2), keepdims=True)).flatten(1)[:, None].to(maps.device)
    values = maps.flatten(2)
    values = values - (values * shares).sum(2, keepdim=True)
    return (values * shares) @ values.transpose(1, 2)


def _signed_root(values: Tensor) -> Tensor:
    return (values.sign() * values.abs().sqrt()).flatten(1)


def _turned(values: Floats) -> Floats:
    """A square picture turned four times, and its mirror image in the same way: [8, ...]."""
    mirrored = values[:, ::-1]
    return np.stack([np.rot90(one, turn) for one in (values, mirrored) for turn in (0, 1, 2, 3)])


def _cut(image: Image.Image, mask: NDArray[np.uint8], side: int) -> tuple[Floats, Floats]:
    """The animal on black, [side, side, 3] in 0..1, and its mask, [side, side]."""
    ys, xs = np.flatnonzero(mask.max(1) > 127), np.flatnonzero(mask.max(0) > 127)
    half = round(max(ys[-1] - ys[0] + 1, xs[-1] - xs[0] + 1) * (0.5 + MARGIN))
    x, y = (int(xs[0] + xs[-1] + 1) // 2, int(ys[0] + ys[-1] + 1) // 2)
    box = (x - half, y - half, x + half, y + half)
    weight = (
        np.asarray(Image.fromarray(mask).crop(box).resize((side, side), Image.Resampling.BOX), dtype=np.float32) / 255
    )
    pixels = np.asarray(image.crop(box).resize((side, side), Image.Resampling.BOX), dtype=np.float32) / 255
    return pixels * weight[..., None], weight
