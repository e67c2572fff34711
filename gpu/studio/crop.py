"""The crop around a pet. No torch.

Knows: masks as arrays, boxes. Does not know: how a mask is found (mask.py), or what is learnt.
"""

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.12  # of the dog's longer side, on every side of the crop

Mask = NDArray[np.bool_]  # [height, width]


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
