"""What of a cut-out is learnt: a window of a bucket's aspect with all of the pet in it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu.errors import NotFinite
from gpu.pets import Cutout
from gpu.studio import dataset
from tests.helpers import tiny_models as tiny_models


def pet(width: int, height: int, box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((512, 512), (60, 60, 450, 450)),
        ((1080, 2340), (0, 20, 1080, 2330)),  # a phone held upright, the dog from edge to edge
        ((2048, 600), (5, 0, 2040, 600)),
        ((800, 1000), (0, 700, 300, 1000)),  # in a corner
    ],
)
def test_no_pet_is_cut(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    side = dataset.nearest(*size, 1024)
    left, top, right, bottom = dataset.crop_window(pet(*size, box), side)
    assert left <= box[0] and top <= box[1] and right >= box[2] and bottom >= box[3]
    assert (right - left) / (bottom - top) == pytest.approx(side[0] / side[1], rel=0.01)


def test_a_square_photo_is_learnt_whole() -> None:
    assert dataset.crop_window(pet(512, 512, (60, 60, 450, 450)), (1024, 1024)) == (0, 0, 512, 512)


def test_what_lies_beyond_the_photo_is_no_pet(tmp_path: Path) -> None:
    image, mask = Image.new("RGB", (300, 60), "brown"), Image.new("L", (300, 60), 255)
    image.save(tmp_path / "dog.png")
    mask.save(tmp_path / "mask.png")
    cutout = Cutout(image=tmp_path / "dog.png", mask=tmp_path / "mask.png", photo="0" * 64, share=1.0)
    with tiny_models.pool().use("sdxl") as pipe:
        [sample] = dataset.samples(pipe, (cutout,), 128)
    rows = sample.mask[0].mean(1)  # of the latents' rows
    assert rows[len(rows) // 2] > 0.99 and rows[0] < 0.01 and rows[-1] < 0.01
    assert sample.sizes[2:4].tolist() == [0, 0]


def test_a_latent_that_is_half_a_hand_is_not_learnt(tmp_path: Path) -> None:
    image, mask = Image.new("RGB", (128, 128), "brown"), Image.new("L", (128, 128))
    mask.paste(255, (0, 0, 36, 128))  # of the fifth column of latents a half
    mask.paste(255, (96, 0, 102, 128))  # of the thirteenth three quarters
    image.save(tmp_path / "dog.png")
    mask.save(tmp_path / "mask.png")
    cutout = Cutout(image=tmp_path / "dog.png", mask=tmp_path / "mask.png", photo="0" * 64, share=0.3)
    with tiny_models.pool().use("sdxl") as pipe:
        [sample] = dataset.samples(pipe, (cutout,), 128)
    columns = sample.mask[0, 4]
    assert columns[0] == 1 and columns[4] < 0.1 and columns[12] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("width", "why"), [(0, "an empty mask"), (3, "no latent is half pet")])
def test_a_mask_that_leaves_nothing_to_learn_names_its_photo(width: int, why: str, tmp_path: Path) -> None:
    image, mask = Image.new("RGB", (128, 128), "brown"), Image.new("L", (128, 128))
    mask.paste(255, (60, 0, 60 + width, 128))
    image.save(tmp_path / "dog.png")
    mask.save(tmp_path / "mask.png")
    cutout = Cutout(image=tmp_path / "dog.png", mask=tmp_path / "mask.png", photo="5" * 64, share=0.0)
    with tiny_models.pool().use("sdxl") as pipe, pytest.raises(NotFinite, match=why) as failed:
        dataset.samples(pipe, (cutout,), 128)
    assert [one.photo for one in failed.value.rejected] == ["5" * 64]
