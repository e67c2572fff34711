"""What photos of a set share: copies are found whatever was done to them, other photos of the same dog are none."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from PIL import Image

from gpu.profile import PROFILES
from gpu.studio.photo_sets import Fingerprint, duplicates, fingerprint, lacks, same_scene
from tests.bench.photos_worsened import COPIES, recompressed
from tests.helpers.drawn_photos import Drawn, photo, photos

CHECKS = PROFILES["pocket"].segmenting.checks
FLOWERS = "in a garden of flowers"


def prints(*shown: Drawn) -> list[Fingerprint]:
    return [fingerprint(one.image, one.pet) for one in shown]


@pytest.fixture(scope="module")
def good() -> list[Fingerprint]:
    return prints(*photos(range(4)))


def test_photos_of_one_dog_are_no_copies_and_lack_nothing(good: list[Fingerprint]) -> None:
    assert duplicates(good, CHECKS) == {}
    assert same_scene(good, CHECKS) == {}
    assert "one_scene" not in lacks(good, CHECKS)


@pytest.mark.parametrize("kind", sorted(COPIES))
def test_a_copy_is_found(kind: str, good: list[Fingerprint]) -> None:
    original = photo(2)
    shape = Image.fromarray(original.pet).convert("RGB")
    image, mask = (COPIES[kind](one, original.pet, Random(kind)) for one in (original.image, shape))
    copy = fingerprint(recompressed(image), np.asarray(mask)[..., 0] > 127)
    assert duplicates([*good, copy], CHECKS) == {len(good): 2}
    assert duplicates([copy, *good], CHECKS) == {3: 0}, "the later one is the copy"


def test_a_third_copy_names_the_first_photo(good: list[Fingerprint]) -> None:
    assert duplicates([good[0], good[1], good[1], good[1]], CHECKS) == {2: 1, 3: 1}


def test_a_picture_of_nothing_is_a_copy_of_nothing() -> None:
    plain = Drawn(Image.new("RGB", (300, 200), "grey"), np.zeros((200, 300), bool))
    assert duplicates(prints(plain, plain), CHECKS) == {}


def test_the_same_place_is_known_though_the_dog_has_moved() -> None:
    here, there = photo(0, FLOWERS, 0.4), photo(0, FLOWERS, 0.6)
    elsewhere = photo(1, FLOWERS)
    found = prints(here, there, elsewhere)
    assert duplicates(found, CHECKS) == {}
    assert same_scene(found, CHECKS) == {1: 0}


def test_a_set_of_one_scene_and_without_a_whole_body_lacks_both(good: list[Fingerprint]) -> None:
    found = prints(photo(0, FLOWERS), photo(1, FLOWERS))
    assert "one_scene" in lacks(found, CHECKS)
    assert "one_scene" not in lacks([*found, good[0]], CHECKS)
    assert "one_scene" not in lacks(found[:1], CHECKS), "one photo is no set"
    cut = [replace(one, runs_over_edge=True) for one in found]
    assert "no_whole_body" in lacks(cut, CHECKS)
    assert "no_whole_body" not in lacks([*cut, replace(found[0], runs_over_edge=False)], CHECKS)


def test_a_set_of_high_pets_has_no_side_view(good: list[Fingerprint]) -> None:
    high = [replace(one, aspect=0.8) for one in good]
    assert "no_side_view" in lacks(high, CHECKS)
    assert "no_side_view" not in lacks([*high, replace(good[0], aspect=1.3)], CHECKS)


def test_a_pet_that_goes_on_behind_the_edge_is_not_whole() -> None:
    image, body = Image.new("RGB", (100, 100)), np.zeros((100, 100), bool)
    body[30:95, 30:70] = True
    assert not fingerprint(image, body).runs_over_edge
    body[30:, 30:70] = True
    assert fingerprint(image, body).runs_over_edge
