"""`make card` on a CPU with tiny models: every measurement gives its figures, and one that fails is alone in it."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gpu.memory import REAL
from tests.bench import results
from tests.bench.card.__main__ import PARTS, about, run
from tests.bench.card.bench import Bench, Figures
from tests.bench.card.limits import judged, limits, line
from tests.bench.card.measuring import Measurements, Part, TooLong, slug, within
from tests.bench.card.models import FULL, SMALL, Scale, make_llama, make_sdxl
from tests.helpers import tiny_models

pytestmark = tiny_models.QUIET


@pytest.fixture(scope="module")
def scale() -> Scale:
    tiny = tiny_models.pool().profile
    painting = replace(tiny.painting, guide_to_pet=False)
    return replace(
        SMALL, profile=replace(tiny, name="card", painting=painting), sdxl=Path(tiny.sdxl), llama=Path(tiny.llama),
        words=Path(tiny.sdxl), rounds=1, block=1, pauses=1, switches=2, tokens=5,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    """Models this small only wait for a second thread, and every pool takes one for each core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the figures go."""
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    return tmp_path / "results" / "card-cpu.json"


def test_every_measurement_gives_its_figures(scale: Scale, written: Path) -> None:
    run(scale, time.monotonic() + 100)
    found = json.loads(written.read_text())
    assert found["card"]["name"] == "CPU" and found["size"] == "pocket" and found["limits"] == []
    for part in PARTS:
        assert not {"error", "left_out"} & found[part.name].keys(), found[part.name]
    assert found["training"]["token"]["ms"] > 0 and found["training"]["lora"]["first_ms"] > 0
    assert found["against_plain"]["lora"]["plain_times"] > 0
    assert found["resume"]["same_bytes"] and found["resume"]["same_bytes_without_a_stop"]
    assert found["few_step"]["four"]["painting"]["s"] > 0
    assert found["sdxl_from_disk"]["hash_s"] > 0
    for limit in limits():  # without a card there is no memory of one
        assert limit.figure.endswith("peak_gb") or limit.judge(found)["value"] is not None, limit
