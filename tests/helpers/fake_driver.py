"""A driver that answers as we like: an nvidia-smi of our own, first on the PATH.

Knows: what nvidia-smi prints. Does not know: who asks it.
"""

import os
from pathlib import Path

import pytest

GOOD = "580.95.05, NVIDIA GeForce RTX 4090, 24564, 8.9, GPU-5a1f8c00-0000-0000-0000-000000000000"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str = GOOD, status: int = 0) -> Path:
    """Put it on the PATH; it says the same to everybody, and ends with this status. Returns its folder."""
    return script(folder, monkeypatch, f"cat <<'END'\n{says}\nEND\nexit {status}")


def script(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """The same, for one that does more than to say something."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    program = place / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return place
