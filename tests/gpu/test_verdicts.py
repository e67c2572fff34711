"""Scores in words, and the best of several pictures."""

from dataclasses import dataclass

import pytest

from gpu.verdicts import agree, like, ranked


@dataclass(frozen=True)
class Picture:
    likeness: float
    agreement: float | None = None


@pytest.mark.parametrize(
    ("likeness", "word"), [(0.97, "very_like"), (0.9, "like"), (0.75, "a_little_like"), (0.4, "unlike"), (-1, "unlike")]
)
def test_likeness_is_told_by_what_the_pets_own_photos_score(likeness: float, word: str) -> None:
    assert like(likeness, photos=0.98) == word
    assert like(likeness / 2, photos=0.49) == word, "photos that differ more ask for less"


def test_agreement_is_told_by_how_much_is_there() -> None:
    assert [agree(score) for score in (0.8, 0.1, -0.5)] == ["all_there", "mostly_there", "partly_there"]


def test_the_best_picture_is_good_in_both() -> None:
    copy, obeyed, poor = Picture(0.99, -0.4), Picture(0.96, 0.8), Picture(0.80, 0.9)
    assert ranked([copy, poor, obeyed])[0] == 2


def test_without_agreement_the_likest_is_the_best() -> None:
    assert ranked([Picture(0.8), Picture(0.9), Picture(0.85)]) == [1, 2, 0]


def test_a_difference_that_says_little_does_not_decide() -> None:
    assert ranked([Picture(0.981, 0.1), Picture(0.980, 0.6)])[0] == 1


def test_one_picture_is_the_best() -> None:
    assert ranked([Picture(0.5, 0.5)]) == [0]


def test_where_all_is_there_the_likest_comes_first() -> None:
    assert ranked([Picture(0.90, 0.35), Picture(0.89, 0.8), Picture(0.88, 0.5)])[0] == 0
