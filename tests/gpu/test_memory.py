"""The memory plan as numbers: each kind of plan at the sizes for which it is made, and the README's table."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gpu.memory import (
    ALL,
    EACH,
    LLAMA_APART,
    REAL,
    TRAINING,
    USABLE,
    MemoryPlan,
    Sizes,
    Turns,
    candidates,
    plan,
    resident,
    sizes_here,
    table,
)
from gpu.profile import PROFILES, SDXL, Profile

ROOT = Path(__file__).parents[2]
HOST = 64 * 10**9
TEMPLATE = replace(SDXL, rewrite="template")


def on(gigabytes: float, profile: Profile = SDXL, sizes: Sizes = REAL, host: int = HOST) -> MemoryPlan:
    return plan(profile, sizes, memory=round(gigabytes * 1e9), host=host)


@pytest.mark.parametrize(
    ("gigabytes", "turns", "llama", "checkpointing"),
    [
        (80, ALL, "full", False),
        (48, ALL, "full", False),
        (24, LLAMA_APART, "full", False),
        (20, LLAMA_APART, "full", False),
        (16.5, EACH, "int8", False),  # a fast training is worth turns
        (18.5, LLAMA_APART, "int8", False),
        (16, LLAMA_APART, "int8", True),
        (12, LLAMA_APART, "int8", True),
    ],
)
def test_each_card_has_its_plan(gigabytes: float, turns: Turns, llama: str, checkpointing: bool) -> None:
    made = on(gigabytes)
    assert (made.turns, made.llama, made.checkpointing, made.fits) == (turns, llama, checkpointing, True)
    assert made.peak <= USABLE * gigabytes * 1e9


def test_a_card_that_is_too_small_is_said_to_be_and_gets_the_least_there_is() -> None:
    made = on(8)
    assert not made.fits
    assert made.llama is None
    assert "more than there is" in made.describe()
    assert made.row().startswith("| 8 GB | too small")
    assert made.peak == min(one.peak for one in candidates(SDXL, REAL, memory=8 * 10**9, host=HOST))


def test_the_template_needs_no_llama_and_leaves_its_room_to_the_others() -> None:
    made = on(24, TEMPLATE)
    assert (made.turns, made.llama, made.host) == ((("sdxl", "dino", "yolo"),), None, 0)
    assert on(11.5, TEMPLATE).fits


def test_llama_that_fits_nowhere_leaves_the_template() -> None:
    made = on(24, sizes=replace(REAL, llama=70 * 10**9))
    assert (made.llama, made.fits) == (None, True)
    assert all("llama" not in group for group in made.turns)


def test_what_waits_must_fit_into_host_memory() -> None:
    assert on(24, host=32 * 10**9).llama == "full"
    assert on(24, host=26 * 10**9).llama == "int8"
    assert on(16, host=20 * 10**9).llama is None
    assert on(48, host=16 * 10**9).llama == "full"  # nothing waits


def test_models_of_32_bits_take_twice_the_room() -> None:
    assert plan(SDXL, REAL, memory=48 * 10**9, host=HOST, itemsize=4).turns != ALL
    assert resident(SDXL, REAL, memory=HOST, itemsize=4).peak > 1.9 * on(80).peak


def test_a_machine_without_a_card_shares_nothing() -> None:
    made = resident(SDXL, REAL, memory=HOST, itemsize=2)
    assert (made.turns, made.llama, made.checkpointing, made.host, made.fits) == (ALL, "full", False, 0, True)
    assert resident(TEMPLATE, REAL, memory=HOST, itemsize=2).llama is None


def larger_pictures(profile: Profile) -> Profile:
    return replace(profile, learning=replace(profile.learning, size_px=1448))


def more_samples(profile: Profile) -> Profile:
    return replace(profile, learning=replace(profile.learning, train_batch=2))


@pytest.mark.parametrize("change", [larger_pictures, more_samples])
def test_twice_the_pixels_take_twice_the_memory_to_learn_from(change: Callable[[Profile], Profile]) -> None:
    assert on(80, change(SDXL)).peak - on(80).peak == pytest.approx(TRAINING, rel=1e-3)
    assert on(24, change(SDXL)).checkpointing


@pytest.mark.parametrize("gigabytes", [48, 24, 16, 12])
def test_what_is_used_lies_beside_itself_and_what_stays(gigabytes: int) -> None:
    made = on(gigabytes)
    for name in ("sdxl", "llama", "dino", "yolo"):
        assert {name, "yolo"} <= made.beside(name)
        assert all(name in made.beside(other) for other in made.beside(name))
    assert ("llama" in made.beside("sdxl")) == (made.turns == ALL)


def test_a_plan_is_told_in_one_line() -> None:
    assert on(48).describe() == (
        "all models stay, Llama unquantised, gradient checkpointing off; about 31.8 of 48.0 GB in use at most"
    )
    assert on(16).describe() == (
        "SDXL + DINOv2 and Llama take turns, Llama with int8 weights, gradient checkpointing on; "
        "about 11.2 of 16.0 GB in use at most; 16 GB of host memory for what waits"
    )


def test_the_readme_says_what_the_code_plans() -> None:
    _, between, _ = (ROOT / "README.md").read_text("utf-8").split("<!-- memory plan -->")
    assert [line.strip() for line in between.strip().splitlines()] == table().splitlines()


def test_sizes_are_the_files_and_where_there_are_none_the_real_ones(tmp_path: Path) -> None:
    pocket = PROFILES["pocket"]
    here = sizes_here(pocket)
    assert 0 < here.llama < here.unet < 10**8
    bare = replace(pocket, llama=str(tmp_path / "none"))
    assert sizes_here(bare) == replace(here, llama=REAL.llama)
    (tmp_path / "cut").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "cut" / name).write_bytes(b"{")
    assert sizes_here(replace(pocket, dino=str(tmp_path / "cut"))) == REAL
