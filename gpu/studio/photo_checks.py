"""What is poor about one photo that can be learnt from: remarks that need no model.

Knows: pixels and masks at the photo's size; thresholds come from the profile. Does not know: how the pet is found, the
other photos of the set (photo_sets.py, identity.py), what refuses a photo, or the words that people read.
Everything is measured on the pet, not on the room; light() alone is about a whole photo.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.pets import Advice
from gpu.segmenting import PhotoChecks
from gpu.studio.crop import Mask, crop_box
from gpu.studio.occlusion import hidden_side

FULL = 252  # of 255: a channel that tells nothing more
TOUCHES = 0.01  # of the photo's height: a mask as near as this to an edge touches it
BESIDE = 0.015  # of the photo's longer side: a person as near as this to the pet lies on it
LEAST_INSIDE = 200  # pixels: a smaller pet is measured with its outline

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def remarks(
    photo: Image.Image, mask: NDArray[np.floating] | Mask, checks: PhotoChecks, size_px: int, person: Mask | None
) -> tuple[Advice, ...]:
    """What is poor about a photo, in the order of `Advice`; `sideways` and `same_scene` only a set can tell.

    photo: RGB. mask: [height, width] of it, of the pet, 0..1, not all under .5. person: of all persons, None
    where the segmenter knows none. size_px: of training pictures.
    """
    return tuple(_remarks(photo, np.asarray(mask) > 0.5, checks, size_px, person))


def _remarks(photo: Image.Image, pet: Mask, checks: PhotoChecks, size_px: int, person: Mask | None) -> Iterator[Advice]:
    box = crop_box(pet)
    image, shape = _shrunk(photo, pet, box, checks.side_px)
    if enlargement(box, size_px) > checks.most_enlarged:
        yield "few_pixels"
    if softness(image, shape) > checks.most_softness:
        yield "blurred"
    if highlight(image, shape) < checks.least_highlight:
        yield "too_dark"
    if blown(image, shape) > checks.most_blown:
        yield "too_bright"
    if on_top_edge(pet) > checks.most_on_top_edge:
        yield "head_cut_off"
    if parts(shape, checks.least_part) > 1 or hidden_side(photo, pet) > checks.most_hidden_side:
        yield "covered"
    if person is not None and touched(pet, person) > checks.most_touched:
        yield "person"


def light(photo: Image.Image, checks: PhotoChecks) -> tuple[Advice, ...]:
    """What is poor about the light of a photo in which no pet can be made out, as that may be why. RGB."""
    small = photo.copy()
    small.thumbnail((checks.side_px,) * 2, Image.Resampling.BOX)
    everything = np.ones(small.size[::-1], bool)
    if highlight(small, everything) < checks.least_highlight:
        return ("too_dark",)
    return ("too_bright",) if blown(small, everything) > checks.most_blown_photo else ()


def enlargement(box: Box, size_px: int) -> float:
    """How many times a crop is enlarged to a training picture of size_px squared pixels; below 1 it is shrunk."""
    left, top, right, bottom = box
    return size_px / ((right - left) * (bottom - top)) ** 0.5


def softness(image: Image.Image, pet: Mask) -> float:
    """How little blurring changes the pet, 0..1, in the direction in which it changes least.

    After the re-blur effect (Crété et al. 2007) on structure tensors: it asks neither for contrast nor for light, and a
    shaken photo is soft in one direction only.
    """
    grey = _grey(image)
    inside = cv2.erode(pet.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1) > 0
    where = inside if inside.sum() >= LEAST_INSIDE else pet
    sharp, blurred = (_structure(picture, where) for picture in (grey, cv2.GaussianBlur(grey, (0, 0), 1.0)))
    return float(np.linalg.eigvals(np.linalg.solve(sharp + 1e-6 * np.eye(2), blurred)).real.max())


def highlight(image: Image.Image, pet: Mask) -> float:
    """95th percentile of the pet's luminance, 0..255: a black pet in good light has highlights too."""
    return float(np.percentile(_grey(image)[pet], 95))


def blown(image: Image.Image, pet: Mask) -> float:
    """Share of the pet where two channels or all three are at their end."""
    red, green, blue = (np.asarray(channel)[pet] >= FULL for channel in image.split())
    return float(((red & green) | (red & blue) | (green & blue)).mean())


def on_top_edge(pet: Mask) -> float:
    """Share of the pet's width that runs into the top edge of the photo."""
    near = max(1, round(pet.shape[0] * TOUCHES))
    return float(pet[:near].any(0).sum() / pet.any(0).sum())


def parts(pet: Mask, least: float) -> int:
    """Pieces that the mask falls into, each of at least this share of it."""
    stats = cv2.connectedComponentsWithStats(pet.astype(np.uint8), connectivity=8)[2]
    return int((stats[1:, cv2.CC_STAT_AREA] >= least * pet.sum()).sum())


def touched(pet: Mask, person: Mask) -> float:
    """Share of the pet's outline on which a person lies, or right beside it."""
    side = round(max(pet.shape) * BESIDE) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(3, side),) * 2)
    outline = cv2.morphologyEx(pet.astype(np.uint8), cv2.MORPH_GRADIENT, disc) > 0
    return float((outline & person).sum() / outline.sum())


def _shrunk(photo: Image.Image, pet: Mask, box: Box, side_px: int) -> tuple[Image.Image, Mask]:
    """The crop with a longer side of at most side_px: never enlarged, which would make a small photo a soft one."""
    left, top, right, bottom = box
    scale = min(1.0, side_px / max(right - left, bottom - top))
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    image = photo.resize(size, Image.Resampling.BOX, box=box)
    shape = Image.fromarray(pet[top:bottom, left:right].astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return image, np.asarray(shape) > 127


def _structure(grey: NDArray[np.float32], where: Mask) -> NDArray[np.float64]:
    """The sum of the structure tensor, [2, 2]."""
    x, y = (cv2.Scharr(grey, cv2.CV_32F, *axes)[where].astype(float) for axes in ((1, 0), (0, 1)))
    return np.array([[x @ x, x @ y], [x @ y, y @ y]])


def _grey(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image.convert("L"), np.float32)
