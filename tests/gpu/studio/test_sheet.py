"""The contact sheet: every photo at its place, cut out or pale, with a number and a mark that a phone still shows."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from gpu.studio import sheet
from gpu.studio.sheet import BADGE, GAP, GROUND, TILE, Mark, Tile, contact_sheet

PHONE = 390  # pixels that a phone shows the sheet at
MARKS: tuple[Mark, ...] = ("good", "remark", "refused")
RED = (220, 30, 30)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (300, 200), RED).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    shape = Image.new("L", (300, 200))
    ImageDraw.Draw(shape).ellipse((100, 50, 200, 150), fill=255)
    shape.save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def drawn(tmp_path: Path, *tiles: Tile) -> Image.Image:
    with Image.open(contact_sheet(tiles, tmp_path / "sheet.png")) as file:
        assert (file.format, file.mode) == ("PNG", "RGB")
        return file.copy()


def corner(whole: Image.Image, tile: int, columns: int) -> tuple[int, int]:
    row, column = divmod(tile, columns)
    return GAP + column * (TILE + GAP), GAP + row * (TILE + GAP)


def test_a_pet_is_shown_cut_out_and_a_refused_photo_whole_and_pale(tmp_path: Path, picture: Path, mask: Path) -> None:
    whole = drawn(
        tmp_path,
        Tile(number=1, image=picture, mask=mask, mark="good"),
        Tile(number=2, image=picture, mark="refused"),
    )
    beside, pet = (GAP + TILE // 5, GAP + TILE // 2), (GAP + TILE // 2, GAP + TILE // 2)
    assert whole.getpixel(beside) == GROUND
    assert whole.getpixel(pet) == RED
    pale = [whole.getpixel((x + TILE + GAP, y)) for x, y in (beside, pet)]
    assert pale[0] == pale[1], "whole"
    assert isinstance(pale[0], tuple) and pale[0][0] > pale[0][1] > 120, "pale, and still red"


def test_each_photo_has_its_place_its_number_and_its_mark(tmp_path: Path, picture: Path) -> None:
    marks = [MARKS[place % 3] for place in range(10)]
    whole = drawn(tmp_path, *(Tile(number=n, image=picture, mark=mark) for n, mark in enumerate(marks, start=1)))
    columns = whole.width // (TILE + GAP)
    seen: dict[Mark, set[bytes]] = {mark: set() for mark in MARKS}
    numbers = set()
    for place, mark in enumerate(marks):
        x, y = corner(whole, place, columns)
        numbers.add(whole.crop((x, y, x + BADGE, y + BADGE)).tobytes())
        centre = (x + TILE - BADGE * 3 // 4, y + TILE - BADGE * 3 // 4, x + TILE - BADGE // 4, y + TILE - BADGE // 4)
        seen[mark].add(whole.crop(centre).tobytes())
    assert len(numbers) == 10
    assert [len(seen[mark]) for mark in MARKS] == [1, 1, 1], "one mark looks the same on each"
    assert len(set.union(*seen.values())) == 3


def test_ten_photos_are_legible_on_a_phone(tmp_path: Path, picture: Path) -> None:
    whole = drawn(tmp_path, *(Tile(number=n, image=picture, mark="good") for n in range(1, 11)))
    shown = PHONE / whole.width
    assert TILE * shown >= 90
    assert BADGE * shown >= 20
    assert whole.height <= whole.width, "a phone makes a high picture smaller"
    numbers = [_on_a_phone(sheet._number(n), shown) for n in range(1, 11)]
    assert min(np.abs(one - other).max() for one, other in combinations(numbers, 2)) > 150


def test_marks_are_told_apart_without_colour() -> None:
    shown = PHONE / (4 * (TILE + GAP) + GAP)
    marks = [_on_a_phone(sheet._mark(mark), shown) for mark in MARKS]
    for one, other in combinations(marks, 2):
        assert (np.abs(one - other) > 60).mean() > 0.2


def _on_a_phone(badge: Image.Image, shown: float) -> np.ndarray:
    """In grey, on grey, as large as a phone shows it."""
    ground = Image.new("RGB", badge.size, "grey")
    ground.paste(badge, (0, 0), badge)
    side = round(BADGE * shown)
    return np.asarray(ground.convert("L").crop((0, 0, BADGE, BADGE)).resize((side, side)), dtype=float)


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 3, 2), (9, 3, 3), (10, 4, 3)])
def test_the_sheet_is_no_larger_than_its_photos(
    tmp_path: Path, picture: Path, count: int, columns: int, rows: int
) -> None:
    whole = drawn(tmp_path, *(Tile(number=n, image=picture, mark="good") for n in range(1, count + 1)))
    assert whole.size == (columns * (TILE + GAP) + GAP, rows * (TILE + GAP) + GAP)


def test_a_new_sheet_takes_the_place_of_the_one_before(tmp_path: Path, picture: Path) -> None:
    tile = Tile(number=1, image=picture, mark="good")
    assert drawn(tmp_path, tile) != drawn(tmp_path, tile, Tile(number=2, image=picture, mark="good"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture.png", "sheet.png"]
