"""Cutting out: which dog, why not, and how the crop lies; with the real segmenter where its weights are."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import ultralytics
import yaml
from PIL import Image
from safetensors.torch import save_file

from gpu.profile import PROFILES
from gpu.studio import crop, segment
from gpu.types import Photo
from tests.helpers import tiny_models as tiny_models

DATA = Path(__file__).parents[4] / "shared" / "data"


def disc(*box: int, size: int = 100) -> segment.Mask:
    mask = np.zeros((size, size), bool)
    left, top, right, bottom = box
    mask[top:bottom, left:right] = True
    return mask


def photo(path: Path) -> Photo:
    with Image.open(path) as image:
        return Photo(path=path, sha256=path.stem.rjust(64, "0"), width=image.width, height=image.height)


def test_one_dog_is_chosen() -> None:
    dog = disc(20, 20, 80, 80)
    assert crop.choose([dog], 0.02) is dog


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ([], "no_dog"),
        ([disc(0, 0, 10, 10)], "too_small"),
        ([disc(0, 0, 40, 50), disc(60, 0, 100, 50)], "several_dogs"),
    ],
)
def test_why_not(found: list[segment.Mask], reason: str) -> None:
    assert crop.choose(found, 0.02) == reason


def test_a_small_second_dog_and_a_second_look_at_the_first_do_not_count() -> None:
    dog = disc(0, 0, 60, 60)
    assert crop.choose([dog, disc(70, 70, 100, 100)], 0.02) is dog
    assert crop.choose([dog, disc(5, 5, 60, 60)], 0.02) is dog


@pytest.mark.parametrize("box", [(40, 40, 60, 60), (0, 0, 30, 10), (90, 0, 100, 100), (0, 0, 100, 100)])
def test_the_crop_holds_the_dog_and_stays_inside(box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = crop.crop_box(disc(*box))
    assert 0 <= left <= box[0] and box[2] <= right <= 100
    assert 0 <= top <= box[1] and box[3] <= bottom <= 100
    assert right - left == bottom - top


def test_a_segmenter_that_sees_nothing_rejects_every_photo(tmp_path: Path) -> None:
    Image.new("RGB", (90, 60), "green").save(tmp_path / "1.png")
    pool = tiny_models.pool()
    with pool.use("yolo") as yolo:
        *_, cut = segment.segment(yolo, (photo(tmp_path / "1.png"),), tmp_path / "cutouts", pool.profile.segmenting)
    assert [rejected.reason for rejected in cut.rejected] == ["no_dog"]
    assert cut.cutouts == ()
    assert segment.CUT.validate_json(segment.CUT.dump_json(cut)) == cut


def test_cutting_leaves_every_core_to_what_comes_after_it() -> None:
    pool, before = tiny_models.pool(), torch.get_num_threads()
    many = os.cpu_count() or 1
    try:
        torch.set_num_threads(many + 1)
        with pool.use("yolo") as yolo:
            yolo.predictor = None  # as before its first picture
            segment.dogs(yolo, Image.new("RGB", (90, 60), "green"), pool.profile.segmenting)
        assert torch.get_num_threads() == many + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real segmenter and photos lie beside the project")
def test_the_real_segmenter_cuts_real_dogs(tmp_path: Path) -> None:
    state = torch.load(DATA / "yolo" / "yolov8n-seg.dequant.state_dict.pt", weights_only=True)
    base = Path(ultralytics.__file__).parent / "cfg/models/v8/yolov8-seg.yaml"
    names = {"scale": "n", "nc": 80, "names": {number: str(number) for number in range(80)}}
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(yaml.safe_load(base.read_text()) | names))
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "model.safetensors")

    yolo = segment.load(tmp_path, torch.device("cpu"))
    photos = tuple(photo(path) for path in sorted((DATA / "dogs" / "dog6").glob("*.jpg")))
    *_, cut = segment.segment(yolo, photos, tmp_path / "cutouts", PROFILES["sdxl"].segmenting)
    assert len(cut.cutouts) >= 3
    assert len(cut.cutouts) + len(cut.rejected) == len(photos)
    for cutout in cut.cutouts:
        with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
            assert image.size == mask.size and (image.mode, mask.mode) == ("RGB", "L")
            assert len(set(mask.get_flattened_data()) - {0, 255}) > 0, "the edge is soft"
    with Image.open(cut.sheet) as sheet:
        assert sheet.width >= 3 * crop.TILE
