"""Which dog of a photo is meant, and the crop around it: decisions about masks, without any model. No torch.

Knows: masks as arrays, boxes, the contact sheet. Does not know: how a mask is found (segment.py), or what is learnt.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.durable import whole
from gpu.types import Cutout

MARGIN = 0.12  # of the dog's longer side, on every side of the crop
RIVAL = 0.6  # a second dog of this share of the first's size makes the photo ambiguous
TILE = 256  # pixels of one picture on the contact sheet

Mask = NDArray[np.bool_]  # [height, width]
Reason = Literal["no_dog", "too_small", "several_dogs"]


def choose(found: list[Mask], least_share: float) -> Mask | Reason:
    """The mask of the one dog that the photo shows, or why there is none."""
    if not found:
        return "no_dog"
    first, *others = found
    if first.mean() < least_share:
        return "too_small"
    # A mask that lies on the first one for the most part is the same dog, seen twice.
    apart = [other for other in others if (other & first).sum() < 0.5 * other.sum()]
    return "several_dogs" if apart and apart[0].sum() >= RIVAL * first.sum() else first


def crop_box(mask: Mask) -> tuple[int, int, int, int]:
    """Left, top, right, bottom: around the dog with a margin, as square as the photo allows."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    side = (1 + 2 * MARGIN) * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
    top, bottom = _span((rows[0] + rows[-1] + 1) / 2, side, height)
    left, right = _span((columns[0] + columns[-1] + 1) / 2, side, width)
    return left, top, right, bottom


def _span(centre: float, side: float, most: int) -> tuple[int, int]:
    """`side` pixels around the centre, pushed inside 0..most."""
    side = min(round(side), most)
    start = min(max(round(centre - side / 2), 0), most - side)
    return start, start + side


def contact_sheet(cutouts: list[Cutout], path: Path) -> Path:
    """The dogs without their rooms, in one picture that a person can judge at a glance."""
    columns = min(len(cutouts), 5) or 1
    rows = -(-len(cutouts) // columns) or 1
    sheet = Image.new("RGB", (columns * TILE, rows * TILE), "white")
    for number, cutout in enumerate(cutouts):
        with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
            image.thumbnail((TILE, TILE))
            row, column = divmod(number, columns)
            sheet.paste(image, (column * TILE, row * TILE), mask.resize(image.size))
    with whole(path) as fresh:  # the bot may be reading the one before
        sheet.save(fresh, "PNG")
    return path
