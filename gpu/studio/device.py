"""The machine that computes: which device, in which precision, and whether it computes at all.

Knows: torch's devices and data types. Does not know: models, or how much memory they take.
"""

import os

import torch
from torch import nn


def reproducible() -> None:
    """The same numbers every time on the same machine: deterministic kernels, a fixed count of threads."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def best_device() -> torch.device:
    """A card, if there is one for which torch has kernels: since Turing."""
    usable = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (7, 5)
    return torch.device("cuda" if usable else "cpu")


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
