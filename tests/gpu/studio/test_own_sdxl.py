"""Somebody's own SDXL: a folder with or without a variant, or one file, for which nothing is fetched either."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from gpu.errors import ModelsMissing
from gpu.profile import SDXL, Profile
from gpu.studio.models import ModelPool
from tests.helpers import single_file
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET


@pytest.fixture
def tiny() -> Profile:
    return tiny_models.pool().profile


def same(one: ModelPool, other: ModelPool) -> bool:
    with one.use("sdxl") as mine, other.use("sdxl") as theirs:
        for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
            expected = getattr(theirs, part).state_dict()
            found = getattr(mine, part).state_dict()
            assert found.keys() == expected.keys(), part
            assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items()), part
        return mine.tokenizer_2("a dog").input_ids == theirs.tokenizer_2("a dog").input_ids


def cache(monkeypatch: pytest.MonkeyPatch, folder: Path, files: Path) -> None:
    """The hub's cache with SDXL's configuration in it, as `make models` leaves it: everything but weights."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    snapshot = folder / f"models--{SDXL.sdxl.replace('/', '--')}" / "snapshots" / str(SDXL.sdxl_revision)
    shutil.copytree(files, snapshot, ignore=shutil.ignore_patterns("*.safetensors"))


def test_in_one_file(tiny: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mine = tmp_path / "mine.safetensors"
    with tiny_models.pool().use("sdxl") as pipe:
        single_file.write(type(pipe).from_pretrained(tiny.sdxl), mine)
    pool = ModelPool(replace(tiny, sdxl=str(mine)))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelsMissing, match="whose configuration it has, is not on this machine: make models"):
        same(pool, tiny_models.pool())
    cache(monkeypatch, tmp_path / "hub", Path(tiny.sdxl))
    assert same(pool, tiny_models.pool())
    assert pool.base == ModelPool(replace(tiny, sdxl=str(mine))).base != tiny_models.pool().base
    torch.set_num_threads(1)


def test_in_a_folder_without_the_variant(tiny: Profile):
    assert same(ModelPool(replace(tiny, sdxl_variant="fp16")), tiny_models.pool())
    torch.set_num_threads(1)


def test_in_a_folder_whose_vae_has_no_variant(tiny: Profile, tmp_path: Path):
    shutil.copytree(tiny.sdxl, tmp_path / "mine")
    for part in ("unet", "text_encoder", "text_encoder_2"):
        [file] = (tmp_path / "mine" / part).glob("*.safetensors")
        file.rename(file.with_suffix(".fp16.safetensors"))
    assert same(ModelPool(replace(tiny, sdxl=str(tmp_path / "mine"), sdxl_variant="fp16")), tiny_models.pool())
    torch.set_num_threads(1)


def test_a_folder_that_is_another_model(tiny: Profile, tmp_path: Path):
    shutil.copytree(tiny.dino, tmp_path / "mine")
    with pytest.raises(
        ModelsMissing, match=r"mine/model_index\.json is missing: put it there whole, or name another in SDXL"
    ):
        same(ModelPool(replace(tiny, sdxl=str(tmp_path / "mine"))), tiny_models.pool())
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(ModelsMissing, match=r"scheduler/scheduler_config\.json is missing"):
        same(ModelPool(replace(tiny, sdxl=str(tmp_path / "index"))), tiny_models.pool())
    torch.set_num_threads(1)
