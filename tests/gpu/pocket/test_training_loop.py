"""A training that is stopped and taken up again ends as one that was not; what is kept is the average."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gpu.pocket.build.training_loop import EVERY, TrainingLoop

STEPS = 2 * EVERY


def a_line() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def loss_at(line: nn.Linear, step: int) -> Tensor:
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
    return (line(x)[:, 0] - x @ torch.tensor([1.0, -2.0, 3.0])).square().mean()


def train(file: Path, upto: int = STEPS, muon: bool = False) -> nn.Linear:
    """To `upto` of STEPS steps, where it breaks off without a word."""
    line = a_line()
    lr, matrices = (0.2, [line.weight]) if muon else (0.05, [])
    loop = TrainingLoop(line, file, STEPS, lr, warmup=10, matrices=matrices)
    for step in loop:
        if step == upto:
            return line
        loop.learn(step, loss_at(line, step))
    loop.finish()
    return line


@pytest.mark.parametrize("muon", [False, True])
def test_it_learns(tmp_path: Path, muon: bool) -> None:
    line = train(tmp_path / "line", muon=muon)
    assert line.weight.detach().flatten().tolist() == pytest.approx([1, -2, 3], abs=0.05)


@pytest.mark.parametrize("muon", [False, True])
def test_taken_up_again_it_ends_the_same(tmp_path: Path, muon: bool) -> None:
    whole = train(tmp_path / "whole", muon=muon)
    train(tmp_path / "broken", upto=EVERY + 30, muon=muon)  # 30 steps are lost and done again
    again = train(tmp_path / "broken", muon=muon)
    assert torch.equal(whole.weight, again.weight)
    assert torch.equal(whole.bias, again.bias)


def test_the_average_stays_behind_the_weights(tmp_path: Path) -> None:
    line = a_line()
    loop = TrainingLoop(line, tmp_path / "line", STEPS, lr=0.05, decay=0.99, warmup=10)
    for step in loop:
        loop.learn(step, loss_at(line, step))
    last = line.weight.clone()
    loop.finish()
    assert not torch.equal(line.weight, last)
    assert torch.equal(line.weight, loop.average[0])


def test_the_curve_is_kept(tmp_path: Path) -> None:
    train(tmp_path / "line")
    [*_, last] = (tmp_path / "line.jsonl").read_text().splitlines()
    assert json.loads(last)["step"] == STEPS
    assert json.loads(last)["loss"] < 0.1
