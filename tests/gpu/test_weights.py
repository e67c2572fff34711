"""Models that are there and whole, and each way in which one can be not."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu.model_files import Tensors
from gpu.profile import PROFILES, SDXL, Profile
from gpu.sources import Source, missing, needed, sources
from gpu.weights import Problem, problems, sizes
from tests.helpers.model_repositories import FOLDERS, LLAMA, repository, sparse, weights, written

BASE, VAE = SDXL.sdxl, SDXL.vae
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
NOBODY = 65534


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return written(tmp_path)


def named(profile: Profile, name: str) -> Source:
    return next(source for source in sources(profile) if source.name == name)


def the_one(profile: Profile) -> Problem:
    [found] = problems(profile)
    return found


def test_of_each_repository_what_the_studio_reads_is_taken_and_nothing_else():
    taken = {source.model: needed(source, list(repository(source.model))) for source in sources(SDXL)[1:]}
    assert taken[BASE] == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        *(f"tokenizer/{name}" for name in FOLDERS[BASE]["tokenizer"]),
        *(f"tokenizer_2/{name}" for name in FOLDERS[BASE]["tokenizer"]),
        "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors",
        "text_encoder_2/config.json",
        "text_encoder_2/model.fp16.safetensors",
        "unet/config.json",
        UNET,
    ]
    assert taken[str(VAE)] == ["config.json", "diffusion_pytorch_model.safetensors"]
    shards = [f"model-0000{number}-of-00004.safetensors" for number in range(1, 5)]
    small = ["config.json", "generation_config.json", "special_tokens_map.json", "tokenizer.json"]
    assert taken[LLAMA] == [*small, "tokenizer_config.json", "model.safetensors.index.json", *shards]
    assert taken[str(SDXL.few_step)] == ["Hyper-SDXL-12steps-CFG-lora.safetensors"]
    assert taken[SDXL.dino] == ["config.json", "model.safetensors"]


def test_without_a_variant_its_plain_files_do_and_without_llama_none_is_needed():
    plain = replace(SDXL, sdxl="somebody/sdxl", vae=None, rewrite="template")
    names = [name for name in repository(BASE) if "fp16" not in name]
    assert not missing(named(plain, "sdxl"), names)
    assert "unet/diffusion_pytorch_model.safetensors" in needed(named(plain, "sdxl"), names)
    assert "vae/diffusion_pytorch_model.safetensors" in needed(named(plain, "sdxl"), names)
    assert [source.name for source in sources(plain)] == ["segmenter", "sdxl", "few_step", "dino"]


def test_whole_models_are_no_problem(profile: Profile):
    assert problems(profile) == ()
    assert problems(PROFILES["pocket"]) == ()


def test_sizes_are_those_of_the_headers(profile: Profile):
    parts = ("unet", "text_encoder", "text_encoder_2", "vae", "dino", "segmenter")
    assert sizes(profile) == {name: Tensors(64, 128) for name in parts} | {"llama": Tensors(4 * 64, 4 * 128)}


def test_25_gigabytes_are_looked_at_in_no_time(profile: Profile, tmp_path: Path):
    """Five sparse files of 5 GB with 1,700 tensors each, as an SDXL's UNet has."""
    names = [f"down_blocks.1.attentions.0.transformer_blocks.{n}.attn1.to_q.weight" for n in range(1700)]
    for file in [
        f"{BASE}/{UNET}",
        *(f"{LLAMA}/model-0000{n}-of-00004.safetensors" for n in range(1, 5)),
    ]:
        sparse(tmp_path / file, [*names[1:], f"layer.{Path(file).name}"], numbers=1_470_000)
    began = time.process_time()
    assert problems(profile) == ()
    assert time.process_time() - began < 1
    assert sum(size.size for size in sizes(profile).values()) > 24.9e9
    began = time.process_time()
    assert problems(profile) == ()
    assert time.process_time() - began < 0.1, "nothing has changed, so nothing is read again"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff\xfe<html>not found</html>" * 9)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def headless(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


DAMAGE: tuple[tuple[Callable[[Path], None], str], ...] = (
    (cut, "bytes of"),
    (empty, "was cut off"),
    (garbage, "is no safetensors file"),
    (longer, "bytes of"),
    (headless, "was cut off"),
    (Path.unlink, "is missing"),
)
FILES = {
    "sdxl": f"{BASE}/{UNET}",
    "vae": f"{VAE}/diffusion_pytorch_model.safetensors",
    "llama": f"{LLAMA}/model-00003-of-00004.safetensors",
    "few_step": f"{SDXL.few_step}/{SDXL.few_step_file}.safetensors",
    "dino": f"{SDXL.dino}/model.safetensors",
    "segmenter": "yolov8x-seg/model.safetensors",
}


@pytest.mark.parametrize(("damage", "wrong"), DAMAGE, ids=[damage.__name__ for damage, _ in DAMAGE])
@pytest.mark.parametrize("name", FILES)
def test_damaged_weights(profile: Profile, tmp_path: Path, name: str, damage: Callable[[Path], None], wrong: str):
    if damage is Path.unlink and name == "sdxl":
        (tmp_path / FILES[name].replace(".fp16", "")).unlink()  # it would do instead
    damage(tmp_path / FILES[name])
    found = the_one(profile)
    assert found.model == name
    assert wrong in found.wrong
    assert found.file in (tmp_path / FILES[name], tmp_path / FILES[name].replace(".fp16", ""))
    assert found.cure == "make models" if name == "segmenter" else "_MODEL in .env" in found.cure


@pytest.mark.parametrize("damage", [cut, empty, garbage, Path.unlink])
@pytest.mark.parametrize(
    "file",
    [
        f"{BASE}/model_index.json",
        f"{BASE}/unet/config.json",
        f"{BASE}/tokenizer_2/vocab.json",
        f"{LLAMA}/tokenizer.json",
        f"{LLAMA}/model.safetensors.index.json",
        "yolov8x-seg/model.yaml",
    ],
)
def test_damaged_configurations(profile: Profile, tmp_path: Path, file: str, damage: Callable[[Path], None]):
    damage(tmp_path / file)
    assert "model" in the_one(profile).wrong or the_one(profile).file == tmp_path / file


def test_an_index_that_names_what_is_not_there(profile: Profile, tmp_path: Path):
    index = tmp_path / LLAMA / "model.safetensors.index.json"
    index.write_bytes(index.read_bytes().replace(b"00002-of", b"00009-of"))
    assert the_one(profile).wrong == f"{tmp_path / LLAMA}/model-00009-of-00004.safetensors is missing"
    index.write_text('{"weight_map": {"layer.7": "model-00001-of-00004.safetensors"}}')
    assert the_one(profile).wrong.endswith("model-00001-of-00004.safetensors lacks 1 tensors that its index names")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("- a list", "does not hold what it should"),
        ("{nc: 1", "cannot be read as YAML"),
        ("{backbone: [1], head: [2]}", "does not say nc and names"),
        ("{nc: 3, names: {0: dog}, backbone: [1], head: [2]}", "has not as many names as classes"),
    ],
)
def test_a_segmenters_yaml(profile: Profile, tmp_path: Path, text: str, wrong: str):
    (tmp_path / "yolov8x-seg/model.yaml").write_text(text)
    assert wrong in the_one(profile).wrong


def test_folders_that_are_not_there(profile: Profile, tmp_path: Path):
    shutil.rmtree(profile.segmenter)
    shutil.rmtree(profile.dino)
    segmenter, dino = problems(profile)
    assert str(segmenter) == f"segmenter: {profile.segmenter} is not on this machine: make models"
    assert str(dino) == f"dino: there is no {profile.dino}: correct DINO_MODEL in .env"
    (tmp_path / "mine.ckpt").touch()
    sdxl = problems(replace(profile, sdxl=str(tmp_path / "mine.ckpt")))[1]
    assert str(sdxl) == f"sdxl: {tmp_path}/mine.ckpt is no folder and no .safetensors: correct SDXL_MODEL in .env"


def test_models_of_the_hub_that_are_not_in_its_cache(profile: Profile, tmp_path: Path):
    [dino] = problems(replace(profile, dino=SDXL.dino, dino_revision="ab" * 20), tmp_path / "hub")
    assert str(dino) == "dino: facebook/dinov2-base@abababababab is not on this machine: make models"


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that everybody may look into; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may be somebody else")
@pytest.mark.parametrize("file", [f"{BASE}/{UNET}", f"{BASE}/unet", "yolov8x-seg/model.yaml", str(LLAMA)])
def test_files_that_may_not_be_read(readable: Path, file: str):
    profile = written(readable)
    (readable / file).chmod(0)
    os.seteuid(NOBODY)
    try:
        found = the_one(profile)
    finally:
        os.seteuid(0)
    assert found.wrong == f"{readable / file} cannot be read: Permission denied"
    assert found.cure == f"sudo chmod -R a+rX {readable / file}"
    (readable / file).chmod(0o755)
    assert problems(profile) == (), "looked at anew, not remembered"


def test_an_sdxl_in_one_file(profile: Profile, tmp_path: Path):
    whole = ("model.diffusion_model.a", "conditioner.embedders.0.b", "conditioner.embedders.1.c", "first_stage_model.d")
    mine = tmp_path / "mine.safetensors"
    single = replace(profile, sdxl=str(mine))
    assert [str(one) for one in problems(single, tmp_path / "hub")] == [
        f"sdxl: there is no {mine}: correct SDXL_MODEL in .env",
        f"sdxl: {BASE}@462165984030, whose configuration it has, is not on this machine: make models",
    ]
    mine.write_bytes(weights(*whole[:2]))
    assert "is no whole SDXL: no text_encoder_2 and no vae in it" in problems(single, tmp_path / "hub")[0].wrong
    mine.write_bytes(weights(*whole))
    assert len(problems(single, tmp_path / "hub")) == 1
    assert sizes(single)["unet"] == sizes(single)["text_encoder_2"] == Tensors(64, 128)
