"""The machine as it is: Python, driver, cards, memory.

Knows: where each of them is told, without torch. Does not know: what is enough (doctor.py). `nvidia-smi` comes with the
driver and says why the driver does not work where it does not.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gpu.device import host_memory

QUERY = "driver_version,name,memory.total,compute_cap,uuid"
PATIENCE_S = 4.0  # for nvidia-smi: without persistence mode it wakes the card first
PCI = Path("/sys/bus/pci/devices")
NVIDIA, DISPLAY = "0x10de", "0x03"  # a PCI vendor, and how the class of what draws or computes begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One NVIDIA card, as its driver tells."""

    name: str
    memory: int  # bytes; 0: not told, where the host's memory is the card's too
    capability: tuple[int, int]  # of computing, e.g. (8, 9)
    uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the studio would run on."""

    python: tuple[int, int]
    memory: int  # bytes of the host
    driver: str = ""  # its version; "": none that answers
    cards: tuple[Card, ...] = ()  # the fastest first, as CUDA counts
    trouble: str = ""  # what was said where no card was told of
    has_nvidia: bool = False  # some card of theirs is plugged in

    def card(self, visible: str | None) -> Card | None:
        """The card that torch computes on. `visible` is CUDA_VISIBLE_DEVICES: numbers, how uuids begin, or none."""
        first = ("0" if visible is None else visible).partition(",")[0].strip()
        if first.isdecimal():
            return self.cards[int(first)] if int(first) < len(self.cards) else None
        return next((card for card in self.cards if first and card.uuid.startswith(first)), None)


def look() -> Machine:
    """This machine; takes as long as nvidia-smi does, PATIENCE_S at most."""
    driver, cards, trouble = _ask_driver()
    if os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        cards = tuple(sorted(cards, key=lambda card: (card.capability, card.memory), reverse=True))
    return Machine(
        python=sys.version_info[:2],
        memory=host_memory(),
        driver=driver,
        cards=cards,
        trouble=trouble,
        has_nvidia=any(_is_nvidia(device) for device in PCI.glob("*")),
    )


def resident(pid: int | None = None) -> int:
    """Bytes of memory that a process holds now, this one if none is named. Raises OSError if there is none such.

    getrusage knows only the most that one ever held.
    """
    pages = Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _ask_driver() -> tuple[str, tuple[Card, ...], str]:
    """Version, cards, and what was said where there are none."""
    said, trouble = _nvidia_smi(QUERY)
    if "not a valid field" in trouble:  # a driver from before 2021 knows no compute_cap
        return _nvidia_smi("driver_version")[0].partition("\n")[0], (), trouble
    rows = [[field.strip() for field in line.split(",")] for line in said.splitlines()]
    try:
        cards = tuple(_card(*row[1:]) for row in rows)
    except (TypeError, ValueError):
        return "", (), f"nvidia-smi answered {said[:100]!r}"
    return rows[0][0] if rows else "", cards, trouble


def _card(name: str, memory: str, capability: str, uuid: str) -> Card:
    major, _, minor = capability.partition(".")
    mebibytes = int(memory) if memory.isdecimal() else 0
    return Card(name=name, memory=mebibytes << 20, capability=(int(major), int(minor)), uuid=uuid)


def _nvidia_smi(query: str) -> tuple[str, str]:
    """The answer, or what went wrong."""
    command = ("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return "", f"nvidia-smi did not answer within {PATIENCE_S:g} s"
    except OSError as error:
        return "", f"nvidia-smi: {error.strerror}"
    if done.returncode:
        return "", (done.stdout + done.stderr).strip().partition("\n")[0] or f"nvidia-smi ended with {done.returncode}"
    return done.stdout.strip(), ""


def _is_nvidia(device: Path) -> bool:
    try:
        told = (device / "vendor").read_text().strip(), (device / "class").read_text()
    except OSError:
        return False
    return told[0] == NVIDIA and told[1].startswith(DISPLAY)
