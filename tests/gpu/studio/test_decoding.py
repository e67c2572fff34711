"""Tokens that have to come are read at once: fewer passes of the model, and not one token is another."""

import json
from collections.abc import Iterator

import llguidance.hf
import pytest
import torch
from llguidance import LLMatcher
from llguidance.hf import LLTokenizer
from torch import Tensor
from transformers import DynamicCache, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

from gpu.studio.decoding import TOP_P, Mask, decode
from gpu.studio.models import Llama, ModelPool

GRAMMAR = LLMatcher.grammar_from_json_schema(json.dumps({
    "type": "object",
    "properties": {"subject": {"type": "string", "maxLength": 6}, "box": {"enum": ["left", "right"]}},
    "required": ["subject", "box"],
    "additionalProperties": False,
    "x-guidance": {"whitespace_flexible": False},
}))  # fmt: skip
TEMPERATURE = 0.7


@pytest.fixture
def llama(pool: ModelPool) -> Iterator[Llama]:
    with pool.use("llama") as llama:
        yield llama


@pytest.fixture
def words(llama: Llama) -> LLTokenizer:
    return llguidance.hf.from_tokenizer(llama.tokenizer, n_vocab=llama.model.config.vocab_size)


@pytest.fixture
def ids(llama: Llama) -> Tensor:
    return llama.tokenizer("a dog, in a park", add_special_tokens=False, return_tensors="pt").input_ids


def decoded(llama: Llama, words: LLTokenizer, ids: Tensor, seed: int, most: int = 80) -> list[int]:
    cache = DynamicCache(config=llama.model.config)
    return decode(llama.model, ids, cache, LLMatcher(words, GRAMMAR), seed, TEMPERATURE, most)


@torch.no_grad()
def one_by_one(llama: Llama, words: LLTokenizer, ids: Tensor, seed: int) -> tuple[list[int], int]:
    """The tokens, each after a pass over all before it, without a cache; and how many of them were chosen."""
    matcher, chance, said, chosen = LLMatcher(words, GRAMMAR), torch.Generator().manual_seed(seed), list[int](), 0
    mask, warp = Mask(matcher, llama.model.config.vocab_size), LogitsProcessorList()
    warp += [TemperatureLogitsWarper(TEMPERATURE), TopPLogitsWarper(TOP_P)]
    while not matcher.is_stopped():
        scores = llama.model(input_ids=torch.cat([ids, torch.tensor([said], dtype=torch.long)], dim=1)).logits[:, -1]
        if forced := matcher.compute_ff_tokens():
            token = forced[0]
        else:
            token = int(torch.multinomial(warp(ids, mask(scores)).softmax(-1), 1, generator=chance))
            chosen += 1
        matcher.consume_token(token)
        said.append(token)
    return said, chosen


@pytest.mark.parametrize("seed", range(4))
def test_the_same_tokens_with_a_pass_for_each_choice_alone(
    llama: Llama, words: LLTokenizer, ids: Tensor, seed: int
) -> None:
    expected, chosen = one_by_one(llama, words, ids, seed)
    passes = list[int]()
    hook = llama.model.register_forward_pre_hook(
        lambda _, __, given: passes.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    assert decoded(llama, words, ids, seed) == expected
    hook.remove()
    assert len(passes) == chosen < len(expected)
    answer = json.loads(llama.tokenizer.decode(expected, skip_special_tokens=True))
    assert answer.keys() == {"subject", "box"} and answer["box"] in ("left", "right")


def test_an_answer_is_never_longer_than_it_may_be(llama: Llama, words: LLTokenizer, ids: Tensor) -> None:
    whole = decoded(llama, words, ids, 1)
    assert [decoded(llama, words, ids, 1, most) for most in range(1, 9)] == [whole[:most] for most in range(1, 9)]
