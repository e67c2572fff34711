"""Scores in words, and which of several pictures are the best. No torch.

Knows: from which score on each word holds, how two scores are weighed. Does not know: how anything is scored
(gpu/studio/likeness.py, agreement.py, copies.py), or what the words are in any language (cogs/shared/texts).
"""

from collections.abc import Sequence
from math import inf
from statistics import fmean, pstdev
from typing import Literal, Protocol

Like = Literal["very_like", "like", "a_little_like", "unlike"]
Agree = Literal["all_there", "mostly_there", "partly_there"]

LIKENESS: tuple[tuple[float, Like], ...] = (
    (0.96, "very_like"), (0.88, "like"), (0.7, "a_little_like"), (-inf, "unlike"),
)  # fmt: skip
"""As a share of what the pet's own photos score. Four pocket pets have portraits of .70 to 1.00 of it, most of them
above .94; photos and portraits of the other pets have .40 at most."""

ALL_THERE = 0.3
AGREEMENT: tuple[tuple[float, Agree], ...] = (
    (ALL_THERE, "all_there"), (-0.1, "mostly_there"), (-inf, "partly_there"),
)  # fmt: skip
"""Of 320 portraits by the pocket painter (`python -m tests.bench.pocket choosing`) those that lack nothing of what was
asked for have quartiles of .33, .60 and .79, those that lack one thing .30, .49 and .67: a hint, and no proof."""

LEAST = (0.01, 0.1)
"""Standard deviations of likeness and of agreement, below which a difference says little."""


class Scored(Protocol):
    """A picture with its scores; gpu/portraits.py's Portrait is one."""

    @property
    def likeness(self) -> float | None: ...
    @property
    def agreement(self) -> float | None: ...


def like(likeness: float, photos: float) -> Like:
    """How like the pet a picture is. `photos`: what its own photos score against each other, for which more is not
    to be had.
    """
    return next(word for least, word in LIKENESS if likeness >= least * photos)


def agree(agreement: float) -> Agree:
    """How much of what was asked for a picture shows."""
    return next(word for least, word in AGREEMENT if agreement >= least)


def ranked(pictures: Sequence[Scored]) -> list[int]:
    """The numbers of the pictures of one prompt, the best one first, by both scores together.

    Each counts by how far it is from the mean in standard deviations, but in no less than LEAST: where all pictures are
    about equally like the pet, that is no reason to take one. By likeness alone copies of the photos would win. Above
    ALL_THERE more agreement says nothing.
    """
    like = [one.likeness or 0.0 for one in pictures]
    agreed = [min(one.agreement or 0.0, ALL_THERE) for one in pictures]
    worth = [sum(both) for both in zip(_standard(like, LEAST[0]), _standard(agreed, LEAST[1]), strict=True)]
    return sorted(range(len(pictures)), key=lambda number: worth[number], reverse=True)


def _standard(scores: Sequence[float], least: float) -> list[float]:
    mean, spread = fmean(scores), max(pstdev(scores), least)
    return [(score - mean) / spread for score in scores]
