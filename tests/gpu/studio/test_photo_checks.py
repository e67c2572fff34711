"""Remarks on one photo: good ones get none, each way in which one is poor has its own, and what is no fault is none."""

from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from gpu.profile import PROFILES
from gpu.segmenting import PhotoChecks
from gpu.studio.crop import Mask, crop_box
from gpu.studio.occlusion import hidden_side
from gpu.studio.photo_checks import enlargement, parts, remarks, touched
from tests.bench.photos_worsened import POOR, recompressed
from tests.helpers.drawn_photos import SIZE, Drawn, photo

POCKET = PROFILES["pocket"]
CHECKS = PROFILES["sdxl"].segmenting.checks
ALONE = {kind: how for kind, how in POOR.items() if how[0] != "sideways"}  # that is told by a set


def said(shown: Drawn, checks: PhotoChecks = CHECKS, size_px: int = SIZE, person: Mask | None = None) -> set[str]:
    found = remarks(shown.image, shown.pet, checks, size_px, person)
    assert len(set(found)) == len(found)
    return set(found)


def block(*boxes: tuple[int, int, int, int]) -> Mask:
    """A mask of 200 squared pixels: left, top, right, bottom of each."""
    mask = np.zeros((200, 200), bool)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = True
    return mask


def fur(light: float, spread: float = 12.0) -> Image.Image:
    """Noise as sharp as hair, of 200 squared pixels."""
    grain = np.random.default_rng(1).normal(light, spread, (200, 200, 1)).clip(0, 255)
    return Image.fromarray(np.repeat(grain, 3, 2).astype(np.uint8))


@pytest.mark.parametrize("number", range(6))
def test_a_good_photo_gets_no_remark(number: int) -> None:
    assert said(photo(number)) == set()
    assert said(photo(number), POCKET.segmenting.checks, POCKET.learning.size_px) == set()


@pytest.mark.parametrize("kind", sorted(ALONE))
def test_a_poor_photo_is_named(kind: str) -> None:
    word, worsen = ALONE[kind]
    good = photo(1)
    image = recompressed(worsen(good.image, good.pet, Random(kind)))
    assert word in said(Drawn(image, _mask_of(image, good.pet, kind)))


def _mask_of(image: Image.Image, pet: Mask, kind: str) -> Mask:
    """What a segmenter would find in the worsened photo."""
    if kind == "bar in front":  # on one side of the bar, as it does for the most part
        columns = np.flatnonzero((np.asarray(image.convert("L"), int) != _GOOD_GREY).mean(0) > 0.9)
        return pet & (np.arange(SIZE) < columns[0])
    if kind == "head cut off":
        return pet[-image.height :]
    return np.asarray(Image.fromarray(pet).resize(image.size))


_GOOD_GREY = np.asarray(photo(1).image.convert("L"), int)


def test_a_shaken_photo_is_soft_in_one_direction_only_and_named() -> None:
    good = photo(2)
    kernel = [0.0] * 25
    kernel[10:15] = [0.2] * 5  # along the rows
    shaken = good.image
    for _ in range(3):
        shaken = shaken.filter(ImageFilter.Kernel((5, 5), kernel, 1))
    assert "blurred" in said(Drawn(shaken, good.pet))


def test_few_pixels_are_not_called_blurred() -> None:
    good = photo(0)
    tiny = good.image.resize((120, 120), Image.Resampling.LANCZOS)
    assert said(Drawn(tiny, np.asarray(Image.fromarray(good.pet).resize((120, 120))))) == {"few_pixels"}


@pytest.mark.parametrize(("light", "word"), [(45, set()), (15, {"too_dark"}), (228, set()), (262, {"too_bright"})])
def test_black_and_white_pets_in_good_light_are_not_too_dark_or_too_bright(light: int, word: set[str]) -> None:
    assert said(Drawn(fur(light, 20.0), block((40, 40, 160, 160))), size_px=200) == word


def test_ears_may_touch_the_top_edge() -> None:
    body, ears = (40, 30, 160, 200), [(50, 0, 65, 30), (130, 0, 145, 30)]
    assert "head_cut_off" not in said(Drawn(fur(120), block(body, *ears)), size_px=200)
    assert "head_cut_off" in said(Drawn(fur(120), block((40, 0, 160, 200))), size_px=200)


def test_only_large_pieces_count_as_parts() -> None:
    assert parts(block((10, 10, 90, 190), (110, 10, 190, 190)), 0.05) == 2
    assert parts(block((10, 10, 90, 190), (110, 10, 115, 15)), 0.05) == 1


def test_a_person_is_named_where_they_hold_the_pet_and_not_where_they_stand_behind_it() -> None:
    pet = block((60, 60, 140, 140))
    holding, apart = block((0, 60, 62, 200), (60, 138, 140, 200)), block((0, 0, 50, 200))
    assert touched(pet, holding) > 0.3 and touched(pet, apart) == 0
    shown = Drawn(fur(120), pet)
    assert "person" in said(shown, size_px=200, person=holding)
    assert "person" not in said(shown, size_px=200, person=apart)


def test_a_pet_in_what_looks_like_a_border_is_hidden_by_nothing() -> None:
    """A dark dog in the dark below a bright window."""
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[:200, 100:300] = np.random.default_rng(0).integers(0, 255, (200, 200, 3))
    pet = np.zeros((400, 400), bool)
    pet[300:380, 100:300] = True
    assert hidden_side(Image.fromarray(picture), pet) == 0


def test_an_edge_that_hides_the_pet_is_steep_and_in_the_picture() -> None:
    picture = Image.new("RGB", (400, 400), (90, 140, 90))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((100, 100, 300, 300), (220, 190, 150))
    pet = np.asarray(picture)[..., 0] > 200
    draw.rectangle((180, 0, 230, 400), (60, 60, 70))
    left = pet & (np.arange(400) < 180)
    assert hidden_side(picture, left) > 0.8
    assert hidden_side(picture, pet) < 0.2, "the outline is round"
    on_its_side = picture.transpose(Image.Transpose.ROTATE_90)
    assert hidden_side(on_its_side, np.rot90(left)) < CHECKS.most_hidden_side, "pets lie on level edges"


def test_an_even_border_beside_a_photo_hides_nothing() -> None:
    picture = Image.new("RGB", (400, 400))
    picture.paste(fur(120).resize((300, 400)), (100, 0))
    pet = np.zeros((400, 400), bool)
    pet[100:300, 100:250] = True
    assert hidden_side(picture, pet) < 0.2


def test_enlargement_is_told_by_the_side_of_a_square() -> None:
    assert enlargement((0, 0, 512, 512), 1024) == 2
    assert enlargement((10, 10, 266, 1034), 1024) == 2
    assert enlargement(crop_box(block((0, 0, 200, 200))), 100) == 0.5
