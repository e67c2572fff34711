"""The pool on a card without room for everything: what lies where, and who makes room for whom."""

from pathlib import Path

import pytest
import torch
from accelerate.hooks import UserCpuOffloadHook

from gpu.studio import dataset
from gpu.studio.device import best_device, prove
from gpu.studio.models import ModelPool, Name
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET


@pytest.fixture
def small_card() -> ModelPool:
    pool = ModelPool(tiny_models.pool().profile)
    pool.offloads = True
    torch.set_num_threads(1)
    return pool


def test_a_model_lies_on_the_card_before_its_first_call(small_card: ModelPool) -> None:
    """The meta device stands for a card: it can be told from the host."""
    small_card.device = torch.device("meta")
    with small_card.use("sdxl") as pipe:
        parts = (pipe.vae, pipe.unet, pipe.text_encoder, pipe.text_encoder_2)
        assert {part.device.type for part in parts} == {"meta"}


def test_only_llama_needs_the_room(small_card: ModelPool, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: set[str] = set()
    monkeypatch.setattr(UserCpuOffloadHook, "offload", lambda hook: gone.add(type(hook.model).__name__))
    asked: tuple[Name, ...] = ("sdxl", "dino", "sdxl", "llama", "sdxl")
    went: list[set[str]] = []
    for name in asked:
        gone.clear()
        with small_card.use(name):
            went.append(set(gone))
    sdxl = {"UNet2DConditionModel", "AutoencoderKL", "CLIPTextModel", "CLIPTextModelWithProjection"}
    assert went == [set(), set(), set(), {*sdxl, "Dinov2Model"}, {"LlamaForCausalLM"}]


def test_photos_are_read_on_a_small_card_as_on_any(small_card: ModelPool, tmp_path: Path) -> None:
    cutouts = tiny_models.cutouts(tmp_path)
    with small_card.use("sdxl") as one, tiny_models.pool().use("sdxl") as other:
        pairs = zip(dataset.samples(one, cutouts, 64), dataset.samples(other, cutouts, 64), strict=True)
        assert all(torch.equal(mine.latents, theirs.latents) for mine, theirs in pairs)


def test_a_device_proves_itself_or_says_why_not() -> None:
    prove(best_device())
    with pytest.raises((RuntimeError, AssertionError)):  # AssertionError: a torch that was built without CUDA
        prove(torch.device("cuda", 99))
