"""Photos that lie on their side are told by the set, and by how much they are to be turned back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gpu.profile import PROFILES
from gpu.studio.segmenter import load
from gpu.studio.turns import Features, features, turned
from tests.helpers.drawn_photos import Drawn, photos

LEAST = PROFILES["pocket"].segmenting.checks.least_turned


@pytest.fixture(scope="module")
def seen() -> list[dict[int, Features]]:
    """Of four photos what is seen, turned to the right by so many degrees."""
    segmenter = load(Path(PROFILES["pocket"].segmenter), torch.device("cpu"))

    def at(shown: Drawn, degrees: int) -> Features:
        return features(segmenter, shown.image.rotate(-degrees), np.rot90(shown.pet, -degrees // 90))

    return [{degrees: at(one, degrees) for degrees in (0, 90, 180, 270)} for one in photos(range(4))]


def test_upright_photos_are_left_alone(seen: list[dict[int, Features]]) -> None:
    assert turned([one[0] for one in seen], LEAST) == {}


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_photo_is_named_with_what_sets_it_right(seen: list[dict[int, Features]], degrees: int) -> None:
    for index in range(len(seen)):
        pets = [one[degrees if n == index else 0] for n, one in enumerate(seen)]
        assert turned(pets, LEAST) == {index: degrees}


def test_a_few_turned_photos_are_told_by_the_others(seen: list[dict[int, Features]]) -> None:
    pets = [one[0] for one in seen]
    assert turned([*pets, seen[0][90], seen[1][180]], LEAST) == {4: 90, 5: 180}


def test_two_photos_cannot_tell(seen: list[dict[int, Features]]) -> None:
    assert turned([seen[0][0], seen[1][180]], LEAST) == {}
