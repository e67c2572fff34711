"""What a machine tells of itself, whatever its driver says."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from gpu import machine
from gpu.doctor import DRIVER
from gpu.machine import Card, Machine, look
from tests.helpers import fake_driver

NEWER = Card(name="new", memory=8 << 30, capability=(8, 9), uuid="GPU-ab")
OLDER = Card(name="old", memory=11 << 30, capability=(6, 1), uuid="GPU-cd")


@pytest.fixture(autouse=True)
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PCI bus with one NVIDIA card."""
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    monkeypatch.setattr(machine, "PCI", tmp_path / "pci")
    device = tmp_path / "pci" / "0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x10de\n")
    (device / "class").write_text("0x030000\n")
    return device


def test_a_card_tells_everything_that_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fake_driver.install(tmp_path, monkeypatch)
    here = look()
    [card] = here.cards
    assert (here.driver, here.trouble, here.python) == ("580.95.05", "", sys.version_info[:2])
    assert (card.name, card.memory, card.capability) == ("NVIDIA GeForce RTX 4090", 24564 << 20, (8, 9))
    assert here.has_nvidia and here.memory > 1e9


def test_the_fastest_card_comes_first_as_cuda_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rows = [f"580.1, {card.name}, {card.memory >> 20}, {card.capability[0]}.{card.capability[1]}, {card.uuid}"
            for card in (OLDER, NEWER)]  # fmt: skip
    fake_driver.install(tmp_path, monkeypatch, "\n".join(rows))
    assert look().cards == (NEWER, OLDER)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert look().cards == (OLDER, NEWER)


def test_a_card_that_shares_the_hosts_memory_tells_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fake_driver.install(tmp_path, monkeypatch, "580.95.05, NVIDIA GB10, [N/A], 12.1, GPU-5a")
    [card] = look().cards
    assert (card.memory, card.capability) == (0, (12, 1))


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", 9),
        ("Failed to initialize NVML: Driver/library version mismatch", 18),
        ("No devices were found", 6),
    ],
)
def test_what_a_broken_driver_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, status: int):
    fake_driver.install(tmp_path, monkeypatch, says, status)
    assert (look().cards, look().driver, look().trouble) == ((), "", says)


@pytest.mark.parametrize("says", ["", "nonsense", "1, 2, 3, 4, 5, 6", "580, a card, much, eight, GPU-1"])
def test_nonsense_is_no_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str):
    fake_driver.install(tmp_path, monkeypatch, says)
    assert not look().cards and not look().driver
    assert bool(look().trouble) == bool(says)


def test_a_driver_that_knows_no_compute_capability_still_tells_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    refuses = 'echo Field \\"compute_cap\\" is not a valid field to query.; exit 2'
    body = f'case "$1" in *compute_cap*) {refuses};; esac; echo 470.1'
    fake_driver.script(tmp_path, monkeypatch, body)
    assert (look().driver, look().cards) == ("470.1", ())


def test_a_card_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "PATIENCE_S", 0.1)
    fake_driver.script(tmp_path, monkeypatch, "exec sleep 30")
    assert look().trouble == "nvidia-smi did not answer within 0.1 s"


def test_without_a_driver_a_card_is_still_seen(plugged: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert look().has_nvidia and look().trouble == "nvidia-smi: No such file or directory"
    (plugged / "class").write_text("0x020700\n")  # of theirs too, and no card: a network adapter
    assert not look().has_nvidia


@pytest.mark.parametrize(
    ("visible", "card"),
    [
        (None, NEWER),
        ("", None),  # CUDA hides all of them
        ("1", OLDER),
        ("1,0", OLDER),
        ("GPU-c", OLDER),
        ("2", None),
        ("-1", None),
        ("x", None),
    ],
)
def test_the_card_that_is_visible_is_the_one(visible: str | None, card: Card | None):
    assert Machine(python=(3, 11), memory=1, cards=(NEWER, OLDER)).card(visible) == card


def test_the_drivers_floor_is_that_of_the_pinned_torch():
    """NVIDIA gives one floor for all of a major version of CUDA."""
    assert importlib.metadata.version("nvidia-cuda-runtime").startswith("13.") and DRIVER == 580
