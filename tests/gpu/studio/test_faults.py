"""Wherever an enrolment fails, nothing of it stays in the models."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from tests.contracts.studio import Listener
from tests.gpu.studio.test_studio import build, enrolment_in, results
from tests.helpers import tiny_models as tiny_models
from tests.helpers.tiny_models import digest

pytestmark = tiny_models.QUIET
FAULTS = 10  # of some ten thousand calls


class FailsAt(TorchFunctionMode):
    """Counts the calls that compute, and fails at one of them."""

    def __init__(self, at: int = -1) -> None:
        super().__init__()
        self.calls, self._at = 0, at

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch._C._set_grad_enabled:  # else no `with torch.no_grad()` ended well
            self.calls += 1
            if self.calls == self._at:
                raise RuntimeError("a fault on purpose")
        return func(*args, **(kwargs or {}))


def test_a_fault_anywhere_in_an_enrolment_leaves_the_base_as_it_was(
    tmp_path: Path,
) -> None:
    """The base's weights are the same bits, and the next enrolment ends in the same files."""
    one = build()
    one.enroll(enrolment_in(tmp_path / "first"), Listener())  # from now on all models are there
    with FailsAt() as counting:
        one.enroll(enrolment_in(tmp_path / "counted"), Listener())
    with one.pool.use("sdxl") as pipe:
        before = digest(pipe)
        for at in random.Random(22).sample(range(counting.calls), FAULTS):
            with FailsAt(at + 1), pytest.raises(RuntimeError, match="on purpose"):
                one.enroll(enrolment_in(tmp_path / f"fault {at}", str(at)), Listener())
            assert digest(pipe) == before, f"call {at} of {counting.calls}"
            assert one.warm is None
    one.enroll(enrolment_in(tmp_path / "after"), Listener())
    assert results(tmp_path / "after") == results(tmp_path / "first")
