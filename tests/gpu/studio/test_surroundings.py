"""Around the dog the base model paints: exact where it can be, and without a trace afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

from gpu.errors import Cancelled
from gpu.outcomes import Progress
from gpu.pets import Adapter
from gpu.portraits import Prompt
from gpu.sampling import Sampling
from gpu.studio import adapter, surroundings
from gpu.studio.generate import generate
from gpu.studio.models import ModelPool
from gpu.studio.state import State
from gpu.studio.surroundings import AROUND, PET, WORDS, WORN, mixed
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
PROMPT = Prompt(text="a photo of <s0> <s1> dog, in a park", negative="a pencil sketch")
SEEDS = (5, 6, 7)
PLAIN = replace(tiny_models.SAMPLING, preset=replace(tiny_models.NORMAL, steps=4))
WITH = replace(PLAIN, preset=replace(PLAIN.preset, surroundings=True))


def painted(pool: ModelPool, pet: Adapter, out: Path, how: Sampling = WITH, prompt: Prompt = PROMPT) -> list[bytes]:
    pictures = generate(pool, pet, prompt, SEEDS, how, out, lambda _: None)
    return [Image.open(picture.path).tobytes() for picture in pictures]


def masks_of(value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dog is everywhere, or nowhere, in every picture, and from the first step on."""
    monkeypatch.setattr("gpu.studio.segment.pet_or_all", lambda _, image, __: Image.new("L", image.size, value))


def test_each_has_its_own_part_of_a_picture() -> None:
    without, pet, base = torch.randn(3, 2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, 2:4] = 1
    found = mixed(without, pet, base, mask)
    torch.testing.assert_close(found[:, :, 2:4], pet[:, :, 2:4])
    torch.testing.assert_close(found[:, :, 4:], (without + AROUND * (base - without))[:, :, 4:])
    leading = mixed(without, pet, base, None)
    torch.testing.assert_close(leading, without + WORDS * (base - without) + PET * (pet - base))


def test_what_is_worn_is_on_the_dog_alone() -> None:
    without, pet, base, worn = torch.randn(4, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(1, 1, 8, 8)
    mask[:, :, 2:4] = 1
    found, bare = mixed(without, pet, base, mask, worn), mixed(without, pet, base, mask)
    torch.testing.assert_close(found[:, :, 2:4], (bare + WORN * worn)[:, :, 2:4])
    torch.testing.assert_close(found[:, :, 4:], bare[:, :, 4:])


def test_the_base_model_is_asked_about_what_is_worn_only_if_something_is(
    pool: ModelPool, pet: Adapter, tmp_path: Path
) -> None:
    dressed = replace(PROMPT, text="a photo of <s0> <s1> dog wearing a hat, in a park")
    too = replace(WITH, preset=replace(WITH.preset, worn=True))
    assert painted(pool, pet, tmp_path, too) == painted(pool, pet, tmp_path)
    assert painted(pool, pet, tmp_path, too, dressed) != painted(pool, pet, tmp_path, WITH, dressed)


def test_where_the_dog_is_makes_a_difference(
    pool: ModelPool, pet: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks_of(255, monkeypatch)
    everywhere = painted(pool, pet, tmp_path)
    masks_of(0, monkeypatch)
    nowhere = painted(pool, pet, tmp_path)
    assert len({tuple(one) for one in (everywhere, nowhere, painted(pool, pet, tmp_path, PLAIN))}) == 3
    assert painted(pool, pet, tmp_path) == nowhere, "the same seeds, the same pixels"


def test_a_dog_that_is_led_to_a_box_is_painted_there_and_nowhere_else(
    pool: ModelPool, pet: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor | None] = []
    real = surroundings.mixed

    def listen(*predictions: torch.Tensor) -> torch.Tensor:
        seen.append(predictions[3])
        return real(*predictions)

    dog = Image.new("L", (64, 64), 0)
    dog.paste(255, (32, 32, 64, 64))
    monkeypatch.setattr("gpu.studio.segment.pet_or_all", lambda *_: dog)
    monkeypatch.setattr(surroundings, "mixed", listen)
    painted(pool, pet, tmp_path, prompt=replace(PROMPT, box=(0.0, 0.0, 0.5, 0.5)))
    mask = seen[-1]
    assert mask is not None and seen[0] is None
    side = mask.shape[2] // 2
    assert mask[:, :, : side - 1, : side - 1].mean() > 0.9 and mask[:, :, side + 2 :, side + 2 :].max() == 0


def test_a_paused_training_changes_nothing_and_a_cancelled_painting_leaves_nothing(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path
) -> None:
    before, plain = painted(pool, pet, tmp_path), painted(pool, pet, tmp_path, PLAIN)
    state = State(pipe, pool.profile.learning, adapter.recipe(pool, (), "dog", 9))
    state.begin_lora()
    with torch.no_grad():
        for param in state.lora.params.values():
            param.add_(0.1)
    assert painted(pool, pet, tmp_path) == before
    state.close()

    def cancel(progress: Progress) -> None:
        if progress.step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        list(generate(pool, pet, PROMPT, SEEDS, WITH, tmp_path, cancel))
    assert not pipe.unet._forward_hooks
    assert painted(pool, pet, tmp_path, PLAIN) == plain and painted(pool, pet, tmp_path) == before


def test_the_base_model_is_asked_about_any_dog(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, pet: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So neither the pet's rows nor its LoRA decide about what is painted where it is not."""
    another = replace(pet, folder=tmp_path / "another")
    another.folder.mkdir()
    for file in pet.folder.iterdir():
        (another.folder / file.name).write_bytes(file.read_bytes())
    for name in (adapter.LORA_FILE, adapter.ROWS_FILE):
        tensors = load_file(pet.folder / name)
        save_file({key: -2 * tensor for key, tensor in tensors.items()}, another.folder / name)
    seen: list[torch.Tensor] = []
    real = surroundings.mixed

    def listen(*predictions: torch.Tensor) -> torch.Tensor:
        seen.append(predictions[2])
        return real(*predictions)

    monkeypatch.setattr(surroundings, "mixed", listen)
    first: Sequence[torch.Tensor] = []
    for one in (pet, another):
        seen.clear()
        painted(pool, one, tmp_path)
        first = first or [seen[0]]
    assert torch.equal(first[0], seen[0])
