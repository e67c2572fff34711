"""An answer inside a grammar, token by token; where the grammar leaves no choice, a token costs no pass of the model.

Knows: sampling, llguidance's matcher, the cache of keys and values. Does not know: chats, what the grammar says.
transformers' generate() appends one token at a time; here the model reads those that had to come together with the one
before them: of a plan 24 % in Llama 3's tokens, and 32 % in the pocket Llama's, which answers in 0.6 of the time so.
"""

import math
from typing import Any

import llguidance.numpy as masks
import torch
from llguidance import LLMatcher
from torch import Tensor
from transformers import DynamicCache, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

TOP_P = 0.9  # of the probability, the likeliest tokens (nucleus sampling, Holtzman et al. 2019)


class Mask:
    """Which tokens may come next. Made anew for every answer."""

    def __init__(self, matcher: LLMatcher, vocabulary: int) -> None:
        self._matcher = matcher
        self._mask = masks.allocate_token_bitmask(1, vocabulary)  # [1, vocabulary / 32] of int32
        self._words = torch.from_numpy(self._mask)  # the same memory
        self._bits = torch.arange(32, dtype=torch.int32)

    def __call__(self, scores: Tensor) -> Tensor:
        """The scores, [1, vocabulary], with minus infinity for every other token."""
        masks.fill_next_token_bitmask(self._matcher, self._mask)
        # By hand: llguidance.torch compiles this, which needs a C++ compiler, and takes seconds to import.
        allowed = (self._words[..., None] >> self._bits & 1).flatten(1)[:, : scores.shape[1]]
        return scores.masked_fill(allowed.to(scores.device) == 0, -math.inf)


@torch.no_grad()
def decode(
    model: Any, ids: Tensor, cache: DynamicCache, matcher: LLMatcher, seed: int, temperature: float, most: int
) -> list[int]:
    """The tokens of an answer to `ids`, [1, tokens], at most `most`; the same seed gives the same ones.

    `cache` has the keys and values of the first of them, and is written into; `matcher` is where the grammar begins.
    """
    mask, chance = Mask(matcher, model.config.vocab_size), torch.Generator(ids.device).manual_seed(seed)
    warp = LogitsProcessorList([TemperatureLogitsWarper(temperature), TopPLogitsWarper(TOP_P)])
    said = _forced(matcher)
    unread = [*ids[0, cache.get_seq_length() :].tolist(), *said]
    while len(said) < most and not matcher.is_stopped():
        fed = torch.tensor([unread], device=ids.device)
        scores = model(input_ids=fed, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].float()
        token = int(torch.multinomial(warp(fed, mask(scores)).softmax(-1), 1, generator=chance))
        matcher.consume_token(token)
        unread = [token, *_forced(matcher)]
        said += unread
    return said[:most]


def _forced(matcher: LLMatcher) -> list[int]:
    """The tokens that have to come now, consumed."""
    tokens = matcher.compute_ff_tokens()
    matcher.consume_tokens(tokens)
    return tokens
