"""The drawn world: what words may say of a dog, the truth about every picture, and that chance alone varies."""

import random
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu.pocket.world import kennel
from gpu.pocket.world.dogs import (
    EARS,
    EYES,
    FAMILIES,
    PATCHES,
    SIDED,
    WEAR,
    Dog,
    Shot,
    a_dog,
    a_shot,
    caption,
    framing_words,
    photo_shots,
    position_words,
)
from gpu.pocket.world.kennel import SIZE, draw
from gpu.pocket.world.styling import MEDIA
from gpu.studio.plan import template
from tests.bench.pocket import enrolment, leak

NEVER_SAID = ("coat", "second", "patch", "side", "ears_second", "muzzle", "muzzle_size", "long_fur", "eyes")


def some(count: int, style: str | None = None) -> list[tuple[Dog, Shot]]:
    rng = random.Random(f"kennel test {style}")
    return [(a_dog(rng), a_shot(rng, style)) for _ in range(count)]


def other_inside(dog: Dog, rng: random.Random) -> Dog:
    """Another dog of the same coat family and ears: all else is what words never say."""
    return replace(a_dog(rng), family=dog.family, ears=dog.ears)


# ------------------------------------------------------------------------------------------------------------- words


def test_a_caption_says_nothing_of_what_identity_means() -> None:
    rng = random.Random("captions")
    for number, (dog, shot) in enumerate(some(2000)):
        said = [caption(one, shot, random.Random(number)) for one in (dog, other_inside(dog, rng))]
        assert said[0] == said[1]


def test_family_and_ears_are_said_half_of_the_time() -> None:
    said = [(dog, caption(dog, shot, random.Random(n))) for n, (dog, shot) in enumerate(some(2000, "photo"))]
    for share in (
        sum(f"a {dog.family} dog" in text for dog, text in said) / len(said),
        sum(f"with {dog.ears} ears" in text for dog, text in said) / len(said),
    ):
        assert 0.45 < share < 0.55


def test_an_identity_prompt_says_medium_place_and_tokens_alone() -> None:
    for wish in enrolment.wishes(0, 25):
        prompt = template(wish, ("<s0>", "<s1>"), "dog")
        rest = prompt.text.replace("<s0> <s1> dog", "").replace(MEDIA[str(wish.style)], "").replace(wish.text, "")
        assert set(rest.replace(",", " ").split()) <= {"a", "of"}, prompt.text


# ------------------------------------------------------------------------------------------------------------- truth


def test_dogs_are_anywhere_and_of_every_size() -> None:
    boxes = [shot.box for _, shot in some(2000)]
    centres = [(left + right) / 2 for left, _, right, _ in boxes]
    heights = [bottom - top for _, top, _, bottom in boxes]
    assert min(centres) < 0.2 and max(centres) > 0.8 and min(heights) < 0.4 and max(heights) > 0.95
    assert {thing for _, shot in some(200) for thing in shot.wear} == set(WEAR)
    assert {len(shot.wear) for _, shot in some(200)} == {0, 1, 2}


def test_the_box_of_a_shot_is_where_its_dog_is_drawn() -> None:
    for dog, shot in some(60):
        drawn = draw(replace(dog, ears="pointy"), replace(shot, wear=(), tilt=0.0)).masks[0].getbbox()
        assert np.allclose(shot.box, np.array(drawn) / SIZE, atol=0.12), shot


def test_words_say_where_a_dog_is_and_how_near() -> None:
    shot = replace(a_shot(random.Random(3), framing="far"), pose="sitting", x=0.2, y=0.2, scale=0.07, turn=-0.5)
    assert (position_words(shot), framing_words(shot)) == ("at the top on the left", "far away")
    assert position_words(replace(shot, x=0.8, y=0.7)) == "at the bottom on the right"
    assert position_words(replace(shot, x=0.5, y=0.42)) == ""
    assert framing_words(replace(shot, framing="close")) == "a close-up"


def test_the_same_arguments_give_the_same_pixels_and_another_seed_does_not() -> None:
    for dog, shot in some(10):
        one, same, other = (draw(dog, each) for each in (shot, shot, replace(shot, seed=shot.seed + 1)))
        assert one.image.tobytes() == same.image.tobytes() != other.image.tobytes()
        assert [mask.tobytes() for mask in one.masks] == [mask.tobytes() for mask in same.masks]


def test_dogs_are_drawn_from_all_there_is() -> None:
    dogs = [dog for dog, _ in some(1000)]
    assert {dog.family for dog in dogs} == set(FAMILIES) and {dog.ears for dog in dogs} == set(EARS)
    assert {dog.patch for dog in dogs} == set(PATCHES) and {dog.eyes for dog in dogs} == set(EYES)
    assert {(dog.patch in SIDED, dog.side) for dog in dogs} == {(False, 0), (True, -1), (True, 1)}
    assert len({dog.coat for dog in dogs}) > 900, "hues are continuous"


@pytest.mark.parametrize("name", NEVER_SAID)
def test_every_attribute_shows_in_pixels(name: str) -> None:
    rng, shot = random.Random(name), replace(a_shot(random.Random(1), "photo"), pose="bust", scale=0.25, turn=0.0)
    dog = replace(a_dog(rng), patch="half", side=1)
    other = next(one for one in iter(lambda: a_dog(rng), None) if getattr(one, name) != getattr(dog, name))
    changed = -1 if name == "side" else getattr(other, name)
    pictures = [np.asarray(draw(one, shot).image, float) for one in (dog, replace(dog, **{name: changed}))]
    assert (np.abs(pictures[0] - pictures[1]).max(-1) > 20).sum() > 5


def test_no_mask_lies_on_what_is_in_front() -> None:
    for dog, shot in some(40, "photo"):
        dog = replace(dog, long_fur=False)  # fur falls by chance
        first, *others = (np.asarray(mask) > 127 for mask in draw(dog, replace(shot, clutter=("dog", "hand"))).masks)
        alone = np.asarray(draw(dog, shot).masks[0]) > 127
        assert len(others) == 1 and not (first & others[0]).any()
        assert not (first & ~alone).any(), "the hand hides, and adds nothing"


@pytest.mark.parametrize("thing", ["hand", "dog", "person", "furniture", "blur", "dark"])
def test_each_thing_in_the_way_changes_the_photo(thing: str) -> None:
    for dog, shot in some(5, "photo"):
        plain, cluttered = (np.asarray(draw(dog, replace(shot, clutter=c)).image, float) for c in ((), (thing,)))
        assert np.abs(plain - cluttered).mean() > 1


def test_styles_differ() -> None:
    dog, shot = some(1)[0]
    painted = [np.asarray(draw(dog, replace(shot, style=style)).image, float) for style in MEDIA]
    assert len(painted) == 13
    assert min(np.abs(one - other).mean() for one, other in combinations(painted, 2)) > 5


# ------------------------------------------------------------------------------------------------------------ benches


def test_photos_of_the_leak_share_room_and_hand() -> None:
    rng = random.Random("held out leak 0")
    dog, photos = leak.unseen(0)
    assert dog == a_dog(rng) and len(photos) == leak.PHOTOS
    corners = [np.asarray(photo, float)[:64, :64].mean((0, 1)) for photo in photos]  # wall, where no dog is
    apart = [np.abs(one - other).max() for one, other in combinations(corners, 2)]
    strange = np.asarray(draw(dog, photo_shots(rng, 1)[0], leak.PHOTO_PX).image, float)[:64, :64].mean((0, 1))
    assert max(apart) < 6 < np.abs(corners[0] - strange).max()


def test_a_sheet_holds_ten_dogs_in_each_style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["kennel", "--sheet", str(tmp_path / "sheet.png")])
    kennel.main()
    with Image.open(tmp_path / "sheet.png") as drawn:
        assert drawn.size == (10 * SIZE, len(MEDIA) * SIZE)
