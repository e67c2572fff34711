"""What a child computes on, as it tells the bot when it is ready; and why a card cannot be used, by name.

Knows: what NVIDIA's driver says, which driver and which cards the pinned torch needs. Does not know: torch, models.
The floors of drivers: NVIDIA's CUDA Toolkit release notes, "CUDA minor version compatibility".
"""

import os
from contextlib import suppress
from dataclasses import dataclass

from gpu.memory import GB, MemoryPlan

DRIVERS = {12: 525, 13: 580}  # the first branch of Linux drivers for each CUDA that torch may be built with
CAPABILITY = (7, 5)  # Turing: torch has kernels from there on, as CUDA 13 has
ANYWAY = "To compute without a card all the same, and very slowly, set ALLOW_CPU=1. Then start the bot again."


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport:
    """What a child computes on; or, if it takes no jobs, why."""

    name: str = "CPU"
    driver: str = ""  # its version; empty without one
    dtype: str = ""
    plan: MemoryPlan | None = None
    refused: str = ""  # why every job fails here, and what the operator can do

    def describe(self) -> str:
        """One line for the log."""
        if self.refused or not self.plan:
            return self.refused or self.name
        driver = f", driver {self.driver}" if self.driver else ""
        memory = f"{self.plan.memory / GB:.1f} GB of {'host' if self.name == 'CPU' else 'card'} memory"
        return f"{self.name}{driver}, {memory}, {self.dtype}: {self.plan.describe()}"


def driver_version() -> str:
    """The NVIDIA driver's version, "580.95.05"; empty where none answers."""
    import pynvml  # pyright: ignore[reportMissingTypeStubs] (here: the bot never asks)

    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    return ""


def host_memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def driver_objection(cuda: str | None, driver: str) -> str:
    """Why a torch that is built for this CUDA cannot use a card with this driver; empty if it can."""
    if cuda is None:
        return "this torch is built without CUDA: make a new .venv with `make clean` and `make run`"
    if not driver:
        return "there is no card, or no NVIDIA driver answers (does `nvidia-smi` show the card?)"
    floor = DRIVERS.get(int(cuda.partition(".")[0]), max(DRIVERS.values()))
    if int(driver.partition(".")[0]) < floor:
        return f"the NVIDIA driver is {driver}, and torch's CUDA {cuda} needs {floor} or newer: update the driver"
    return ""


def card_objection(name: str, capability: tuple[int, int]) -> str:
    """Why torch cannot compute on this card; empty if it can."""
    if capability >= CAPABILITY:
        return ""
    has, needs = (".".join(map(str, one)) for one in (capability, CAPABILITY))
    return f"{name} is of compute capability {has}, and this torch has kernels from {needs} on: it takes a newer card"
