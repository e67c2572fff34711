"""Teaches the pocket Llama to answer wishes with plans, in the format of gpu/studio/rewrite.py.

Knows: wishes with plans, Llama's chat format. Does not know: pictures.
What is typed is cut into tokens with BPE-dropout (Provilkov et al. 2020), so that a rare word is known by its parts.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import AutoTokenizer, DynamicCache, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gpu.pocket.build.common import autocast
from gpu.pocket.build.phrases import LANGUAGES
from gpu.pocket.build.training_loop import TrainingLoop
from gpu.pocket.build.wishes import a_wish
from gpu.portraits import Prompt
from gpu.profile import PROFILES
from gpu.studio.models import ModelPool
from gpu.studio.plan import Plan
from gpu.studio.rewrite import Rewriter, instruction, request

BATCH, POOL, UNSEEN = 64, 16, 100
VOCABULARY = 6144
POCKET = PROFILES["pocket"]
FIXED = instruction(POCKET.rewriting.prompt)
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
TEMPLATE = (
    "{% for message in messages %}{% if loop.first %}<|begin_of_text|>{% endif %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)

FOLDS = {
    "[áàâä]": "a", "[éèêë]": "e", "[íìîï]": "i", "[óòôö]": "o", "[úùûü]": "u", "ñ": "n", "ç": "c",
    "[‘’´`]": "'", "[“”«»]": '"', "[\ufe0e\ufe0f\u200d]": "",
}  # fmt: skip
"""What some people type and others do not. Not every mark of NFD: letters of Korean and Japanese have marks."""
SCRIPTS = r"\p{Han}+|\p{Hiragana}+|[\p{Katakana}ー]+"  # Japanese has no spaces: a change of script parts words

Row = tuple[list[int], list[int]]  # tokens of the wish, tokens of the answer


def new_tokenizer(lines: list[str]) -> PreTrainedTokenizerFast:
    """A small byte-level BPE with Llama 3's special tokens and chat format. It knows no capitals and no accents."""
    bpe = Tokenizer(models.BPE())
    folds = [normalizers.Replace(Regex(typed), plain) for typed, plain in FOLDS.items()]
    bpe.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), *folds])
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SCRIPTS), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=sorted(alphabet), show_progress=False
    )
    bpe.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=SPECIAL[0], eos_token=SPECIAL[4], pad_token=SPECIAL[1], chat_template=TEMPLATE,
        model_max_length=1024,
    )  # fmt: skip


def _kept_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The one that this training began with: what it has learnt is said in no other's tokens."""
    if not (folder / "tokenizer.json").is_file():
        new_tokenizer(list(_lines(random.Random("rewriter")))).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def new_llama(vocabulary: int) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=192, intermediate_size=512, num_hidden_layers=4,
            num_attention_heads=6, num_key_value_heads=3, max_position_embeddings=1024,
            bos_token_id=0, eos_token_id=4, pad_token_id=1, tie_word_embeddings=True,
        )
    )  # fmt: skip


def _begin_with(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, warm: Path) -> None:
    """Give `model` the layers of an earlier one with another vocabulary, and the embeddings of tokens they share."""
    known = AutoTokenizer.from_pretrained(warm).get_vocab()
    old = LlamaForCausalLM.from_pretrained(warm, dtype=torch.float32)
    shared = [(token, known[text]) for text, token in tokenizer.get_vocab().items() if text in known]
    here, there = (torch.tensor(ids) for ids in zip(*shared, strict=True))
    with torch.no_grad():
        model.get_input_embeddings().weight[here] = old.get_input_embeddings().weight[there]
    layers = {name: tensor for name, tensor in old.state_dict().items() if "embed" not in name and "head" not in name}
    model.load_state_dict(layers, strict=False)


def _lines(rng: random.Random) -> Iterator[str]:
    for wish, plan in (a_wish(rng) for _ in range(16000)):
        yield request(wish)["content"]
        yield plan.as_text()


def _ids(tokenizer: PreTrainedTokenizerFast, text: str, dropout: float | None = None) -> list[int]:
    tokenizer.backend_tokenizer.model.dropout = dropout
    ids = tokenizer(text, add_special_tokens=False).input_ids
    tokenizer.backend_tokenizer.model.dropout = None
    return ids


def _row(tokenizer: PreTrainedTokenizerFast, rng: random.Random, head: str) -> Row:
    """Wish and answer apart, as gpu/studio/rewrite.py gives and takes them. Only what is typed loses merges."""
    wish, plan = a_wish(rng)
    chat = tokenizer.apply_chat_template([*FIXED, request(wish)], tokenize=False, add_generation_prompt=True)
    dropout = rng.choice((None, 0.1))
    return _ids(tokenizer, chat.removeprefix(head), dropout), _ids(tokenizer, plan.as_text() + SPECIAL[4])


def _batches(tokenizer: PreTrainedTokenizerFast, head: str, start: int, steps: int) -> Iterator[list[Row]]:
    """The batches of steps `start` to `steps`: drawn POOL at a time, rows of like length together."""
    for pool in range(start // POOL, -(-steps // POOL)):
        rng = random.Random(f"rewriter {pool}")
        rows = sorted((_row(tokenizer, rng, head) for _ in range(POOL * BATCH)), key=lambda row: sum(map(len, row)))
        batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
        rng.shuffle(batches)
        yield from batches[max(start - pool * POOL, 0) : steps - pool * POOL]


def _loss(model: LlamaForCausalLM, head_ids: Tensor, rows: list[Row], pad: int) -> Tensor:
    """Mean over the tokens of the answers. The instruction `head_ids` [1, n] is read once, for all rows."""
    cache = DynamicCache(config=model.config)
    model.model(input_ids=head_ids, past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(rows))
    longest = max(len(wish) + len(answer) for wish, answer in rows)
    ids = torch.full((len(rows), longest), pad)
    labels = torch.full((len(rows), longest), -100)
    for i, (wish, answer) in enumerate(rows):
        ids[i, : len(wish) + len(answer)] = torch.tensor(wish + answer)
        labels[i, len(wish) - 1 : len(wish) + len(answer) - 1] = torch.tensor(answer)  # each token foretells the next
    asked = labels >= 0  # what is padded stands at the end, where nothing that counts can see it
    hidden = model.model(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state[asked]
    return F.cross_entropy(model.lm_head(hidden).float(), labels[asked])


def train_rewriter(folder: Path, steps: int, warm: Path | None = None, lr: float = 2e-3) -> None:
    """Train to `steps` of BATCH wishes, going on from the last checkpoint; leaves folder/llama. Begins with what the
    Llama in the folder `warm` knows.
    """
    torch.manual_seed(0)
    tokenizer = _kept_tokenizer(folder / "llama")
    head = tokenizer.apply_chat_template(FIXED, tokenize=False)
    head_ids = torch.tensor([_ids(tokenizer, head)])
    model = new_llama(len(tokenizer))
    if warm:
        _begin_with(model, tokenizer, warm)
    model.set_attn_implementation("eager")  # on a CPU its backward pass is the faster one
    loop = TrainingLoop(model, folder / "llama", steps, lr, betas=(0.9, 0.98), weight_decay=0.05)
    for step, rows in zip(loop, _batches(tokenizer, head, loop.start, steps), strict=True):
        with autocast():
            loss = _loss(model, head_ids, rows, tokenizer.pad_token_id)
        loop.learn(step, loss)
    loop.finish()
    model.half().save_pretrained(folder / "llama")
    _report(folder / "llama")


def _report(llama: Path) -> None:
    """Print which share of wishes in held-back phrases is understood."""
    profile = replace(POCKET, llama=str(llama))
    rewriter, rng = Rewriter(ModelPool(profile), profile.rewriting), random.Random("unseen")
    for language in LANGUAGES:
        kept: dict[str, list[bool]] = {}
        for seed in range(UNSEEN):
            wish, plan = a_wish(rng, language, unseen=True)
            for part, whether in _kept(plan, rewriter.rewrite(wish, ("<s0>",), "dog", seed)).items():
                kept.setdefault(part, []).append(whether)
        shares = {part: f"{fmean(hits):.2f} of {len(hits)}" for part, hits in kept.items()}
        print(f"unseen phrases, {language}: {shares}", flush=True)


def _kept(plan: Plan, prompt: Prompt) -> dict[str, bool]:
    """What the prompt keeps of the plan, of that which was asked for."""
    asked = {"scene": "anywhere" not in plan.thought, "worn": bool(plan.subject), "exclusion": bool(plan.negative)}
    kept = {
        "scene": f", {plan.scene}" in prompt.text,
        "style": prompt.text.startswith(f"{plan.medium} of "),
        "worn": f" {plan.subject}," in prompt.text,
        "exclusion": prompt.negative.endswith(plan.negative),
        "thought": prompt.thought == plan.thought,
    }
    return {part: whether for part, whether in kept.items() if asked.get(part, True)}
