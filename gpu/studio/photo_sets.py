"""What photos of one set have in common: the same picture twice, the same place, and what the set has nothing of.

Knows: fingerprints of photos, and how one picture is laid over another. Does not know: models, which pet it is, or what
is done with a duplicate.
A photo is laid over another one by SIFT (Lowe 2004) and the similarity that RANSAC finds, and is compared there: so
crops, brighter copies and mirrored ones are found too, and two looks at a dog that sat still are told apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gpu.pets import Lack
from gpu.segmenting import PhotoChecks
from gpu.studio.crop import Mask

SIDE = 320  # pixels of the longer side that pictures are compared at
FEATURES = 300  # at most, of a picture
RATIO = 0.8  # of the distances to the best and to the second best match: Lowe's test
LEAST_MATCHES = 8  # that one similarity explains
WINDOW = 4.0  # pixels: sigma of what is local
PLAIN = 4.0  # of 255: local contrast below which there is nothing to compare
EDGE_SHARE = 0.05  # of the pet's outline on an edge of the photo: it goes on behind it
BINS = 8  # of each channel in a histogram of colours

Grey = NDArray[np.float32]  # [height, width], 0..255


@dataclass(frozen=True, slots=True)
class View:
    """A picture at SIDE pixels, and what SIFT found in it: places [n, 2] in pixels, and descriptors [n, 128]."""

    grey: Grey
    pet: Mask
    places: NDArray[np.float32]
    descriptors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A photo, small: enough to tell whether another one is the same, or was taken in the same place."""

    plain: View
    mirrored: View
    colours: NDArray[np.float32]  # histogram of all that is not the pet; sums to 1
    runs_over_edge: bool  # the pet does: not all of it is in the photo
    aspect: float  # width / height of the pet


def fingerprint(photo: Image.Image, mask: NDArray[np.floating] | Mask) -> Fingerprint:
    """photo: RGB. mask: [height, width] of it, of the pet, 0..1."""
    scale = SIDE / max(photo.size)
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    small = photo.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    shape = Image.fromarray((np.asarray(mask) > 0.5).astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    pet = np.asarray(shape) > 127
    return Fingerprint(
        plain=_view(small, shape),
        mirrored=_view(ImageOps.mirror(small), ImageOps.mirror(shape)),
        colours=_colours(small, ~pet),
        runs_over_edge=_runs_over_edge(pet),
        aspect=float(pet.any(0).sum() / max(pet.any(1).sum(), 1)),
    )


def duplicates(prints: Sequence[Fingerprint], checks: PhotoChecks) -> dict[int, int]:
    """For each photo that is the same picture as an earlier one, or a crop of it, also mirrored: that one's index."""
    return _earlier(prints, lambda one, other: copied(one, other) >= checks.least_copied)


def same_scene(prints: Sequence[Fingerprint], checks: PhotoChecks) -> dict[int, int]:
    """For each photo with the same things behind the pet as an earlier one, from the same point: that one's index."""
    return _earlier(prints, lambda one, other: scene_shared(one.plain, other.plain) >= checks.least_scene_shared)


def lacks(prints: Sequence[Fingerprint], checks: PhotoChecks) -> tuple[Lack, ...]:
    """What the photos that can be learnt from have nothing of, as far as it can be told.

    A pet that stands or lies is wider than high from the side: where none is wide, none was taken from there.
    """
    found: list[Lack] = []
    pairs = list(combinations(prints, 2))
    if pairs and all(colours_shared(one, other) >= checks.most_colours_shared for one, other in pairs):
        found.append("one_scene")
    if prints and all(one.aspect < checks.least_aspect for one in prints):
        found.append("no_side_view")
    if prints and all(one.runs_over_edge for one in prints):
        found.append("no_whole_body")
    return tuple(found)


def colours_shared(one: Fingerprint, other: Fingerprint) -> float:
    """How alike the colours behind the pet are, 0..1: Bhattacharyya coefficient of the histograms."""
    return float(np.sqrt(one.colours * other.colours).sum())


def copied(one: Fingerprint, other: Fingerprint) -> float:
    """How much the two are one picture, also mirrored, on the pets and all over, -1..1; 0 where nothing fits.

    In a film most of the picture stays as it is, and the pet moves: that is no copy.
    """
    return max(_copied(one.plain, other.plain), _copied(one.plain, other.mirrored))


def _copied(one: View, other: View) -> float:
    similarity = _similarity(other, one)
    if similarity is None:
        return 0.0
    pets = one.pet | _laid(other.pet, similarity, one)
    return min(_agreement(one, other, similarity, where) for where in (pets, np.ones_like(pets)))


def scene_shared(one: View, other: View) -> float:
    """The same without the pets, not mirrored."""
    similarity = _similarity(_without_pet(other), _without_pet(one))
    if similarity is None:
        return 0.0
    pets = one.pet | _laid(other.pet, similarity, one)
    near = cv2.dilate(pets.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return _agreement(one, other, similarity, ~near)


def _earlier(prints: Sequence[Fingerprint], alike: Callable[[Fingerprint, Fingerprint], bool]) -> dict[int, int]:
    """For each that is like an earlier one, which is not like any: the first such one's index."""
    found: dict[int, int] = {}
    for late, other in enumerate(prints):
        firsts = (index for index in range(late) if index not in found)
        if (first := next((index for index in firsts if alike(prints[index], other)), None)) is not None:
            found[late] = first
    return found


def _view(picture: Image.Image, shape: Image.Image) -> View:
    grey = np.asarray(picture.convert("L"))
    points, descriptors = cv2.SIFT_create(FEATURES).detectAndCompute(grey, None)
    return View(
        grey=grey.astype(np.float32),
        pet=np.asarray(shape) > 127,
        places=np.array([point.pt for point in points], np.float32).reshape(-1, 2),
        descriptors=np.zeros((0, 128), np.float32) if descriptors is None else descriptors,
    )


def _without_pet(view: View) -> View:
    x, y = view.places.astype(int).T
    free = ~view.pet[y, x]
    return View(view.grey, view.pet, view.places[free], view.descriptors[free])


def _similarity(source: View, target: View) -> NDArray[np.float64] | None:
    """Turn, scale and shift, [2, 3], that lay the source over the target."""
    if min(len(source.places), len(target.places)) < LEAST_MATCHES:
        return None
    pairs = cv2.BFMatcher().knnMatch(source.descriptors, target.descriptors, 2)
    good = [best for best, second in pairs if best.distance < RATIO * second.distance]
    if len(good) < LEAST_MATCHES:
        return None
    found, kept = cv2.estimateAffinePartial2D(
        source.places[[match.queryIdx for match in good]],
        target.places[[match.trainIdx for match in good]],
        ransacReprojThreshold=2.0,
    )
    return found if found is not None and int(kept.sum()) >= LEAST_MATCHES else None


def _laid(pet: Mask, similarity: NDArray[np.float64], over: View) -> Mask:
    return cv2.warpAffine(pet.astype(np.uint8), similarity, over.pet.shape[::-1]) > 0


def _agreement(one: View, other: View, similarity: NDArray[np.float64], where: Mask) -> float:
    """Correlation of the details that lie over each other, each place by its own contrast in both: a copy that has lost
    some sharpness or light is one still. 0 if less than half of `where` lies over each other, or it is plain.
    """
    size = one.grey.shape[::-1]
    laid = cv2.warpAffine(other.grey, similarity, size)
    covered = cv2.warpAffine(np.ones_like(other.grey), similarity, size) > 0.99
    (a, spread_a), (b, spread_b) = _details(one.grey), _details(laid)
    rough = where & (spread_a > PLAIN)
    both = rough & covered
    if both.sum() < max(0.5 * rough.sum(), 0.05 * where.sum(), 1):
        return 0.0
    shared = cv2.GaussianBlur(a * b, (0, 0), WINDOW)
    return float(shared[both].sum() / max((spread_a * spread_b)[both].sum(), 1.0))


def _details(grey: Grey) -> tuple[Grey, Grey]:
    """The picture without what is even around each place, and how much is left there."""
    rest = grey - cv2.GaussianBlur(grey, (0, 0), WINDOW)
    return rest, np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), WINDOW))


def _colours(picture: Image.Image, where: Mask) -> NDArray[np.float32]:
    pixels = np.asarray(picture.convert("LAB"))[where]
    counts, _ = np.histogramdd(pixels, bins=BINS, range=[(0, 256)] * 3)
    return (counts / max(counts.sum(), 1)).astype(np.float32)


def _runs_over_edge(pet: Mask) -> bool:
    """A part of its outline that matters lies on the photo's edge."""
    on_edge = int(pet[0].sum() + pet[-1].sum() + pet[:, 0].sum() + pet[:, -1].sum())
    outline = int((cv2.morphologyEx(np.pad(pet, 1).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2))) > 0).sum())
    return on_edge > EDGE_SHARE * outline
