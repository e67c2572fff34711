"""New tokens: nothing old moves, and words after a new token still count."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from gpu.studio import tokens
from tests.helpers import tiny_models as tiny_models

PET = "a photo of <s0> <s1> dog"


@pytest.fixture
def pipe() -> Iterator[StableDiffusionXLPipeline]:
    with tiny_models.pool().use("sdxl") as pipe:
        yield pipe
        tokens.put_rows(pipe, tokens.word_rows(pipe, "dog"))


@pytest.fixture(scope="module")
def plain() -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_pretrained(
        tiny_models.pool().profile.sdxl, dtype=torch.float32, add_watermarker=False
    )


@torch.no_grad()
@pytest.mark.parametrize("prompt", ["", "a photo of a dog, in a park", "a dog! on a beach"])
def test_prompts_without_new_tokens_are_exactly_the_plain_pipelines(
    pipe: StableDiffusionXLPipeline, plain: StableDiffusionXLPipeline, prompt: str
) -> None:
    hidden, _, pooled, _ = plain.encode_prompt(prompt, do_classifier_free_guidance=False)
    ours = tokens.encode(pipe, [prompt])
    assert torch.equal(ours.hidden, hidden)
    assert torch.equal(ours.pooled, pooled)


@torch.no_grad()
def test_new_tokens_go_through_the_pipelines_own_encoding_too(pipe: StableDiffusionXLPipeline) -> None:
    hidden, _, pooled, _ = pipe.encode_prompt(PET, do_classifier_free_guidance=False)
    ours = tokens.encode(pipe, [PET])
    assert torch.equal(ours.hidden, hidden)
    assert torch.equal(ours.pooled, pooled)


@torch.no_grad()
def test_words_after_the_new_tokens_reach_the_pooled_embedding(pipe: StableDiffusionXLPipeline) -> None:
    park, beach = tokens.encode(pipe, [f"{PET}, in a park", f"{PET}, on a beach"]).pooled
    assert not torch.equal(park, beach)
    pipe.text_encoder_2.text_model.eos_token_id = 2  # as SDXL's config has it: the trap is real
    park, beach = tokens.encode(pipe, [f"{PET}, in a park", f"{PET}, on a beach"]).pooled
    tokens.fix_eos(pipe.text_encoder_2, pipe.tokenizer_2)
    assert torch.equal(park, beach)


@torch.no_grad()
def test_rows_begin_as_the_class_word(pipe: StableDiffusionXLPipeline) -> None:
    tokens.put_rows(pipe, tokens.word_rows(pipe, "dog"))
    table = pipe.text_encoder.get_input_embeddings()
    new, old = (pipe.tokenizer(word, add_special_tokens=False).input_ids for word in ("<s0>", "dog"))
    assert torch.equal(table(torch.tensor(new)), table(torch.tensor(old)).mean(0, keepdim=True))


def test_only_new_rows_get_gradients_and_the_table_stays_exact(pipe: StableDiffusionXLPipeline) -> None:
    rows = tokens.rows_of(pipe)
    before = {key: p.detach().clone() for key, p in pipe.text_encoder_2.state_dict().items() if ".new." not in key}
    for live in rows.values():
        live.requires_grad_(True)
    optimiser = torch.optim.AdamW(rows.values(), lr=0.1, weight_decay=0.1)
    tokens.encode(pipe, [PET]).hidden.square().sum().backward()
    assert all(p.grad is None for p in pipe.text_encoder_2.parameters() if p is not rows["clip_g"])
    optimiser.step()
    for live in rows.values():
        live.requires_grad_(False)
        live.grad = None
    after = pipe.text_encoder_2.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_the_norm_pin_keeps_the_direction(pipe: StableDiffusionXLPipeline) -> None:
    rows = tokens.rows_of(pipe)
    norms = {key: live.detach().norm(dim=-1, keepdim=True) for key, live in rows.items()}
    tokens.put_rows(pipe, {key: live.detach() * 3 for key, live in rows.items()})
    tokens.pin_norm(rows, norms)
    for key, live in rows.items():
        torch.testing.assert_close(live.detach().norm(dim=-1, keepdim=True), norms[key])


@torch.no_grad()
def test_a_long_prompt_counts_to_its_last_word(pipe: StableDiffusionXLPipeline) -> None:
    long = PET + ", on a beach" * 40
    a, b = tokens.encode(pipe, [f"{long} park", f"{long} dog"]).hidden
    assert a.shape[0] > 77
    assert not torch.equal(a, b)


def test_rows_survive_their_file(pipe: StableDiffusionXLPipeline, tmp_path: Path) -> None:
    rows = {key: torch.randn_like(live) for key, live in tokens.rows_of(pipe).items()}
    tokens.save(rows, tmp_path / "rows.safetensors")
    loaded = tokens.load(tmp_path / "rows.safetensors")
    assert loaded.keys() == {"clip_l", "clip_g"}
    assert all(torch.equal(loaded[key], rows[key]) for key in rows)
