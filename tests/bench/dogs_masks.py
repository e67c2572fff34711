"""How exact the masks of real dogs are: against true ones, and whether they are cut straight.

Knows: the true masks (tests/bench/truth). Does not know: how a mask is made.
"""

from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

TRUTH = Path(__file__).parent / "truth"
GOES_ON = 4  # pixels: an edge is a cut where the true dog goes on so far behind it


def measure(masks: dict[str, NDArray[np.uint8]]) -> dict[str, object]:
    """Intersection over union with the true masks, and the longest straight cut as a share of the dog's side.

    masks: of photos by name, 255 = dog; those without a true mask are left out.
    """
    figures: dict[str, dict[str, float]] = {}
    for name, soft in masks.items():
        if (path := TRUTH / f"{name}.png").is_file():
            with Image.open(path) as file:
                truth = np.asarray(file.convert("L")) > 127
            mask = cv2.resize(soft, truth.shape[::-1], interpolation=cv2.INTER_AREA) > 127
            iou = float((mask & truth).sum() / (mask | truth).sum())
            figures[name] = {"iou": round(iou, 4), "straight cut": round(straight_cut(mask, truth), 4)}
    return {
        "masks": len(figures),
        "iou": round(fmean(one["iou"] for one in figures.values()), 4),
        "least iou": min(one["iou"] for one in figures.values()),
        "straight cut": max(one["straight cut"] for one in figures.values()),
        "each": figures,
    }


def straight_cut(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """The longest straight run of the mask's edge behind which the dog goes on, as a share of the mask's side."""
    longest = 0.0
    for turn in range(4):
        ours, theirs = np.rot90(mask, turn), np.rot90(truth, turn)
        edge = ours[: -GOES_ON - 1] & ~ours[1:-GOES_ON] & theirs[GOES_ON + 1 :]
        side = int(ours.any(0).sum())
        longest = max([longest, *(float(run) / side for row in edge for run in runs(row))])
    return longest


def runs(row: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of ones."""
    change = np.diff(np.concatenate([[0], row.astype(np.int8), [0]]))
    return np.flatnonzero(change < 0) - np.flatnonzero(change > 0)
