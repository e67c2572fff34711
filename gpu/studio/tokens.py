"""New tokens in both text encoders of SDXL, and prompts of any length to embeddings.

Knows: the rows of the new tokens (start, norm, files) and where the pooled embedding is taken.
Does not know: which pet the rows belong to, or how they are trained.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from gpu.studio import tensor_files

Rows = dict[str, Tensor]
"""Encoder's name in files ("clip_l", "clip_g") -> one row per new token, fp32. Both UIs read these names."""


class TextEmbeddings(NamedTuple):
    """Prompts as both text encoders embed them, and the UNet is conditioned on them."""

    hidden: Tensor  # [prompts, tokens, width of the encoders together]
    pooled: Tensor  # [prompts, width of the second encoder's projection]


def names(count: int) -> tuple[str, ...]:
    """The new tokens as they stand in a prompt."""
    return tuple(f"<s{number}>" for number in range(count))


class TokenRows(nn.Module):
    """A frozen embedding table and trainable fp32 rows for the ids after it.

    The table is not copied, so its rows stay exact. It comes first: a module's dtype is its first parameter's, and the
    pipeline casts prompt embeddings to that.
    """

    def __init__(self, table: nn.Embedding, count: int) -> None:
        super().__init__()
        self.table = table
        self.new = nn.Embedding(count, table.embedding_dim, dtype=torch.float32, device=table.weight.device)

    @property
    def weight(self) -> Tensor:
        return self.table.weight

    def forward(self, ids: Tensor) -> Tensor:
        first = self.table.num_embeddings
        is_new = ids >= first
        old = self.table(ids.masked_fill(is_new, 0))
        new = self.new((ids - first).clamp(min=0)).to(old.dtype)
        return torch.where(is_new[..., None], new, old)


def install(pipe: StableDiffusionXLPipeline, count: int) -> None:
    """Teach both tokenizers the names and give both encoders rows for them. Done once, when the pipeline is loaded."""
    for tokenizer, encoder in _encoders(pipe).values():
        table = encoder.get_input_embeddings()
        assert len(tokenizer) == table.num_embeddings, "new ids must follow the table's"
        tokenizer.add_tokens(list(names(count)))
        encoder.set_input_embeddings(TokenRows(table, count))
        fix_eos(encoder, tokenizer)
    put_rows(pipe, word_rows(pipe, "dog"))


def fix_eos(encoder: CLIPTextModel | CLIPTextModelWithProjection, tokenizer: CLIPTokenizer) -> None:
    """Pool at the real end-of-text token.

    SDXL's configs say `eos_token_id: 2`, which makes transformers pool at the largest id. That is a new token, and as
    CLIP is causal no word after it would reach the pooled embedding. Changes nothing for prompts without new tokens.
    """
    encoder.config.eos_token_id = tokenizer.eos_token_id
    inner = encoder.text_model if isinstance(encoder, CLIPTextModelWithProjection) else encoder
    inner.eos_token_id = tokenizer.eos_token_id


def rows_of(pipe: StableDiffusionXLPipeline) -> dict[str, nn.Parameter]:
    """The live rows: parameters that can be trained."""
    return {key: encoder.get_input_embeddings().new.weight for key, (_, encoder) in _encoders(pipe).items()}


@torch.no_grad()
def put_rows(pipe: StableDiffusionXLPipeline, rows: Rows) -> None:
    """Copy rows into the live ones, which stay the same parameters."""
    for key, live in rows_of(pipe).items():
        live.copy_(rows[key])


@torch.no_grad()
def word_rows(pipe: StableDiffusionXLPipeline, word: str) -> Rows:
    """Rows for all new tokens that mean the word; one of several tokens gives the mean of its rows, as long as they."""
    found: Rows = {}
    for key, (tokenizer, encoder) in _encoders(pipe).items():
        rows = encoder.get_input_embeddings()
        ids = torch.tensor(tokenizer(word, add_special_tokens=False).input_ids, device=rows.weight.device)
        each = rows.table(ids).float()  # [tokens of the word, width]
        mean = each.mean(0)
        mean = mean if len(ids) == 1 else mean * (each.norm(dim=1).mean() / mean.norm())
        found[key] = mean.expand(rows.new.num_embeddings, -1).clone()
    return found


@torch.no_grad()
def pin_norm(rows: dict[str, nn.Parameter], norms: dict[str, Tensor]) -> None:
    """Bring every row back to its encoder's norm: only its direction is learnt (DCO does the same)."""
    for key, live in rows.items():
        live.mul_(norms[key] / live.norm(dim=-1, keepdim=True))


def save(rows: Rows, path: Path) -> None:
    tensor_files.save({key: row.float() for key, row in rows.items()}, path)


def load(path: Path) -> Rows:
    return load_file(path)


def encode(pipe: StableDiffusionXLPipeline | StableDiffusionXLImg2ImgPipeline, prompts: list[str]) -> TextEmbeddings:
    """Prompts of any length, cut into windows of the encoders' length; all padded to the longest.

    Prompts of one window give exactly the pipeline's own embeddings. Pooled is the first window's. With gradients.
    """
    encoders = _encoders(pipe)
    rows = {key: [_ids(tokenizer, prompt) for prompt in prompts] for key, (tokenizer, _) in encoders.items()}
    room = {key: tokenizer.model_max_length - 2 for key, (tokenizer, _) in encoders.items()}  # without begin and end
    windows = max(1, *(-(-len(ids) // room[key]) for key, batch in rows.items() for ids in batch))
    hidden, pooled = [], []
    for key, (tokenizer, encoder) in encoders.items():
        # One prompt at a time: what stands beside it must not change its bits.
        each = [_windows(tokenizer, ids, windows, room[key]).to(encoder.device) for ids in rows[key]]
        outs = [encoder(ids, output_hidden_states=True) for ids in each]
        hidden.append(torch.stack([out.hidden_states[-2].flatten(0, 1) for out in outs]))
        if key == "clip_g":
            pooled = [out.text_embeds[0] for out in outs]
    return TextEmbeddings(torch.cat(hidden, dim=-1), torch.stack(pooled))


def prompt_length(folder: Path, count: int) -> Callable[[str], int]:
    """How many tokens a prompt has, by the tokenizer in this folder and `count` new tokens; no model is loaded."""
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(list(names(count)))
    return lambda prompt: len(_ids(tokenizer, prompt))


def _ids(tokenizer: CLIPTokenizer, prompt: str) -> list[int]:
    return tokenizer(prompt, add_special_tokens=False, truncation=False, verbose=False).input_ids


def _windows(tokenizer: CLIPTokenizer, ids: list[int], windows: int, room: int) -> Tensor:
    """The ids as a table [windows, room + 2]: each window with its own begin and end token, padded."""
    table = torch.full((windows, room + 2), int(tokenizer.pad_token_id))
    for number in range(windows):
        window = [tokenizer.bos_token_id, *ids[number * room : (number + 1) * room], tokenizer.eos_token_id]
        table[number, : len(window)] = torch.tensor(window)
    return table


def _encoders(pipe: StableDiffusionXLPipeline | StableDiffusionXLImg2ImgPipeline) -> dict:
    """The encoders that the pipeline has."""
    both = {"clip_l": (pipe.tokenizer, pipe.text_encoder), "clip_g": (pipe.tokenizer_2, pipe.text_encoder_2)}
    return {key: pair for key, pair in both.items() if pair[1] is not None}
