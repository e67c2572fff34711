"""Why a card cannot be used, and how a machine is told in the log."""

from dataclasses import replace

import pytest

from gpu.device import DeviceReport, card_objection, driver_objection
from gpu.memory import REAL, plan
from gpu.profile import SDXL


@pytest.mark.parametrize(
    ("cuda", "driver", "words"),
    [
        (None, "", "without CUDA"),
        ("13.2", "", "no card, or no NVIDIA driver"),
        ("13.2", "570.86.10", "driver is 570.86.10, and torch's CUDA 13.2 needs 580 or newer"),
        ("12.8", "520.1", "needs 525 or newer"),
        ("14.0", "570.1", "needs 580 or newer"),  # a CUDA that this table does not know yet
    ],
)
def test_a_driver_that_will_not_do_is_told_by_name(cuda: str | None, driver: str, words: str) -> None:
    assert words in driver_objection(cuda, driver)


@pytest.mark.parametrize(("cuda", "driver"), [("13.2", "580.65.06"), ("13.2", "610.1"), ("12.8", "570.86.10")])
def test_a_driver_that_will_do_is_fine(cuda: str, driver: str) -> None:
    assert not driver_objection(cuda, driver)


def test_a_card_that_is_too_old_is_told_by_name() -> None:
    assert "GTX 1080 is of compute capability 6.1, and this torch has kernels from 7.5 on" in card_objection(
        "GTX 1080", (6, 1)
    )
    assert not card_objection("T4", (7, 5))
    assert not card_objection("H100", (9, 0))


def test_a_machine_is_told_in_one_line() -> None:
    shared = plan(SDXL, REAL, memory=25_400_000_000, host=64 * 10**9)
    card = DeviceReport(name="NVIDIA GeForce RTX 3090", driver="580.95.05", dtype="bfloat16", plan=shared)
    assert card.describe() == (
        "NVIDIA GeForce RTX 3090, driver 580.95.05, 25.4 GB of card memory, bfloat16: " + shared.describe()
    )
    assert replace(card, name="CPU", driver="").describe().startswith("CPU, 25.4 GB of host memory, ")
    assert DeviceReport(refused="No card.").describe() == "No card."
