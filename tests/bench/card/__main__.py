"""`make card`: measures this machine's card at full size and writes tests/bench/results/card-<its name>.json.

Knows: which measurements there are, in which order, the command line. Does not know: how anything is measured. Nothing
is downloaded: weights are random. Without a card the same code runs at pocket size, and its figures say nothing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from gpu.memory import GB
from gpu.studio.device import device_report
from tests.bench.card.bench import Bench, Figures
from tests.bench.card.interrupting import pause, resume
from tests.bench.card.limits import line
from tests.bench.card.llama import rewriter
from tests.bench.card.loading import llama_from_disk, sdxl_from_disk
from tests.bench.card.measuring import Measurements, Part
from tests.bench.card.models import FULL, SMALL, Scale
from tests.bench.card.painting import few_step, portrait, switch
from tests.bench.card.training import against_plain, training

SECONDS = 440.0  # of eight minutes; imports and the end of it take the rest
PARTS = (
    Part("training", training, 20),
    Part("portrait", portrait, 15),
    Part("few_step", few_step, 15),
    Part("switch", switch, 10),
    Part("pause", pause, 15),
    Part("resume", resume, 30),
    Part("against_plain", against_plain, 30),
    Part("rewriter", rewriter, 25),
    Part("sdxl_from_disk", sdxl_from_disk, 40),
    Part("llama_from_disk", llama_from_disk, 60),
)


def main(words: Sequence[str] | None = None) -> int:
    ends = time.monotonic() + SECONDS
    parser = argparse.ArgumentParser(description="Measure this machine's card at full size, with random weights.")
    parser.add_argument("--pocket", action="store_true", help="pocket size, as without a card")
    scale = SMALL if parser.parse_args(words).pocket or not torch.cuda.is_available() else FULL
    run(scale, ends)
    return 0


def run(scale: Scale, ends: float) -> None:
    """All measurements, until `ends` by time.monotonic()."""
    with tempfile.TemporaryDirectory(prefix="card-") as folder:
        bench = Bench(scale, Path(folder))
        measurements = Measurements(bench, about(bench), ends)
        for part in PARTS:
            measurements.take(part)
            print(f"{part.name}: {measurements.found[part.name]}", flush=True)
    print(*map(line, measurements.judged()), sep="\n")


def about(bench: Bench) -> Figures:
    """The card, and what is made on it."""
    pool = bench.pool
    report = device_report(pool.device, pool.dtype, pool.plan)
    return {
        "card": {
            "name": report.name,
            "driver": report.driver,
            "memory_gb": round(pool.plan.memory / GB, 1),
            "dtype": report.dtype,
            "plan": pool.plan.describe(),
        },
        "size": bench.scale.name,
    }


if __name__ == "__main__":
    sys.exit(main())
