"""Models that are damaged, or do not fit: the studio says what is wrong and what mends it, and asks no network."""

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import constants

from gpu.errors import ModelsMissing
from gpu.profile import SDXL
from gpu.studio import segmenter
from gpu.studio.models import ModelPool, Name
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET


@pytest.fixture
def pool(tmp_path: Path) -> ModelPool:
    """Tiny models of its own, to be damaged; none is loaded yet."""
    whole = tiny_models.pool().profile
    copies = {name: str(tmp_path / name) for name in ("sdxl", "llama", "dino", "segmenter")}
    for name, copy in copies.items():
        shutil.copytree(getattr(whole, name), copy)
    pool = ModelPool(replace(whole, **copies))
    torch.set_num_threads(1)
    return pool


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("sdxl", "sdxl/unet/diffusion_pytorch_model.safetensors"),
        ("sdxl", "sdxl/tokenizer/tokenizer.json"),
        ("llama", "llama/model.safetensors"),
        ("llama", "llama/tokenizer.json"),
        ("dino", "dino/config.json"),
        ("yolo", "segmenter/model.safetensors"),
    ],
)
def test_a_file_that_was_cut_off(pool: ModelPool, tmp_path: Path, name: Name, file: str):
    damaged, whole = tmp_path / file, (tmp_path / file).read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelsMissing) as refused, pool.use(name):
        pass
    assert str(damaged) in str(refused.value)
    assert str(refused.value).endswith("make models" if name == "yolo" else f"{name.upper()}_MODEL in .env")
    damaged.write_bytes(whole)
    with pool.use(name):
        pass


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"nc": 2, "names": ["cat", "dog"]}, "size mismatch"),
        ({"backbone": [[-1, 1, "Conv", [64, 3, 2]]]}, "do not fit"),
        ({"backbone": [[-1, 1, "NoSuchLayer", [64]]]}, "NoSuchLayer"),
    ],
)
def test_a_segmenter_whose_files_do_not_fit(pool: ModelPool, change: dict[str, object], wrong: str):
    path = Path(pool.profile.segmenter) / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(ModelsMissing, match=wrong) as refused, pool.use("yolo"):
        pass
    assert "segmenter: " in str(refused.value) and str(refused.value).endswith(": make models")


def test_names_of_classes_may_be_a_list(pool: ModelPool):
    path = Path(pool.profile.segmenter) / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"names": ["dog"]}))
    assert segmenter.load(path.parent, torch.device("cpu")).names == {0: "dog"}


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a job asked the network")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_what_is_here_is_loaded_without_asking_anybody(pool: ModelPool):
    names: tuple[Name, ...] = ("sdxl", "llama", "dino", "yolo")
    for name in names:
        with pool.use(name):
            pass


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["sdxl", "llama", "dino"])
def test_what_is_not_here_is_not_fetched(pool: ModelPool, name: Name):
    pool.profile = replace(pool.profile, **{name: getattr(SDXL, name), f"{name}_revision": "ab" * 20})
    with pytest.raises(ModelsMissing) as refused, pool.use(name):
        pass
    assert str(refused.value).endswith("@abababababab is not on this machine: make models")
