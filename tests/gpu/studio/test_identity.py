"""Which animal is the pet: decisions about candidates and distances, without a network."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gpu.segmenting import Identity, Segmenting
from gpu.studio.candidates import Candidate
from gpu.studio.embedding import Embedding
from gpu.studio.identity import Animal, agree, distances, stranger

DOG, CAT, BEAR = 16, 15, 21
SEGMENTING, IDENTITY = Segmenting(), Identity()
REX, LUNA, TOM = (F.one_hot(torch.tensor(n), 8).float() for n in range(3))  # as unlike as can be
WIDTH = 8


def animal(who: torch.Tensor, number: int = DOG, score: float = 0.9, side: float = 0.5, seed: int = 0) -> Animal:
    """An animal that fills this share of the photo's width, and looks about like `who`."""
    logits = np.full((20, 20), -10, np.float32)
    logits[:, : round(20 * side)] = 5
    scores = np.zeros(80, np.float32)
    scores[number] = score
    noise = 0.03 * torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed))
    turned = torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(seed + 1))
    views = F.normalize(torch.cat([(who + noise)[None], turned]), dim=1)
    looks = Embedding(views, views)
    return Animal(Candidate((0.0, 0.0, side, 1.0), scores, logits), np.zeros((20, 20), np.uint8), looks)


def verdicts(photos: Sequence[Sequence[Animal]], word: str = "auto") -> list[int | str]:
    """For each photo the place of its pet among its animals, or what is wrong."""
    pets = agree(photos, word, SEGMENTING).pets
    return [
        next(n for n, one in enumerate(seen) if one is pet) if isinstance(pet, Animal) else pet
        for seen, pet in zip(photos, pets, strict=True)
    ]


def test_sure_ones_vouch_for_what_the_segmenter_calls_a_bear() -> None:
    photos = [[animal(REX)], [animal(REX, seed=2)], [animal(REX, BEAR, seed=4)]]
    assert verdicts(photos) == [0, 0, 0]


def test_one_sure_one_vouches_for_what_looks_like_it() -> None:
    photos = [[animal(REX)], [animal(REX, BEAR, seed=2)], [animal(REX, CAT, seed=4)]]
    assert agree(photos, "dog", SEGMENTING).word == "dog" and verdicts(photos, "dog") == [0, 0, 0]


def test_without_a_sure_one_only_the_species_itself_counts() -> None:
    photos = [[animal(REX, score=0.4)], [animal(REX, BEAR)], [animal(REX, score=0.2)], []]
    assert verdicts(photos) == [0, "no_dog", "no_dog", "no_dog"]


def test_another_dog_is_not_learnt_nor_is_the_households_cat() -> None:
    own = [[animal(REX, seed=2 * n)] for n in range(3)]
    assert verdicts([*own, [animal(LUNA)], [animal(TOM, CAT)]]) == [0, 0, 0, "other_pet", "other_pet"]


def test_of_two_dogs_the_one_that_the_others_show_is_meant() -> None:
    own = [[animal(REX, seed=2 * n)] for n in range(3)]
    assert verdicts([*own, [animal(LUNA, side=0.5), animal(REX, side=0.4, seed=8)]]) == [0, 0, 0, 1]


def test_two_alike_in_one_photo_are_not_told_apart() -> None:
    own = [[animal(REX, seed=2 * n)] for n in range(3)]
    assert verdicts([*own, [animal(REX, side=0.5, seed=8), animal(REX, side=0.4, seed=8)]])[3] == "several_dogs"


def test_two_dogs_in_every_photo_are_too_many() -> None:
    pair = [animal(REX, side=0.5), animal(LUNA, side=0.4)]
    assert verdicts([pair] * 3) == ["several_dogs"] * 3


def test_a_pet_that_is_a_speck_is_too_small() -> None:
    assert verdicts([[animal(REX, side=0.5, seed=n)] for n in (0, 2, 4)] + [[animal(REX, side=0.0)]])[3] == "too_small"


@pytest.mark.parametrize(
    ("numbers", "word"), [((CAT, CAT, CAT), "cat"), ((CAT, CAT, DOG), "dog"), ((BEAR, BEAR, BEAR), "dog")]
)
def test_a_set_is_of_cats_if_nearly_all_are_surely_cats(numbers: tuple[int, ...], word: str) -> None:
    assert agree([[animal(REX, number)] for number in numbers], "auto", SEGMENTING).word == word


def test_a_photo_on_its_side_is_told_and_is_still_the_pet() -> None:
    own = [[animal(REX, seed=2 * n)] for n in range(3)]
    upright = animal(REX, seed=8)
    views = upright.looks.fine.roll(1, 0)
    lying = Animal(upright.candidate, upright.mask, Embedding(views, views))
    found = agree([*own, [lying]], "auto", SEGMENTING)
    assert found.turns == (0, 0, 0, 1) and found.pets[3] is lying


def test_a_stranger_is_far_and_farther_than_the_others_are_apart() -> None:
    near, apart = 0.1, 0.3
    between = np.full((4, 4), near)
    between[3, :3] = between[:3, 3] = apart
    np.fill_diagonal(between, 0)
    assert stranger(between, between, IDENTITY) == 3
    assert stranger(between[:3, :3], between[:3, :3], IDENTITY) is None
    assert stranger(between, between / 2, IDENTITY) is None, "a poor photo: far by its hairs alone"
    assert stranger(*[np.full((2, 2), 0.9)] * 2, IDENTITY) is None, "of two nobody knows which"


def test_distances_are_those_of_cosines() -> None:
    assert distances([REX, REX, LUNA]) == pytest.approx(np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0]]))
