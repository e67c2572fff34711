"""Coarse logits -> a soft mask of one animal at the photo's resolution.

Knows: which parts belong to it, holes, and where its edge truly runs (guided filter: He, Sun and Tang, "Guided Image
Filtering", TPAMI 2013). Does not know: how it was found, or how the mask is used.

Masks are not cut along the detection's box, which is often too tight: outside it the logits sink instead, so that an
ear or a back may stand out of it, and the next animal does not come in.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.studio.segmenter import Box, Floats

THRESHOLD = 1.0  # logit: what the network is a little unsure of is mostly background
GROWN = 0.10  # of a box's sides: so far around it logits count in full
SINK = 40.0  # logits that are lost over one side of the box beyond that
LEAST_PART = 0.05  # of the animal: smaller parts are mistakes
MOST_HOLE = 0.02  # of the animal: larger ones are the background
WORK_PX = 1024  # longer side at which edges are refined
RADIUS = 0.02  # of the longer side: how far an edge may move
EPSILON = 1e-3  # variance of colours (0..1) from which there is an edge
FAINT = 0.02  # of a soft mask: less is nothing
CONTRAST = 4.0  # the filter's answer is soft: so much steeper at the edge


def soft_mask(image: Image.Image, logits: Floats, box: Box) -> NDArray[np.uint8]:
    """Mask of the picture's size, [height, width], 255 = it."""
    scale = min(1.0, WORK_PX / max(image.size))
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    guide = np.asarray(image.resize(size, Image.Resampling.BOX), dtype=np.float32) / 255
    inside = cv2.resize(_sunk(logits, box), size, interpolation=cv2.INTER_CUBIC)
    sure = whole(inside > THRESHOLD).astype(np.float32)
    refined = guided(guide, sure, max(round(RADIUS * max(size)), 1))
    soft = np.clip((refined - 0.5) * CONTRAST + 0.5, 0, 1)
    soft[~_near(sure, soft)] = 0
    return cv2.resize(np.round(soft * 255).astype(np.uint8), image.size, interpolation=cv2.INTER_LINEAR)


def whole(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without small parts and small holes."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # of what is no part
    kept = (areas >= LEAST_PART * max(int(areas.sum()), 1))[parts]
    return kept | _holes(kept)


def guided(guide: Floats, mask: Floats, radius: int) -> Floats:
    """The mask with its edges where the colours' are. guide [h, w, 3] 0..1, mask [h, w] 0..1.

    The filter is smooth, so it is fitted on every other pixel (He and Sun, "Fast Guided Filter", 2015).
    """
    height, width = mask.shape
    half = (max(width // 2, 1), max(height // 2, 1))
    small = [cv2.resize(one, half, interpolation=cv2.INTER_AREA) for one in (guide, mask)]
    slopes, offset = _fitted(small[0], small[1], max(radius // 2, 1))
    slopes, offset = (cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in (slopes, offset))
    return np.einsum("hwc,hwc->hw", slopes, guide) + offset


def _fitted(guide: Floats, mask: Floats, radius: int) -> tuple[Floats, Floats]:
    """The mask as slopes [h, w, 3] of the guide's colours and an offset [h, w], each the mean of those around it."""
    size = (2 * radius + 1, 2 * radius + 1)
    centre, level = cv2.blur(guide, size), cv2.blur(mask, size)
    with_mask = cv2.blur(guide * mask[..., None], size) - centre * level[..., None]
    first, second = (0, 0, 0, 1, 1, 2), (0, 1, 2, 1, 2, 2)  # the six different entries of a symmetric matrix
    rr, rg, rb, gg, gb, bb = (
        cv2.blur(guide[..., i] * guide[..., j], size) - centre[..., i] * centre[..., j] + EPSILON * (i == j)
        for i, j in zip(first, second, strict=True)
    )
    # Solved by cofactors: numpy's own solver takes six times as long for so many small matrices.
    a, b, c = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    d, e, f = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    x, y, z = (with_mask[..., n] for n in range(3))
    slopes = np.stack([a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z], -1)
    slopes /= (rr * a + rg * b + rb * c)[..., None]
    offset = level - (slopes * centre).sum(-1)
    return cv2.blur(slopes, size), cv2.blur(offset, size)


def _sunk(logits: Floats, box: Box) -> Floats:
    """Logits that sink with the distance from the grown box."""
    rows, columns = logits.shape
    x, y = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    out_x = np.maximum(np.maximum(left - x, x - right) / width - GROWN, 0)
    out_y = np.maximum(np.maximum(top - y, y - bottom) / height - GROWN, 0)
    return (logits - SINK * np.maximum(out_x[None], out_y[:, None])).astype(np.float32)


def _holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The small gaps that the mask encloses; what shows between an ear and the neck is larger."""
    framed = np.pad((~mask).astype(np.uint8), 1, constant_values=1)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(framed, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= MOST_HOLE * mask.sum()
    small[[0, parts[0, 0]]] = False  # the mask, and what is around it
    return small[parts][1:-1, 1:-1]


def _near(sure: Floats, soft: Floats) -> NDArray[np.bool_]:
    """Where the refined mask hangs together with the sure one: no specks of like colour beside the animal."""
    count, parts = cv2.connectedComponents((soft > FAINT).astype(np.uint8))
    touched = np.bincount(parts[sure > 0], minlength=count) > 0
    touched[0] = False  # of what is no part
    return touched[parts]
