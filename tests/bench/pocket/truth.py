"""What is right: a reading of a picture held against the dog that the picture should show.

Knows: how far apart two colours are, what counts as the same dog, and how shares are summed up. Does not know: models,
or where a reading comes from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gpu.pocket.world.dogs import Dog

Lab = tuple[float, float, float]
Floats = NDArray[np.float64]

NEAR = 15.0  # dE (CIE 1976) up to which two colours count as one

# sRGB to XYZ at D65 (IEC 61966-2-1), each row divided by the white point of that light.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_XYZ /= _XYZ.sum(axis=1, keepdims=True)


def lab(rgb: ArrayLike) -> Floats:
    """sRGB in 0..255, colour last -> CIE L*a*b* of the same shape (CIE 15:2004)."""
    srgb = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ.T
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def delta_e(one: ArrayLike, other: ArrayLike) -> Floats:
    """Distance of two L*a*b* colours, dE*ab of CIE 1976: about 2.3 can just be seen. Colour last."""
    return np.linalg.norm(np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64), axis=-1)


class Seen(Protocol):
    """What a judge needs to know about a picture; reader.py's Reading is one."""

    @property
    def coat(self) -> Lab: ...
    @property
    def second(self) -> Lab: ...
    @property
    def patch(self) -> str: ...
    @property
    def side(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which parts of a dog's identity a picture shows. None of them is ever said in a caption."""

    coat: bool  # exact coat within NEAR
    patch: bool  # its kind, and its side where the kind has one
    second: bool  # the second colour within NEAR; every pose shows it, on chest or flank


def judge(seen: Seen, dog: Dog) -> Verdict:
    return Verdict(
        coat=bool(delta_e(seen.coat, lab(dog.coat)) <= NEAR),
        patch=(seen.patch, seen.side) == (dog.patch, dog.side),
        second=bool(delta_e(seen.second, lab(dog.second)) <= NEAR),
    )


def shares(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Share of pictures, 0..1, in which each part is right."""
    return {
        "coat": share([verdict.coat for verdict in verdicts]),
        "patch": share([verdict.patch for verdict in verdicts]),
        "second": share([verdict.second for verdict in verdicts]),
    }


def share(hits: Sequence[bool]) -> float:
    """Of hits among all, 0..1; nan where nothing was asked."""
    return round(sum(hits) / len(hits), 3) if hits else float("nan")


def auc(same: Sequence[float], different: Sequence[float]) -> float:
    """The chance that a score of `same` is above one of `different`, ties half (area under the ROC curve, 0..1)."""
    rivals = np.sort(np.asarray(different, dtype=np.float64))
    below = np.searchsorted(rivals, same, side="left") + np.searchsorted(rivals, same, side="right")
    return float(np.mean(below) / 2 / len(rivals))
