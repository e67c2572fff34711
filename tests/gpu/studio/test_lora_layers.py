"""LoRA layers that compute by hand say what peft's own forward says, and learn what it learns."""

from collections.abc import Iterator

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from gpu.studio.lora_layers import Switch, compute_by_hand

NAME = "learning"


class Both(nn.Module):
    """A convolution, and a linear layer on its pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.linear = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.conv(x).permute(0, 2, 3, 1))


def with_lora(by_hand: bool, switch: Switch | None = None) -> Both:
    torch.manual_seed(3)
    model = Both().requires_grad_(False)
    inject_adapter_in_model(LoraConfig(r=4, lora_alpha=4, target_modules=["conv", "linear"]), model, NAME)
    for layer in layers(model):
        nn.init.normal_(layer.lora_B[NAME].weight)
        if by_hand:
            compute_by_hand(layer, NAME, switch or Switch())
    return model


def layers(model: Both) -> tuple[nn.Module, nn.Module]:
    return model.conv, model.linear


@pytest.fixture
def pair() -> Iterator[tuple[Both, Both]]:
    yield with_lora(by_hand=True), with_lora(by_hand=False)


def test_it_says_and_learns_what_pefts_layers_do(pair: tuple[Both, Both]) -> None:
    said, inputs = list[Tensor](), list[Tensor | None]()
    for model in pair:
        x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
        said.append(model(x))
        (said[-1] ** 2).sum().backward()
        inputs.append(x.grad)
    torch.testing.assert_close(*said)
    torch.testing.assert_close(*inputs)
    mine, theirs = ({name: p.grad for name, p in model.named_parameters() if p.requires_grad} for model in pair)
    assert len(mine) == 4
    torch.testing.assert_close(mine, theirs)


def test_one_switch_turns_all_layers_into_the_base_models_and_back() -> None:
    switch, x = Switch(), torch.ones(1, 3, 8, 8)
    model = with_lora(True, switch)
    torch.manual_seed(3)
    base, before = Both(), model(x)
    switch.on = False
    assert model(x).equal(base(x))
    switch.on = True
    assert model(x).equal(before) and not before.equal(base(x))


def test_in_16_bits_it_keeps_weights_in_32(pair: tuple[Both, Both]) -> None:
    model = pair[0]
    for layer in layers(model):
        layer.get_base_layer().to(torch.bfloat16)
    out = model(torch.ones(1, 3, 8, 8, dtype=torch.bfloat16))
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert {p.grad.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
