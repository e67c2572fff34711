"""A small vision transformer that starts as a convolution, and learns shapes from tens of thousands of pictures.

Knows: the weights of a Dinov2Model and how attention can find a neighbour. Does not know: what the model is to learn.
A new transformer has to find out that patches lie beside each other. So each head begins by looking at one of the eight
neighbours of a patch (structured initialisation: Zheng et al. 2024, arXiv:2401.12511, and 2025, arXiv:2505.19985). A
patch's place is written into the last features of its embedding as waves; a query is its own place moved by a step,
which for waves is a rotation, and a key is its place. All of this is a start only: everything is trained on.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers import Dinov2Model

FREQUENCIES = (0.3, 0.8, 1.6, 2.6)  # radians a patch: together they are alike nowhere else on a grid of 14
PLACE = 4 * len(FREQUENCIES)  # features that tell a place: cosine and sine of each wave, down and across
STEPS = (1, 1, 2, 3)  # patches between neighbours, layer by layer; the layers above look everywhere
SHARPNESS = 2.0  # at first a head gives nearly all of its attention to its neighbour
NEIGHBOURS = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]


@torch.no_grad()
def start_as_convolution(dino: Dinov2Model) -> None:
    """Set the weights of a new model with a head for each neighbour, of PLACE features."""
    config = dino.config
    assert (config.num_attention_heads, config.hidden_size) == (len(NEIGHBOURS), len(NEIGHBOURS) * PLACE)
    content = config.hidden_size - PLACE  # the place comes behind it
    strength = math.sqrt(SHARPNESS * math.sqrt(PLACE))  # of query and key each: attention divides by the root of PLACE
    _write_places(dino.embeddings.position_embeddings, config.image_size // config.patch_size)
    seen = dino.embeddings.patch_embeddings.projection.weight
    nn.init.xavier_uniform_(seen.view(len(seen), -1))
    seen[content:] = 0
    for number, layer in enumerate(dino.encoder.layer):
        attention, mlp = layer.attention, layer.mlp
        for linear in (mlp.fc1, mlp.fc2, attention.v_proj, attention.o_proj):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (mlp.fc2, attention.o_proj):  # nothing is written over the place
            linear.weight *= 0.7
            linear.weight[content:] = 0
        attention.v_proj.weight[:, content:] *= 0.3
        near = number < len(STEPS)
        for linear in (attention.q_proj, attention.k_proj):
            linear.weight.normal_(0, 0.01 if near else 0.05)
        if near:
            for rows, rotation in _rotations(STEPS[number]):
                attention.q_proj.weight[rows, content:] += rotation * strength
                attention.k_proj.weight[rows, content:] += torch.eye(PLACE) * strength


def _write_places(embeddings: Tensor, side: int) -> None:
    """Write each patch's place into (1, 1 + side * side, hidden), row by row after the class token's."""
    at = torch.arange(side) - side / 2
    down, across = torch.meshgrid(at, at, indexing="ij")
    embeddings.zero_()
    places = torch.cat([_waves(down.flatten()), _waves(across.flatten())], 1)
    embeddings[0, 1:, -PLACE:] = places * math.sqrt(2)  # as strong as other features


def _waves(at: Tensor) -> Tensor:
    """Coordinates (n) as cosines and sines (n, PLACE / 2)."""
    angles = at[:, None] * torch.tensor(FREQUENCIES)
    return torch.stack([angles.cos(), angles.sin()], -1).flatten(1)


def _rotations(step: int) -> Iterator[tuple[slice, Tensor]]:
    """The rows of each head, and the rotation (PLACE, PLACE) from a patch's place to the neighbour's."""
    for head, (down, across) in enumerate(NEIGHBOURS):
        angles = [wave * step * way for way in (down, across) for wave in FREQUENCIES]
        pairs = [torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]) for a in angles]
        yield slice(head * PLACE, (head + 1) * PLACE), torch.block_diag(*pairs)
