"""Wish -> Prompt: asks Llama for a plan of the picture, in JSON that cannot leave the schema while it is decoded.

A plan that cannot be painted is asked for once more, with the reason. Without a usable one, or without Llama, the
template speaks: a prompt is never worth a job. Knows: the chat, and when there is no Llama to ask. Does not know: how
an answer is decoded (decoding.py), what a plan holds and how it becomes a prompt (plan.py), what is wrong with one
(gate.py), where models lie. The instructions are data: prompts/*.md; examples come from a library (examples.py).
"""

import copy
import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import llguidance.hf
import torch
from llguidance import LLMatcher
from pydantic import ValidationError
from torch import Tensor
from transformers import DynamicCache

from gpu import styles
from gpu.errors import ModelsMissing, OutOfMemory
from gpu.portraits import Prompt, Wish
from gpu.profile import Rewriting
from gpu.studio import gate
from gpu.studio.decoding import decode
from gpu.studio.examples import Examples, curated
from gpu.studio.models import Llama, ModelPool
from gpu.studio.plan import SCHEMA, Plan, join, template
from gpu.words import harmless

log = logging.getLogger(__name__)

Message = dict[str, str]

ASKED: tuple[Literal["llm", "llm-retried"], ...] = ("llm", "llm-retried")
"""Whose the prompt is after the first answer, and after the second."""
AGAIN = 0x9E3779B9  # to the second seed: far from those that other wishes and portraits have
UNLIKE = (
    "llama: its chat template does not fit: {}. Use an Instruct model whose template is like that of "
    "meta-llama/Meta-Llama-3-8B-Instruct"
)


def instruction(name: str) -> list[Message]:
    """The fixed messages of prompts/<name>: `## role` lines, each followed by what that role says."""
    text = (Path(__file__).parent / "prompts" / name).read_text("utf-8")
    _, *parts = re.split(r"^## (system|user|assistant)\n", text, flags=re.MULTILINE)
    return [{"role": role, "content": said.strip()} for role, said in zip(parts[::2], parts[1::2], strict=True)]


def request(wish: Wish, why: str = "") -> Message:
    """The last message: the style in the catalogue's words, the wish as typed, harmless, and why it is asked again."""
    said = [f"style: {harmless(styles.medium(wish.style))}", f"wish: {harmless(wish.text)}".rstrip()]
    return {"role": "user", "content": "\n".join([*said, f"note: {why}"] if why else said)}


class PromptWriter:
    """Llama, if it is there and the memory plan has room for it, else the template; the operator is told so once."""

    def __init__(self, pool: ModelPool) -> None:
        self._pool = pool
        self._rewriter: Rewriter | None = None
        self._told = pool.profile.rewrite == "template"  # as the operator chose

    def rewrite(self, wish: Wish, tokens: tuple[str, ...], class_word: str, seed: int) -> Prompt:
        """A prompt in any case; its source says whose it is. Each wish asks Llama anew: it may be there by now."""
        return _fitting(self._written(wish, tokens, class_word, seed), self._pool.prompt_length)

    def _written(self, wish: Wish, tokens: tuple[str, ...], class_word: str, seed: int) -> Prompt:
        try:
            return self._llama().rewrite(wish, tokens, class_word, seed)
        except ModelsMissing as error:
            self._tell(f"{error} (or REWRITE=template, to leave it at that)")
        except OutOfMemory as error:
            self._rewriter = None
            self._pool.evict("llama")
            self._tell(f"Llama does not fit into the card's memory ({error}): free some, or set REWRITE=template")
        return template(wish, tokens, class_word)

    def _llama(self) -> "Rewriter":
        """Raises ModelsMissing and OutOfMemory."""
        if not self._pool.plan.llama:
            raise OutOfMemory("by the memory plan")
        if not self._rewriter:
            self._rewriter = Rewriter(self._pool, self._pool.profile.rewriting)
        return self._rewriter

    def _tell(self, why: str) -> None:
        if not self._told:
            self._told = True
            log.warning("Wishes become prompts by the template, not by Llama: %s", why)


class Rewriter:
    """Asks Llama. The fixed instruction is read once: its keys and values are copied for every wish."""

    def __init__(self, pool: ModelPool, rewriting: Rewriting, examples: Examples | None = None) -> None:
        """With other examples than the curated ones, if they are given. Raises ModelsMissing for a chat unlike ours."""
        self.pool, self.rewriting = pool, rewriting
        self.examples = examples or curated()
        self.fixed = instruction(rewriting.prompt)
        with pool.use("llama") as llama, torch.no_grad(), _threads(rewriting.threads):
            self.head = _head(llama, self.fixed)
            self.head_ids = _ids(llama, self.head)
            self.cache = DynamicCache(config=llama.model.config)
            llama.model(input_ids=self.head_ids, past_key_values=self.cache, use_cache=True)
            self.words = llguidance.hf.from_tokenizer(llama.tokenizer, n_vocab=llama.model.config.vocab_size)
        compact = json.dumps({**SCHEMA, "x-guidance": {"whitespace_flexible": False}})
        self.grammar = LLMatcher.grammar_from_json_schema(compact)

    def rewrite(self, wish: Wish, tokens: tuple[str, ...], class_word: str, seed: int) -> Prompt:
        """The same wish and seed give the same prompt. Without a usable answer the template speaks."""
        why = ""
        for again, source in enumerate(ASKED):
            answer = self.ask(request(wish, why), (seed + again * AGAIN) % 2**64, self.shown(wish))
            try:
                plan = Plan.model_validate_json(answer)
            except ValidationError:
                why = "the answer was not finished: use fewer words"
            else:
                why = plan.fault()
                if not why:
                    return replace(join(plan, wish, tokens, class_word), source=source)
            log.warning("unusable answer of %d characters: %s", len(answer), why)  # it may hold what somebody wrote
        return template(wish, tokens, class_word)

    def shown(self, wish: Wish) -> list[Message]:
        """The examples most like the wish, as the chat has them."""
        return [
            message
            for example in self.examples.nearest(wish, self.rewriting.examples)
            for message in (request(example.wish), {"role": "assistant", "content": example.plan.as_text()})
        ]

    def ask(self, message: Message, seed: int, shown: Sequence[Message] = ()) -> str:
        """The raw answer: JSON inside SCHEMA, unless rewriting.tokens cut it off."""
        how = self.rewriting
        with self.pool.use("llama") as llama, _threads(how.threads):
            text = _chat(llama, [*self.fixed, *shown, message], ask=True)
            ids = torch.cat([self.head_ids, _ids(llama, text.removeprefix(self.head))], dim=1)
            cache, matcher = copy.deepcopy(self.cache), LLMatcher(self.words, self.grammar)
            said = decode(llama.model, ids, cache, matcher, seed, how.temperature, how.tokens)
            return str(llama.tokenizer.decode(said, skip_special_tokens=True))


def _head(llama: Llama, fixed: list[Message]) -> str:
    """The fixed messages as one text, with which every chat begins. Raises ModelsMissing for a Llama that has no chat
    template, or one whose texts cannot be put together: the chat would be fed twice, or without its begin-of-text.
    """
    head, chat = _chat(llama, fixed), [*fixed, request(Wish(style="photo"))]
    whole, begin = _chat(llama, chat, ask=True), str(llama.tokenizer.bos_token)
    if "strftime_now" in str(llama.tokenizer.chat_template):
        raise ModelsMissing(UNLIKE.format("it asks for the date, so what was read of it once is wrong the next day"))
    if not whole.startswith(head) or whole == _chat(llama, chat):
        raise ModelsMissing(UNLIKE.format("it lets the assistant begin without being asked, or changes what was said"))
    if not head.startswith(begin) or head.startswith(begin * 2):
        raise ModelsMissing(UNLIKE.format(f"its texts do not begin with exactly one {begin}"))
    return head


def _chat(llama: Llama, messages: list[Message], *, ask: bool = False) -> str:
    """The messages as one text; `ask`: and the assistant's turn. Raises ModelsMissing without a chat template."""
    try:
        return llama.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask)
    except ValueError as error:
        raise ModelsMissing(f"llama: it has no chat template, so it is not an Instruct model: {error}") from error


def _ids(llama: Llama, text: str) -> Tensor:
    """The text as token ids, [1, tokens]. The chat template has written begin-of-text already."""
    return llama.tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids.to(llama.device)


def _fitting(prompt: Prompt, length: gate.Length) -> Prompt:
    """The prompt within one window of the painter's encoders."""
    return replace(prompt, text=gate.fit(prompt.text, length), negative=gate.fit(prompt.negative, length))


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads of the CPU inside; afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
