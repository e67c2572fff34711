"""Where figures go: tests/bench/results/<name>.json, with the machine that they were measured on.

Knows: how a machine is named. Does not know: what was measured.
"""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gpu.durable import whole

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """What decides about speed."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory),
        "python": platform.python_version(),
        "torch": version("torch"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def keep(name: str, figures: dict[str, Any]) -> None:
    """Print the figures and write them down."""
    print(note(name, figures))


def note(name: str, figures: dict[str, Any]) -> str:
    """Write the figures down, whole or not at all; the text."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **figures}, indent=2)
    with whole(RESULTS / f"{name}.json") as fresh:
        fresh.write_text(text + "\n")
    return text


def keep_part(name: str, part: str, figures: dict[str, Any]) -> None:
    """Print the figures of one part and write them down beside those of the others."""
    others = kept(name) if (RESULTS / f"{name}.json").exists() else {}
    keep(name, {one: each for one, each in others.items() if one != "machine"} | {part: figures})


def kept(name: str) -> dict[str, Any]:
    """The figures that were written down last. Raises FileNotFoundError."""
    return json.loads((RESULTS / f"{name}.json").read_text())
