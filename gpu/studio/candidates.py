"""The animals in a picture: detections of several passes, put together.

Knows: which passes there are, which detections are the same animal, what people and other animals cover of it. Does
not know: which of the animals is the pet (identity.py), or how a mask becomes exact (mask.py).

An animal that one pass misses or takes for another kind is often seen well by the next: of 21 real dogs yolov8n-seg
finds 17 as dogs with one pass, and all of them as some animal with three. Averaged logits are steadier than one pass's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image

from gpu.segmenting import Segmenting
from gpu.studio.segmenter import Box, Detection, Floats, Segmenter, within

SAME = 0.5  # IoU from which two detections of one animal are averaged
COVERED = 0.6  # of the smaller of two masks: from there on they are one animal
GRID = 160  # cells of the longer side of a coarse mask


@dataclass(frozen=True, slots=True)
class Candidate:
    """An animal in a picture, or a person."""

    box: Box
    scores: Floats  # [classes], 0..1, the highest of any pass
    logits: Floats  # [rows, columns] over the picture, > 0 = it

    @property
    def inside(self) -> Floats:
        """The logits in its box, and nothing outside it."""
        return within(self.logits, self.box)

    @property
    def share(self) -> float:
        """Of the picture, that it covers."""
        return float((self.inside > 0).mean())

    def score(self, number: int) -> float:
        """How sure the segmenter is that it is of this class, 0..1."""
        return float(self.scores[number])


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in a picture."""

    animals: tuple[Candidate, ...]  # the largest first, without what people and other animals cover of them
    people: Floats | None  # logits on the same grid, > 0 = somebody; None where nobody is


def see(segmenter: Segmenter, image: Image.Image, segmenting: Segmenting) -> Seen:
    """Look at a picture several times. RGB."""
    small = image.copy()
    small.thumbnail((segmenting.size_px,) * 2, Image.Resampling.BOX)  # once for all passes
    animals: list[Detection] = []
    people: list[Detection] = []
    passes = ((segmenting.size_px, False), (segmenting.mirrored_px, True), (segmenting.second_px, False))
    groups, least = (segmenting.animals, segmenting.people), segmenting.least_confidence
    for size_px, mirrored in passes:
        found = segmenter.detect(small, groups, size_px=size_px, confidence=least, mirrored=mirrored)
        animals += found[0]
        people += found[1]
    persons = [one for one in merged(people, image.size) if one.scores.max() >= segmenting.confidence]
    together = merged(animals, image.size)
    apart = [replace(one, logits=won(one, [*together, *persons])) for one in together]
    return Seen(
        animals=tuple(sorted(apart, key=lambda one: one.share, reverse=True)),
        people=np.max([one.inside for one in persons], axis=0) if persons else None,
    )


def merged(found: Sequence[Detection], size: tuple[int, int]) -> list[Candidate]:
    """One candidate for each animal, the surest first; what lies on a surer one for the most part is that one again."""
    groups: list[list[tuple[Detection, Floats]]] = []
    for detection in sorted(found, key=lambda one: float(one.scores.max()), reverse=True):
        mine = (detection, _on_grid(detection.logits, size))
        overlaps = [_overlap(group[0], mine) for group in groups]
        home = next((n for n, (_, covered) in enumerate(overlaps) if covered >= COVERED), None)
        if home is None:
            groups.append([mine])
        elif overlaps[home][0] >= SAME:
            groups[home].append(mine)
    return [_candidate(group) for group in groups]


def _candidate(group: Sequence[tuple[Detection, Floats]]) -> Candidate:
    boxes = np.array([detection.box for detection, _ in group])
    left, top, right, bottom = (float(side) for side in (*boxes[:, :2].min(0), *boxes[:, 2:].max(0)))
    weights = [float(detection.scores.max()) for detection, _ in group]
    return Candidate(
        box=(left, top, right, bottom),
        scores=np.max([detection.scores for detection, _ in group], axis=0),
        logits=np.average([logits for _, logits in group], axis=0, weights=weights).astype(np.float32),
    )


def won(candidate: Candidate, others: Sequence[Candidate]) -> Floats:
    """A candidate's logits; where another one is surer it is nothing."""
    logits = candidate.logits
    for other in others:
        if other is not candidate:
            rival = other.inside
            logits = np.where((rival > 0) & (rival > candidate.logits), np.minimum(logits, -rival), logits)
    return logits


def _overlap(one: tuple[Detection, Floats], other: tuple[Detection, Floats]) -> tuple[float, float]:
    """Of two masks: intersection over union, and over the smaller one."""
    a, b = (within(logits, detection.box) > 0 for detection, logits in (one, other))
    common, union, smaller = int((a & b).sum()), int((a | b).sum()), int(min(a.sum(), b.sum()))
    return (common / union, common / smaller) if smaller else (0.0, 0.0)


def _on_grid(logits: Floats, size: tuple[int, int]) -> Floats:
    """Logits of any pass on the same grid over a picture of that width and height."""
    width, height = (max(round(GRID * side / max(size)), 1) for side in size)
    return cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR)
