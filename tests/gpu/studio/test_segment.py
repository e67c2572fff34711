"""Cutting out: photos in, cut-outs and what is wrong with the others out; with the real segmenter where it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpu.errors import ModelsMissing
from gpu.outcomes import LOOKED, Looked
from gpu.pets import Photo
from gpu.profile import PROFILES
from gpu.segmenting import Segmenting, Species
from gpu.studio import crop, segment
from gpu.studio.segmenter import Segmenter, check_classes
from tests.helpers import real_photos
from tests.helpers import tiny_models as tiny_models

POCKET, SDXL = PROFILES["pocket"], PROFILES["sdxl"]


def box_mask(left: int, top: int, right: int, bottom: int, size: int = 100) -> crop.Mask:
    mask = np.zeros((size, size), bool)
    mask[top:bottom, left:right] = True
    return mask


def photo(path: Path) -> Photo:
    with Image.open(path) as image:
        return Photo(path=path, sha256=path.stem.rjust(64, "0"), width=image.width, height=image.height)


def cut(segmenter: Segmenter, photos: list[Photo], out: Path, segmenting: Segmenting, size_px: int) -> Looked:
    sights = [segment.look(segmenter, one, segmenting) for one in photos]
    return segment.cut_out(sights, out / "cutouts", segmenting, "auto", size_px)


@pytest.mark.parametrize("box", [(40, 40, 60, 60), (0, 0, 30, 10), (90, 0, 100, 100), (0, 0, 100, 100)])
def test_the_crop_holds_the_dog_and_stays_inside(box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = crop.crop_box(box_mask(*box))
    assert 0 <= left <= box[0] and box[2] <= right <= 100
    assert 0 <= top <= box[1] and box[3] <= bottom <= 100
    assert right - left == bottom - top


def test_a_segmenter_that_sees_nothing_rejects_every_photo(tmp_path: Path) -> None:
    Image.new("RGB", (90, 60), "green").save(tmp_path / "1.png")
    pool = tiny_models.pool()
    with pool.use("yolo") as segmenter:
        found = cut(segmenter, [photo(tmp_path / "1.png")], tmp_path, pool.profile.segmenting, 64)
        assert segment.pet_or_all(segmenter, Image.new("RGB", (90, 60)), pool.profile.segmenting).getextrema() == (
            255,
            255,
        )
    assert [rejected.reason for rejected in found.rejected] == ["no_dog"]
    assert found.cutouts == () and found.sheet.is_file()
    assert LOOKED.validate_json(LOOKED.dump_json(found)) == found


@pytest.mark.parametrize(
    ("colour", "why"), [((20, 20, 30), ["too_dark"]), ((90, 120, 90), []), ((255, 255, 250), ["too_bright"])]
)
def test_poor_light_is_told_where_it_may_be_why_no_dog_is_seen(
    tmp_path: Path, colour: tuple[int, int, int], why: list[str]
) -> None:
    Image.new("RGB", (90, 60), colour).save(tmp_path / "1.png")
    pool = tiny_models.pool()
    with pool.use("yolo") as segmenter:
        found = cut(segmenter, [photo(tmp_path / "1.png")], tmp_path, pool.profile.segmenting, 64)
    assert [rejected.reason for rejected in found.rejected] == ["no_dog"]
    assert [remark.what for remark in found.remarks] == why


def test_a_segmenter_of_other_classes_is_refused() -> None:
    pool = tiny_models.pool()
    with pool.use("yolo") as segmenter:
        check_classes(segmenter, (Species("dog", 0),))
        with pytest.raises(ModelsMissing, match="its class 0 is 'dog', and not 'cat': make models"):
            check_classes(segmenter, (Species("cat", 0),))
        with pytest.raises(ModelsMissing, match="its class 16 is None, and not 'dog'"):
            check_classes(segmenter, SDXL.segmenting.species)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    return real_photos.segmenter(tmp_path_factory.mktemp("yolov8n-seg"))


def dogs(name: str) -> list[Photo]:
    return [photo(path) for path in real_photos.photos_of(name)]


@real_photos.BESIDE
def test_a_set_vouches_for_a_puppy_that_the_segmenter_takes_for_a_cat(real: Segmenter, tmp_path: Path) -> None:
    found = cut(real, dogs("dog6")[1:4], tmp_path, SDXL.segmenting, 1024)
    assert found.class_word == "dog" and len(found.cutouts) == 3
    for cutout in found.cutouts:
        with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
            assert image.size == mask.size and (image.mode, mask.mode) == ("RGB", "L")
            assert len(set(mask.get_flattened_data()) - {0, 255}) > 0, "the edge is soft"


@real_photos.BESIDE
def test_another_dog_is_named_and_not_learnt(real: Segmenter, tmp_path: Path) -> None:
    others = dogs("dog2")[:1]
    found = cut(real, [*dogs("dog8")[1:4], *others], tmp_path, SDXL.segmenting, 1024)
    assert [(one.photo, one.reason) for one in found.rejected] == [(others[0].sha256, "other_pet")]
