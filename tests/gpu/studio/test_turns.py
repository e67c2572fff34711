"""Photos that lie on their side are told by the set, and by how much they are to be turned back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gpu.profile import PROFILES
from gpu.studio.embedding import embed
from gpu.studio.segmenter import load
from gpu.studio.turns import quarter_turns
from tests.helpers.drawn_photos import Drawn, photos

POCKET = PROFILES["pocket"]
LEAST, SIDE = POCKET.segmenting.identity.turned, POCKET.segmenting.embedding_px


@pytest.fixture(scope="module")
def seen() -> list[list[Tensor]]:
    """Of four photos what is seen, turned by so many quarters against the clock.

    A dog whose sides are unlike: of 26 drawn dogs two in three turned photos are told.
    """
    segmenter = load(Path(POCKET.segmenter), torch.device("cpu"))

    def at(shown: Drawn, turn: int) -> Tensor:
        mask = np.ascontiguousarray(np.rot90(shown.pet, turn)).astype(np.uint8) * 255
        return embed(segmenter, shown.image.rotate(90 * turn), mask, SIDE).fine

    return [[at(one, turn) for turn in range(4)] for one in photos(range(4), seed="z")]


def test_upright_photos_are_left_alone(seen: list[list[Tensor]]) -> None:
    assert quarter_turns([one[0] for one in seen], LEAST) == [0, 0, 0, 0]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_photo_is_named_with_what_sets_it_right(seen: list[list[Tensor]], turn: int) -> None:
    for index in range(len(seen)):
        pets = [one[turn if n == index else 0] for n, one in enumerate(seen)]
        assert quarter_turns(pets, LEAST) == [4 - turn if n == index else 0 for n in range(len(seen))]


def test_a_few_turned_photos_are_told_by_the_others(seen: list[list[Tensor]]) -> None:
    upright = [one[0] for one in seen]
    assert quarter_turns([*upright, seen[0][1], seen[1][2]], LEAST) == [0, 0, 0, 0, 3, 2]


def test_two_photos_cannot_tell(seen: list[list[Tensor]]) -> None:
    assert quarter_turns([seen[0][0], seen[1][2]], LEAST) == [0, 0]
