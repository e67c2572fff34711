"""How peft's LoRA layers compute while they are learnt: in the precision of what comes in, in few operations.

Knows: peft's layers around a linear layer or a convolution, with one LoRA whose alpha is its rank. Does not know: which
layers there are, or what is learnt. peft's own forward casts what comes in to 32 bits and keeps that for the backward
pass, which is 2 GB more of a full-size step, and it scales by 1 and adds in passes of their own.
"""

from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from peft.tuners.lora import Conv2d, Linear
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor


@dataclass(slots=True)
class Switch:
    """Of all layers of one LoRA. peft's own has to be set layer by layer, each with its parameters."""

    on: bool = True


def compute_by_hand(layer: BaseTunerLayer, name: str, switch: Switch) -> None:
    """Let this layer compute its LoRA of this name as below, where it is on: base(x) + B A x."""
    if isinstance(layer, Linear):
        layer.forward = partial(_linear, layer, name, switch)
    else:
        assert isinstance(layer, Conv2d)
        layer.forward = partial(_convolution, layer, name, switch)


def _linear(layer: Linear, name: str, switch: Switch, x: Tensor) -> Tensor:
    """x: [..., in] -> [..., out]."""
    base = layer.get_base_layer()
    if not switch.on:
        return base(x)
    flat = x.flatten(0, -2)  # [n, in]
    down, up = layer.lora_A[name].weight.to(x.dtype), layer.lora_B[name].weight.to(x.dtype)
    return base(flat).addmm_(F.linear(flat, down), up.t()).view(*x.shape[:-1], -1)


def _convolution(layer: Conv2d, name: str, switch: Switch, x: Tensor) -> Tensor:
    """x: [b, in, h, w] -> [b, out, h', w']."""
    base = layer.get_base_layer()
    if not switch.on:
        return base(x)
    down, up = layer.lora_A[name], layer.lora_B[name]
    return base(x) + up._conv_forward(down._conv_forward(x, down.weight.to(x.dtype), None), up.weight.to(x.dtype), None)
