"""Whether something straight stands before the pet: a post, the edge of a door, a table's leg.

Knows: straight lines of a picture, the outline of a mask. Does not know: which thing it is, or what follows from it.
No pet has a straight side. Where its outline runs along a steep straight line that the picture has too, what is beyond
the line hides the pet. Level lines are left out: pets sit and lie on them.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu.studio.crop import Mask

SIDE = 400  # pixels of the photo's longer side, at which all lengths here hold
SHORTEST = 8.0  # pixels of a piece of a line
LONGEST = 40  # pieces that are tried
NEAR = 3.0  # pixels between a line and what lies on it
SLANT = 5.0  # degrees between a line and a piece of it
EDGE = 6  # pixels along the photo's edges, where every outline is straight
EVEN = 4.0  # standard deviation of rows and columns that are a border, not the photo

Floats = NDArray[np.float64]


def hidden_side(photo: Image.Image, pet: Mask) -> float:
    """Share of the pet's height on which its outline runs along one steep straight line of the picture.

    pet: [height, width] of the photo.
    """
    scale = SIDE / max(photo.size)
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    grey = np.asarray(photo.convert("L").resize(size, Image.Resampling.BOX))
    shape = Image.fromarray(pet.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    inside = _without_borders(grey)
    return _along_lines(np.ascontiguousarray(grey[inside]), (np.asarray(shape) > 127)[inside])


def _along_lines(grey: NDArray[np.uint8], pet: Mask) -> float:
    shown = np.flatnonzero(pet.any(1))
    if not len(shown):  # in what looks like a border
        return 0.0
    pieces = _steep_pieces(grey)
    outline = _outline(pet)
    on_line = [_on_line(piece, pieces, outline, len(grey)) for piece in pieces[:LONGEST]]
    return max((int(rows.sum()) for rows in on_line), default=0) / (int(np.ptp(shown)) + 1)


def _on_line(piece: Floats, pieces: Floats, outline: tuple[Floats, Floats], height: int) -> NDArray[np.bool_]:
    """[height]: the rows of the picture in which the line of this piece shows and has the outline on it."""
    x, y, right, down = piece
    slope = (right - x) / (down - y)

    def away(columns: Floats, rows: Floats) -> Floats:
        return np.abs(columns - x - slope * (rows - y)) / np.hypot(1, slope)

    turns = np.abs(np.arctan2(pieces[:, 2] - pieces[:, 0], pieces[:, 3] - pieces[:, 1]) - np.arctan(slope))
    ends = np.maximum(away(pieces[:, 0], pieces[:, 1]), away(pieces[:, 2], pieces[:, 3]))
    shows, touches = np.zeros(height, bool), np.zeros(height, bool)
    for start, end in pieces[(ends < NEAR) & (turns < np.radians(SLANT))][:, [1, 3]]:
        shows[max(0, int(start)) : int(end) + 1] = True
    touches[outline[1][away(*outline) < NEAR].astype(int)] = True
    return shows & touches


def _steep_pieces(grey: NDArray[np.uint8]) -> Floats:
    """[n, 4]: x, y of the upper and the lower end of straight pieces, the longest first (LSD: von Gioi et al. 2010)."""
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    pieces = np.zeros((0, 4)) if found is None else found.reshape(-1, 4).astype(float)
    pieces = np.where(pieces[:, 1:2] > pieces[:, 3:4], pieces[:, [2, 3, 0, 1]], pieces)
    across, down = np.abs(pieces[:, 2] - pieces[:, 0]), pieces[:, 3] - pieces[:, 1]
    length = np.hypot(across, down)
    order = np.argsort(-length, kind="stable")
    return pieces[order[(length >= SHORTEST)[order] & (down > across)[order]]]


def _outline(pet: Mask) -> tuple[Floats, Floats]:
    """x and y of its pixels, those along the photo's edges left out."""
    edge = cv2.morphologyEx(pet.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    edge[:EDGE] = edge[-EDGE:] = edge[:, :EDGE] = edge[:, -EDGE:] = False
    y, x = np.nonzero(edge)
    return x.astype(float), y.astype(float)


def _without_borders(grey: NDArray[np.uint8]) -> tuple[slice, slice]:
    """A photo of another shape often has even bars beside it, and its true edge hides no pet."""
    rows, columns = np.flatnonzero(grey.std(1) > EVEN), np.flatnonzero(grey.std(0) > EVEN)
    if not len(rows) or not len(columns):
        return slice(None), slice(None)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
