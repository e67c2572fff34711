"""The machine that computes: which device, in which precision, and whether it computes at all.

Knows: torch's devices and data types. Does not know: models, or how much memory they take.
"""

import os
import platform

import torch
from torch import nn

from gpu.device import ANYWAY, DeviceReport, card_objection, driver_objection, driver_version
from gpu.errors import NoDevice
from gpu.memory import MemoryPlan
from gpu.profile import Profile


def reproducible() -> None:
    """The same numbers every time on the same machine: deterministic kernels, a fixed count of threads."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    # Else torch fills every new tensor before a kernel writes it: 2 % of a step on a CPU, a launch each on a card.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def usable_device(profile: Profile) -> torch.device:
    """A card, if torch can use one, else the CPU. Raises NoDevice where the profile may not compute on that."""
    objection = _objection()
    if not objection:
        return torch.device("cuda")
    if not profile.allow_cpu:
        raise NoDevice(f"No card can be used: {objection}. {ANYWAY}")
    return torch.device("cpu")


def _objection() -> str:
    """Why no card can be used, and what to do about it; empty if one can."""
    if torch.cuda.is_available():
        return card_objection(torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0))
    if objection := driver_objection(torch.version.cuda, driver_version()):
        return objection
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return str(error).partition("\n")[0].rstrip(".")
    return "torch sees none: does CUDA_VISIBLE_DEVICES hide it?"


def machine(device: torch.device) -> str:
    """The kind of machine, and how many threads: with others the same steps give other last digits."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()}"


def card_memory(device: torch.device) -> int | None:
    """Bytes of the card's memory; None for the CPU."""
    return torch.cuda.get_device_properties(0).total_memory if device.type == "cuda" else None


def device_report(device: torch.device, dtype: torch.dtype, plan: MemoryPlan) -> DeviceReport:
    """For the bot, which has no torch."""
    card = device.type == "cuda"
    return DeviceReport(
        name=torch.cuda.get_device_name(0) if card else "CPU",
        driver=driver_version() if card else "",
        dtype=str(dtype).removeprefix("torch."),
        plan=plan,
    )


def prove(device: torch.device) -> None:
    """Compute a little there, by cuBLAS and cuDNN. Raises what torch does if the device is no good.

    A child does this before it is ready, so that a card that fails costs no job an attempt: models load only when a job
    first needs them.
    """
    picture = torch.ones(1, 8, 16, 16, device=device)
    nn.functional.conv2d(picture, torch.ones(8, 8, 3, 3, device=device))
    (picture @ picture).sum().item()  # .item() waits until all of it is done


def probe(device: torch.device) -> torch.dtype:
    """The precision that this hardware is built for: asked, not timed, since a busy moment must not change pictures."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if torch.cpu.get_capabilities().get("amx_bf16") else torch.float32
