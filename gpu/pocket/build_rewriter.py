# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportCallIssue=false, reportOptionalMemberAccess=false, reportGeneralTypeIssues=false, reportOperatorIssue=false
"""Teaches the pocket Llama to answer wishes with plans, in the format of gpu/rewrite.py.

Knows: wishes with plans, Llama's chat format. Does not know: pictures.
"""

import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gpu.pocket.build_common import Log, cosine
from gpu.pocket.wishes import a_wish
from gpu.profile import PROFILES
from gpu.rewrite import instruction, request

BATCH, LONGEST = 24, 320
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
TEMPLATE = (
    "{% for message in messages %}{% if loop.first %}<|begin_of_text|>{% endif %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def new_tokenizer(lines: list[str]) -> PreTrainedTokenizerFast:
    """A small byte-level BPE with Llama 3's special tokens and chat format."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1536, special_tokens=SPECIAL, initial_alphabet=sorted(alphabet), show_progress=False
    )
    bpe.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=SPECIAL[0], eos_token=SPECIAL[4], pad_token=SPECIAL[1], chat_template=TEMPLATE,
        model_max_length=1024,
    )  # fmt: skip


def _chat(rng: random.Random) -> list[dict[str, str]]:
    wish, plan = a_wish(rng)
    fixed = instruction(PROFILES["pocket"].rewrite_prompt)
    return [*fixed, request(wish), {"role": "assistant", "content": plan.as_text()}]


def _batch(tokenizer: PreTrainedTokenizerFast, rng: random.Random) -> tuple[Tensor, Tensor]:
    """ids (b, n) and labels (b, n): only the answer is learnt."""
    rows: list[list[int]] = []
    labels: list[list[int]] = []
    for _ in range(BATCH):
        chat = _chat(rng)
        head = tokenizer.apply_chat_template(chat[:-1], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(chat, tokenize=False)
        ids = tokenizer(whole, add_special_tokens=False).input_ids[:LONGEST]
        start = len(tokenizer(head, add_special_tokens=False).input_ids)
        rows.append(ids)
        labels.append([-100] * start + ids[start:])
    longest = max(map(len, rows))
    pad = tokenizer.pad_token_id
    ids = torch.tensor([r + [pad] * (longest - len(r)) for r in rows])
    return ids, torch.tensor([r + [-100] * (longest - len(r)) for r in labels])


def train_rewriter(folder: Path, steps: int, lr: float = 2e-3) -> None:
    """Train for `steps`; leaves folder/llama."""
    torch.manual_seed(0)
    rng = random.Random("rewriter")
    chats = [_chat(rng) for _ in range(4000)]
    tokenizer = new_tokenizer([m["content"] for chat in chats for m in chat])
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=128, intermediate_size=384, num_hidden_layers=4,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024,
            bos_token_id=0, eos_token_id=4, pad_token_id=1, tie_word_embeddings=False,
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    log = Log(folder / "llama.jsonl", steps)
    for step in range(steps):
        ids, labels = _batch(tokenizer, rng)
        for group in optimizer.param_groups:
            group["lr"] = lr * cosine(step, steps)
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        log(step + 1, loss=loss.item())
    model.half().save_pretrained(folder / "llama")
    tokenizer.save_pretrained(folder / "llama")
