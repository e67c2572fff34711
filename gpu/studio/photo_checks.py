"""What is poor about one photo that can be learnt from: remarks that need no model.

Knows: pixels and masks at the photo's size; thresholds come from the profile. Does not know: how the pet is found,
other photos of the set (photo_sets.py), whether a remark refuses a photo, or the words that people read.
Everything is measured on the pet, never on the room, in a crop of at most `side_px` that is never enlarged.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.segmenting import PhotoChecks
from gpu.studio.crop import Mask, crop_box
from gpu.types import Advice

Grey = NDArray[np.float32]  # [height, width], 0..255
Soft = NDArray[np.floating]  # [height, width], 0..1


def remarks(
    photo: Image.Image,
    mask: Soft | Mask,
    checks: PhotoChecks,
    size_px: int,
    person: Mask | None = None,
    scores: Sequence[float] = (),
) -> tuple[Advice, ...]:
    """What is poor about a photo, in the order of `Advice`.

    mask, person: [height, width] of the photo; of the pet, and of all persons. size_px: of training crops.
    scores: how surely the pet is found in the photo as it is, and turned by 90, 180 and 270 degrees, each 0..1.
    """
    return tuple(_remarks(photo, np.asarray(mask) > 0.5, checks, size_px, person, scores))


def _remarks(
    photo: Image.Image, pet: Mask, checks: PhotoChecks, size_px: int, person: Mask | None, scores: Sequence[float]
) -> Iterator[Advice]:
    box = crop_box(pet)
    image, shape = _shrunk(photo.convert("RGB"), pet, box, checks.side_px)
    if enlargement(box, size_px) > checks.most_enlarged:
        yield "few_pixels"
    if sharpness(image, shape) < checks.least_sharpness:
        yield "blurred"
    if highlight(image, shape) < checks.least_highlight:
        yield "too_dark"
    if blown(image, shape) > checks.most_blown:
        yield "too_bright"
    if on_top_edge(pet) > checks.most_on_top_edge:
        yield "head_cut_off"
    if parts(pet, checks.least_part) > 1:
        yield "covered"
    if person is not None and touched(pet, person) > checks.most_touched:
        yield "person"
    if scores and max(scores[1:]) - scores[0] > checks.most_better_turned:
        yield "sideways"


def enlargement(box: tuple[int, int, int, int], size_px: int) -> float:
    """How many times a crop (left, top, right, bottom) is enlarged for training at size_px squared; below 1: shrunk."""
    left, top, right, bottom = box
    return size_px / ((right - left) * (bottom - top)) ** 0.5


def sharpness(image: Image.Image, pet: Mask) -> float:
    """Variance of the Laplacian on the pet (Pech-Pacheco et al. 2000)."""
    return float(cv2.Laplacian(_grey(image), cv2.CV_32F)[pet].var())


def highlight(image: Image.Image, pet: Mask) -> float:
    """95th percentile of the pet's luminance, 0..255: a black dog in good light has highlights too."""
    return float(np.percentile(_grey(image)[pet], 95))


def blown(image: Image.Image, pet: Mask) -> float:
    """Share of the pet that is white without any drawing left."""
    return float((_grey(image)[pet] > 250).mean())


def on_top_edge(pet: Mask) -> float:
    """Share of the pet's width that runs into the top edge of the photo."""
    near = max(1, round(pet.shape[0] * 0.01))
    return float(pet[:near].any(0).sum() / max(pet.any(0).sum(), 1))


def parts(pet: Mask, least: float) -> int:
    """Pieces that the mask falls into, each of at least this share of it."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(pet.astype(np.uint8), connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] >= least * pet.sum()).sum())


def touched(pet: Mask, person: Mask) -> float:
    """Share of the pet's outline on which a person lies, or right beside it."""
    side = max(3, round(max(pet.shape) * 0.015) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    outline = cv2.morphologyEx(pet.astype(np.uint8), cv2.MORPH_GRADIENT, kernel) > 0
    return float((outline & person).sum() / max(outline.sum(), 1))


def _shrunk(photo: Image.Image, pet: Mask, box: tuple[int, int, int, int], side_px: int) -> tuple[Image.Image, Mask]:
    left, top, right, bottom = box
    scale = min(1.0, side_px / max(right - left, bottom - top))
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    image = photo.resize(size, Image.Resampling.BOX, box=box)
    shape = Image.fromarray(pet[top:bottom, left:right].astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return image, np.asarray(shape) > 127


def _grey(image: Image.Image) -> Grey:
    return np.asarray(image.convert("L"), np.float32)
