"""The table's sums by hand; figures of another reader, trainer or method are not taken for today's."""

from typing import Any

import pytest

from tests.bench import results
from tests.bench.ablation import __main__ as ablation
from tests.bench.ablation import table


def figures(marks: float, words: float) -> table.Figures:
    return {"marks": marks, "words": words, "both": marks * words}


def test_a_row_has_means_and_their_standard_errors() -> None:
    row = table.row([{"marks": 0.5, "leak": 0.1}, {"marks": 0.7}, {"marks": 0.9}])
    assert row == {"dogs": 3, "marks": [0.7, 0.115], "leak": [0.1, 0.0]}


def test_methods_are_compared_dog_by_dog() -> None:
    mine, theirs = [figures(0.9, 1.0), figures(0.5, 1.0)], [figures(0.8, 1.0), figures(0.4, 1.0)]
    assert table.better(mine, theirs) == [0.1, 0.0], "each dog 0.1 more, however different the dogs are"


def test_what_was_read_by_another_reader_or_learnt_by_another_trainer_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = {name: {"0": figures(0.5, 1.0)} for name in ("default", "lora", "practised")}
    kept: dict[str, Any] = {"of": {name: ablation._version(name) for name in ("default", "lora")}, "read": read}
    kept["of"]["practised"] = kept["of"]["lora"]
    monkeypatch.setattr(results, "kept", lambda _: kept)
    assert set(ablation.known()) == {"default", "lora"}, "a method that is gone is not known"
    with monkeypatch.context() as patch:
        patch.setattr(ablation, "version", lambda: "another reader")
        assert not ablation.known()
    with monkeypatch.context() as patch:
        patch.setattr(ablation, "TRAINER", ablation.TRAINER + 1)
        assert not ablation.known()
    kept["of"]["lora"] = ablation._version("default")
    assert set(ablation.known()) == {"default"}
