"""What the likeness encoder learns from: litters whose dogs differ in one attribute, and losses that part them."""

import random
from dataclasses import asdict

import numpy as np
import pytest
import torch

from gpu.pocket.build_likeness import losses
from gpu.pocket.dogs import PATCHES, a_dog
from gpu.pocket.litters import ATTRIBUTES, LITTER, a_litter, draw_litter, facts


@pytest.mark.parametrize("number", range(20))
def test_siblings_differ_from_the_first_dog_in_one_attribute_each(number: int) -> None:
    first, *siblings = map(asdict, a_litter(random.Random(f"litter test {number}")))
    changed = [{field for field in first if first[field] != sibling[field]} for sibling in siblings]
    attributes = [{a for a in ATTRIBUTES if fields & set(a[:1]) and fields <= set(a)} for fields in changed]
    assert all(attributes)
    assert len({tuple(found) for found in attributes}) == LITTER - 1


def test_a_litter_is_drawn_with_one_shot_and_every_photo_with_its_own() -> None:
    images, masks, known = draw_litter("litter test", side=32, grid=4)
    assert (images.shape, masks.shape) == ((LITTER, 2, 32, 32, 3), (LITTER, 2, 4, 4))
    spread = [np.abs(images[1:, view].astype(int) - images[0, view]).mean() for view in (0, 1)]
    assert spread[1] < spread[0] / 3  # pictures differ in an attribute, photos in place and pose
    assert masks.max(axis=(2, 3)).min() > 127
    assert len(np.unique(known, axis=0)) == LITTER
    again, _, _ = draw_litter("litter test", side=32, grid=4)
    assert np.array_equal(images, again)


def test_facts_tell_every_side_and_patch() -> None:
    dogs = [a_dog(random.Random(f"facts {n}")) for n in range(200)]
    told = {(dog.patch, dog.side): (*facts(dog)[12:19], facts(dog)[-3]) for dog in dogs}
    assert len(set(told.values())) == len(told) == len(PATCHES) + 3
    assert all(-1 <= fact <= 1 for dog in dogs for fact in facts(dog))


def test_losses_are_small_for_own_pairs_only() -> None:
    dogs = 2 * LITTER
    right = losses(torch.eye(dogs))
    siblings = losses(torch.eye(dogs).roll(1, 0))  # each is taken for its neighbour
    strangers = losses(torch.eye(dogs).roll(LITTER, 0))
    assert max(right) < 0.01
    assert min(siblings) > 5
    assert strangers[0] > 5 and strangers[1] < 1  # the order is of siblings alone
