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
        words=Path(tiny.sdxl), rounds=1, block=1, pauses=1, switches=2, stops=(3,), tokens=5,
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
    assert found["sdxl_from_disk"]["s"] > 0
    for limit in limits():  # without a card there is no memory of one
        assert limit.figure.endswith("peak_gb") or limit.judge(found)["value"] is not None, limit


def fail(bench: Bench) -> Figures:
    raise ValueError("of no use\nat all")


def overflow(bench: Bench) -> Figures:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")


def dawdle(bench: Bench) -> Figures:
    while True:
        time.sleep(0.01)


def succeed(bench: Bench) -> Figures:
    return {"s": 1.0}


@pytest.fixture
def measurements(scale: Scale, tmp_path: Path, written: Path) -> Measurements:
    bench = Bench(scale, tmp_path / "bench")
    return Measurements(bench, about(bench), ends=time.monotonic() + 60)


def test_what_fails_is_told_and_the_others_go_on(measurements: Measurements, written: Path) -> None:
    for part in (Part("fails", fail, 0), Part("overflows", overflow, 0), Part("succeeds", succeed, 0)):
        measurements.take(part)
        assert part.name in json.loads(written.read_text()), "a run that is cut off leaves what it had"
    measurements.ends = time.monotonic() + 0.15
    measurements.take(Part("dawdles", dawdle, 0))
    found = json.loads(written.read_text())
    assert found["fails"]["error"] == "ValueError: of no use"
    assert found["overflows"]["error"] == "it does not fit: CUDA out of memory. Tried to allocate 9.00 GiB"
    assert found["dawdles"]["error"].startswith("TooLong: it was not done after 0 s")
    assert found["succeeds"]["s"] == 1.0


def test_what_no_longer_fits_into_the_time_is_left_out(measurements: Measurements, written: Path) -> None:
    measurements.bench.scale = replace(measurements.bench.scale, name="full")
    measurements.ends = time.monotonic() + 5
    measurements.take(Part("long", fail, 30))
    measurements.take(Part("short", succeed, 1))
    found = json.loads(written.read_text())
    assert found["long"]["left_out"] == "it needs about 30 s, and 5 s were left"
    assert found["short"]["s"] == 1.0
    assert [row["verdict"] for row in found["limits"] if row["kind"] == "bar"] == ["not measured"] * 4


def test_the_time_limit_leaves_another_alarm_as_it_was() -> None:
    earlier = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    with pytest.raises(TooLong), within(0.01):
        time.sleep(1)
    with within(5):
        pass
    handler, (left, every) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    assert (handler, every) == (earlier[0], earlier[1][1])
    assert left == pytest.approx(earlier[1][0], abs=1)


def judged_rows(figures: dict[str, Any], card: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["kind"], row["figure"]): row for row in judged(figures, card)}


def test_limits_are_those_of_the_card_and_say_how_the_figures_stand() -> None:
    figures = {"training": {"lora": {"ms": 74.0}}, "portrait": {"painting": {"s": 0.9}}, "pause": {"ms": 37.0}}
    rows = judged_rows(figures, "NVIDIA H200")
    assert rows["bar", "training.lora.ms"]["verdict"] == "missed"
    assert rows["bar", "portrait.painting.s"]["verdict"] == "met"
    assert rows["bar", "few_step.four.painting.s"]["verdict"] == "not measured"
    assert (
        rows["bar", "pause.ms / training.lora.ms"] | {"value": 0.5, "verdict": "met"}
        == rows["bar", "pause.ms / training.lora.ms"]
    )
    assert rows["floor", "training.lora.ms"]["times"] == 2.0
    assert all(row["source"] and row["figure"].split(".")[0] in line(row) for row in rows.values())
    others = judged_rows(figures, "NVIDIA RTX A6000")
    assert ("bar", "training.lora.ms") not in others and others["floor", "training.lora.ms"]["limit"] == "<= 195"


def test_a_card_s_file_has_its_name() -> None:
    assert slug("NVIDIA GeForce RTX 4090 (24 GB)") == "card-nvidia-geforce-rtx-4090-24-gb"


def test_full_size_is_the_published_size() -> None:
    meta = torch.device("meta")
    pipe = make_sdxl(FULL, meta, torch.bfloat16)
    llama, _ = make_llama(FULL, meta, torch.bfloat16)
    parts = (pipe.text_encoder, pipe.text_encoder_2, pipe.vae)
    assert count(pipe.unet) == REAL.unet and sum(map(count, parts)) == REAL.encoders and count(llama) == REAL.llama
    assert precisions(pipe.unet, llama, *parts) == {torch.bfloat16}
    assert len(pipe.tokenizer) == len(pipe.tokenizer_2) == pipe.text_encoder.config.vocab_size == 49408


def test_models_are_made_in_one_precision_whatever_their_configs_say() -> None:
    """The pocket's, like SDXL's own, say float16; transformers would make a part of an encoder in it."""
    pipe = make_sdxl(SMALL, torch.device("meta"), torch.float32)
    llama, _ = make_llama(SMALL, torch.device("meta"), torch.float32)
    assert precisions(pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2, llama) == {torch.float32}


def precisions(*modules: torch.nn.Module) -> set[torch.dtype]:
    return {param.dtype for module in modules for param in module.parameters()}


def count(module: torch.nn.Module) -> int:
    return sum(param.numel() for param in module.parameters())
