"""What the UNet's layers that look at the text look at, and how to change it.

Knows: diffusers' attention processors, where the pet's words stand in a prompt. Does not know: what is steered by it,
or when (layout.py). The batch is a guided one: its second half has the prompt.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionXLPipeline
from diffusers.models.attention_processor import Attention
from torch import Tensor

from gpu.portraits import Box, Prompt
from gpu.studio import tokens

Attend = Callable[[Attention, Tensor, Tensor], Tensor]
"""Attention layer, queries [b, pixels, width], texts [b, tokens, width] -> what is looked up [b, pixels, width]."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the dog is to stand, and how the prompt says it."""

    box: Box
    dog: list[int]  # positions of its words among the prompt's tokens
    text: tokens.TextEmbeddings
    elsewhere: Tensor  # [1, tokens, width]: the prompt without the dog
    size: tuple[int, int]  # height and width in latents

    def inside(self, pixels: int) -> Tensor:
        """For each of so many places of an attention layer, [pixels]: 1 in the box, 0 elsewhere."""
        height, width = self.grid(pixels)
        left, top, right, bottom = self.box
        y, x = (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width
        return ((y >= top) & (y < bottom))[:, None].logical_and((x >= left) & (x < right)).flatten().float()

    def grid(self, pixels: int) -> tuple[int, int]:
        """Rows and columns of a layer with so many places."""
        scale = round((self.size[0] * self.size[1] / pixels) ** 0.5)
        return -(-self.size[0] // scale), -(-self.size[1] // scale)


def target(pipe: StableDiffusionXLPipeline, prompt: Prompt, names: tuple[str, ...], size: tuple[int, int]) -> Target:
    """For a prompt with a box. `names`: the pet's tokens. `size`: width and height in pixels."""
    assert prompt.box
    number, medium = pipe.vae_scale_factor, prompt.text.partition(" of ")[0]
    parts = [part.strip() for part in prompt.text.split(",")]
    elsewhere = ", ".join([medium, *(part for part in parts if names[0] not in part)])
    with torch.no_grad():
        text, other = tokens.encode(pipe, [prompt.text]), tokens.encode(pipe, [elsewhere])
    longest = text.hidden.shape[1]
    return Target(
        box=prompt.box,
        dog=_places(pipe, prompt.text, names),
        text=text,
        elsewhere=other.hidden[:, :longest],
        size=(size[1] // number, size[0] // number),
    )


def _places(pipe: StableDiffusionXLPipeline, text: str, names: tuple[str, ...]) -> list[int]:
    """Where the pet's tokens and the class word after them stand; the text begins with a token of its own."""
    ids, known = pipe.tokenizer(text, add_special_tokens=False).input_ids, pipe.tokenizer.get_added_vocab()
    found = [at + 1 for at, one in enumerate(ids) if one in {known[name] for name in names}]
    return [*found, found[-1] + 1]


def looked_up(layer: Attention, query: Tensor, text: Tensor, bias: Tensor | None = None) -> Tensor:
    """Cross-attention as diffusers computes it. `query`: before its projection; `bias`: [b, 1, pixels, tokens]."""
    assert layer.to_v
    v = _by_head(layer, layer.to_v(text))
    return F.scaled_dot_product_attention(*_compared(layer, query, text), v, attn_mask=bias).transpose(1, 2).flatten(2)


def _compared(layer: Attention, query: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys, each [b, heads, places, width of a head]."""
    assert layer.to_k
    return _by_head(layer, layer.to_q(query)), _by_head(layer, layer.to_k(text))


def _by_head(layer: Attention, x: Tensor) -> Tensor:
    return x.unflatten(2, (layer.heads, -1)).transpose(1, 2)


class _CrossAttention:
    """A processor of diffusers for the layers that look at the text."""

    def __init__(self, attend: Attend) -> None:
        self._attend = attend

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Tensor, *_: Any, **__: Any
    ) -> Tensor:
        return attn.to_out[0](self._attend(attn, hidden_states, encoder_hidden_states))


@contextmanager
def attending(pipe: StableDiffusionXLPipeline, attend: Attend) -> Iterator[None]:
    """Inside, all layers that look at the text do it in this way."""
    before = dict(pipe.unet.attn_processors)
    ours = _CrossAttention(attend)
    pipe.unet.set_attn_processor({name: ours if "attn2" in name else one for name, one in before.items()})
    try:
        yield
    finally:
        pipe.unet.set_attn_processor(before)


@dataclass(slots=True)
class Gaze:
    """Where the dog's words are looked at, as the UNet was last called."""

    target: Target
    _maps: dict[int, Tensor] = field(default_factory=dict)  # by layer: [pictures, rows, columns]

    def attend(self, layer: Attention, query: Tensor, text: Tensor) -> Tensor:
        """As ever; only noted."""
        half, dog = len(query) // 2, self.target.dog
        q, k = _compared(layer, query, text)
        seen = (q[half:] @ k[half:].transpose(2, 3) * layer.scale).softmax(-1)[..., dog].sum(-1).mean(1)
        self._maps[id(layer)] = seen.unflatten(1, self.target.grid(query.shape[1]))
        return looked_up(layer, query, text)

    def look(self, pipe: StableDiffusionXLPipeline, latents: Tensor, number: int) -> Tensor:
        """Call the UNet at a step, with the prompt alone; the noise that it predicts."""
        t, text, many = pipe.scheduler.timesteps[number], self.target.text, 2 * len(latents)
        (rows, columns), scale = self.target.size, pipe.vae_scale_factor
        sizes = torch.tensor([rows, columns, 0, 0, rows, columns]).to(latents) * scale
        added = {"text_embeds": text.pooled.expand(many, -1), "time_ids": sizes.expand(many, -1)}
        x = pipe.scheduler.scale_model_input(torch.cat([latents, latents]), t)
        hidden = text.hidden.expand(many, -1, -1)
        return pipe.unet(x, t, encoder_hidden_states=hidden, added_cond_kwargs=added).sample[len(latents) :]

    def heat(self) -> Tensor:
        """[pictures, height, width] in latents, the mean over the layers."""
        maps = [
            F.interpolate(one[:, None].float(), self.target.size, mode="bilinear")[:, 0] for one in self._maps.values()
        ]
        return torch.stack(maps).mean(0)

    def inside(self) -> Tensor:
        """For each picture the share in the box, [pictures]."""
        heat = self.heat()
        box = self.target.inside(heat[0].numel()).view(self.target.size).to(heat)
        return (heat * box).sum((1, 2)) / heat.sum((1, 2))

    def ways(self) -> list[tuple[int, int]]:
        """For each picture how far down and right it is from where the dog is to the middle of the box, in latents."""
        heat, (left, top, right, bottom) = self.heat(), self.target.box
        seen = (heat - heat.mean((1, 2), keepdim=True)).clamp(min=0)
        seen = seen / seen.sum((1, 2), keepdim=True)
        height, width = self.target.size
        y = (seen.sum(2) * (torch.arange(height).to(seen) + 0.5)).sum(1)
        x = (seen.sum(1) * (torch.arange(width).to(seen) + 0.5)).sum(1)
        down, across = (top + bottom) / 2 * height - y, (left + right) / 2 * width - x
        return [(round(float(one)), round(float(other))) for one, other in zip(down, across, strict=True)]
