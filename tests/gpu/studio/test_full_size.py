"""What a full-size training step keeps for its backward pass, counted on the meta device, against the memory plan."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionXLPipeline
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gpu.memory import KEPT, REAL, USABLE, plan
from gpu.profile import SDXL
from gpu.studio import tokens
from gpu.studio.dataset import Sample
from gpu.studio.objective import BatchSampler, background_losses, losses, predict
from gpu.studio.state import State
from gpu.studio.tokens import TextEmbeddings
from tests.bench.card.models import FULL, make_sdxl
from tests.bench.fullsize import full

META = torch.device("meta")


class FlashAttention(TorchFunctionMode):
    """Attention as on a card: on the meta device torch would choose the one that keeps every probability."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            query, key, value = args or (kwargs[name] for name in ("query", "key", "value"))
            return torch.ops.aten._scaled_dot_product_flash_attention(query, key, value)[0]
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def pipe() -> StableDiffusionXLPipeline:
    pipe = make_sdxl(FULL, META, torch.bfloat16)
    for part in (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2):
        part.requires_grad_(False).eval()
    tokens.install(pipe, SDXL.learning.token_count)
    return pipe


def empty(*shape: int) -> Tensor:
    return torch.empty(shape, device=META, dtype=torch.bfloat16)


def kept_by_a_step(pipe: StableDiffusionXLPipeline, *, learns_tokens: bool) -> int:
    """Bytes of all storages that autograd saves of a picture of 1024 px, parameters not counted."""
    parts = pipe.unet, pipe.text_encoder, pipe.text_encoder_2
    params = {param.untyped_storage()._cdata for part in parts for param in part.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def save(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in params:
            kept[storage._cdata] = storage  # held, so that no other one gets its address
        return tensor

    sample = Sample(latents=torch.zeros(4, 128, 128), mask=torch.zeros(1, 128, 128), sizes=torch.zeros(6))
    pictures, _ = BatchSampler(pipe, SDXL.learning, [sample], META).draw(1, 0, learns_tokens=True)
    with FlashAttention(), torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        frozen = TextEmbeddings(empty(1, 77, 2048), empty(1, 1280))
        text = tokens.encode(pipe, ["a photo of <s0> <s1> dog"]) if learns_tokens else frozen
        predicted = predict(pipe, pictures, text)
        losses(pictures, predicted) + background_losses(pictures, predicted, torch.empty_like(predicted))
    return sum(storage.nbytes() for storage in kept.values())


def test_what_a_step_keeps_is_what_the_plan_says_and_24_gb_hold_it_without_checkpointing(
    pipe: StableDiffusionXLPipeline,
) -> None:
    state = State(pipe, SDXL.learning, {"class_word": "dog", "seed": 1})
    state.begin_lora()
    kept = kept_by_a_step(pipe, learns_tokens=False)
    assert pytest.approx(kept, rel=0.01) == KEPT
    made = plan(SDXL, REAL, memory=24 * 10**9, host=64 * 10**9)
    assert made.fits and not made.checkpointing
    assert made.peak - KEPT + kept <= USABLE * made.memory


def test_a_step_of_the_tokens_keeps_no_more_though_it_goes_through_both_encoders(
    pipe: StableDiffusionXLPipeline,
) -> None:
    state = State(pipe, SDXL.learning, {"class_word": "dog", "seed": 1})
    assert state.learns_tokens and not state.layers
    assert KEPT / 2 < kept_by_a_step(pipe, learns_tokens=True) < KEPT


def test_the_bench_at_full_size_learns_as_profile_sdxl_does_in_two_steps(tmp_path: Path) -> None:
    profile = full(tmp_path)
    assert profile.learning == replace(SDXL.learning, size_px=512, token_steps=1, lora_steps=1)
    assert profile.painting.presets[profile.painting.quality].steps == 2
