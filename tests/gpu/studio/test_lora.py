"""Pets are put on and taken off: the pixels that diffusers' own way gives, and not a bit of the base is written."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from gpu.errors import AdapterMismatch
from gpu.pets import Adapter
from gpu.portraits import Prompt
from gpu.studio import adapter, tokens
from gpu.studio.adapter import apply_adapter, conditional_only
from gpu.studio.denoise import embeddings
from gpu.studio.generate import generate
from gpu.studio.lora import PET
from gpu.studio.models import PETS, ModelPool
from gpu.studio.state import State
from tests.helpers import tiny_models as tiny_models
from tests.helpers.tiny_models import digest

pytestmark = tiny_models.QUIET
PROMPT = Prompt(text="a photo of <s0> <s1> dog, in a park", negative="a pencil sketch")
SEEDS = (5, 6, 7)
SAMPLING = tiny_models.SAMPLING


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    pool = ModelPool(tiny_models.pool().profile)
    torch.set_num_threads(1)
    return pool


def another(pet: Adapter, folder: Path, scale: float = -2.0) -> Adapter:
    """A pet whose LoRA and rows are others."""
    shutil.copytree(pet.folder, folder)
    for name in (adapter.LORA_FILE, adapter.ROWS_FILE):
        save_file({key: scale * tensor for key, tensor in load_file(folder / name).items()}, folder / name)
    return replace(pet, folder=folder)


@contextmanager
def training(pipe: StableDiffusionXLPipeline, pool: ModelPool) -> Iterator[State]:
    """One that is paused in its LoRA phase, and has learnt something."""
    state = State(pipe, pool.profile.learning, adapter.recipe(pool, (), "dog", 9))
    state.begin_lora()
    with torch.no_grad():
        for param in (state.rows | state.params).values():
            param.add_(0.1)
    try:
        yield state
    finally:
        state.close()


def painted(pool: ModelPool, pet: Adapter, out: Path) -> list[bytes]:
    pictures = generate(pool, pet, PROMPT, SEEDS, SAMPLING, out, lambda _: None)
    return [Image.open(picture.path).tobytes() for picture in pictures]


def as_diffusers_loads(pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter) -> list[bytes]:
    """The way in which every version before painted: the LoRA loaded for each painting, beside all others."""
    unet = pipe.unet
    before = {key: rows.detach().clone() for key, rows in tokens.rows_of(pipe).items()}
    unet.load_lora_adapter(load_file(pet.folder / adapter.LORA_FILE), prefix="unet", adapter_name=PET)
    unet.set_adapter(PET)
    tokens.put_rows(pipe, tokens.load(pet.folder / adapter.ROWS_FILE))
    with conditional_only(unet):
        images = pipe(
            **embeddings(pipe, [PROMPT] * len(SEEDS)),
            generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
            num_inference_steps=tiny_models.NORMAL.steps,
            guidance_scale=tiny_models.NORMAL.guidance,
            width=64,
            height=64,
        ).images
    tokens.put_rows(pipe, before)
    unet.unload_lora()
    return [image.tobytes() for image in images]


def test_pixels_are_those_that_diffusers_own_loading_gives(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path
) -> None:
    before = as_diffusers_loads(pool, pipe, pet)
    assert painted(pool, pet, tmp_path) == before, "read"
    painted(pool, another(pet, tmp_path / "another"), tmp_path)
    assert painted(pool, pet, tmp_path) == before, "kept"
    with training(pipe, pool):
        assert painted(pool, pet, tmp_path) == before, "beside a training"


def test_a_pet_that_is_first_read_beside_a_training_is_the_same(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path
) -> None:
    before = painted(pool, pet, tmp_path)
    fewer = another(pet, tmp_path / "fewer", 1.0)
    tensors = load_file(fewer.folder / adapter.LORA_FILE)
    some = {name: tensor for name, tensor in tensors.items() if "conv" not in name}
    save_file(some, fewer.folder / adapter.LORA_FILE)
    alone = painted(pool, fewer, tmp_path)
    pool.lora.cache_clear()
    with training(pipe, pool):
        assert painted(pool, pet, tmp_path) == before
        assert painted(pool, fewer, tmp_path) == alone, "a training's layers are off where the pet has none"
    assert alone != before


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a training"])
def test_nothing_is_written_in_100_switches(
    beside: bool, pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path
) -> None:
    other = another(pet, tmp_path / "another")
    with training(pipe, pool) if beside else nullcontext() as state:
        before, learnt = digest(pipe), list(state.lora.params.values()) if state else []
        for number in range(100):
            with apply_adapter(pipe, (pet, other)[number % 2], pool):
                pass
        assert digest(pipe) == before
        assert {*map(id, learnt)} <= {*map(id, pipe.unet.parameters())}, "what is learnt is in its place again"


def test_few_pets_are_kept_and_the_newest_files_count(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path
) -> None:
    for number in range(PETS + 2):
        with apply_adapter(pipe, another(pet, tmp_path / str(number)), pool):
            pass
    assert pool.lora.cache_info().currsize == PETS
    last = replace(pet, folder=tmp_path / str(PETS + 1))
    before = painted(pool, last, tmp_path)
    shutil.copy(pet.folder / adapter.LORA_FILE, last.folder)
    assert painted(pool, last, tmp_path) != before


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")
def test_another_lora_beside_the_pet_leaves_nothing(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path
) -> None:
    fewer, tensors = another(pet, tmp_path / "fewer", 1.0), load_file(pet.folder / adapter.LORA_FILE)
    save_file({name: one for name, one in tensors.items() if "conv" not in name}, fewer.folder / adapter.LORA_FILE)
    before, pixels = digest(pipe), painted(pool, fewer, tmp_path)
    with apply_adapter(pipe, fewer, pool):
        pipe.unet.load_lora_adapter(tensors, prefix="unet", adapter_name="more")
        pipe.unet.set_adapter([PET, "more"])
        pipe.unet.set_adapter(PET)
        pipe.unet.delete_adapters("more")
    assert digest(pipe) == before
    assert painted(pool, fewer, tmp_path) == pixels


def test_a_lora_of_another_architecture_is_refused_and_leaves_nothing(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path
) -> None:
    before, strange = digest(pipe), another(pet, tmp_path / "strange")
    tensors = load_file(strange.folder / adapter.LORA_FILE)
    renamed = {name.replace("mid_block", "no_block"): tensor for name, tensor in tensors.items()}
    assert renamed.keys() != tensors.keys()
    save_file(renamed, strange.folder / adapter.LORA_FILE)
    with training(pipe, pool):
        inside = digest(pipe)
        with pytest.raises(AdapterMismatch), apply_adapter(pipe, strange, pool):
            pass
        assert digest(pipe) == inside
    with pytest.raises(AdapterMismatch), apply_adapter(pipe, strange, pool):
        pass
    assert digest(pipe) == before
