"""`make bench-pocket`: every measurement of the pocket models, or the named ones, held against the bars.

Knows: which measurements there are, the bars, and how figures come into tests/bench/results/pocket.json. Does not know:
how anything is measured. A bar that is missed is shown as missed; the figures of what was not run stay in the file.

    python -m tests.bench.pocket [--folder FOLDER] [name ...]
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from gpu.profile import WEIGHTS
from tests.bench import results
from tests.bench.bars import Bar

MODELS: dict[str, tuple[str, ...]] = {
    "vae": ("sdxl/vae",), "segmenter": ("yolo",), "drawn": (), "painter": ("sdxl",), "obeyed": ("sdxl", "yolo"),
    "likeness": ("dino",), "rewriter": ("llama",), "enrolment": ("sdxl", "yolo", "dino"), "leak": ("sdxl", "yolo"),
    "choosing": ("sdxl", "yolo", "dino"), "jobs": ("sdxl", "yolo", "dino"),
}  # fmt: skip
"""Every measurement, and which of the pocket models it is of."""

BARS = (
    Bar("vae.styles.photo.psnr_db", ">=", 27.0),
    Bar("vae.styles.photo.de", "<=", 4.0),
    Bar("segmenter.iou", ">=", 0.90),
    Bar("segmenter.recall", ">=", 0.98),
    Bar("segmenter.false_alarms", "<=", 0.02),
    *(Bar(f"drawn.taken_in.{lie}", "<=", 0.10) for lie in ("coat", "second", "patch", "side")),
    *(Bar(f"painter.ratio.{attribute}", ">=", 0.90) for attribute in ("style", "family", "scene", "ears")),
    Bar("obeyed.painted.scene", ">=", 0.95),
    *(Bar(f"obeyed.painted.{thing}", ">=", 0.80) for thing in ("hat", "glasses", "scarf")),
    Bar("obeyed.painted.absent", ">=", 0.90),
    Bar("likeness.auc", ">=", 0.95),
    Bar("likeness.one_attribute", ">=", 0.80),
    Bar("rewriter.valid", ">=", 1.0),
    Bar("rewriter.template", "<=", 0.20),
    Bar("rewriter.scene", ">=", 0.80),
    Bar("rewriter.own_style", ">=", 0.80),
    *(Bar(f"enrolment.trained.{attribute}", ">=", 0.75) for attribute in ("coat", "patch", "second")),
    Bar("leak.mask.either", "<=", 0.03),
    Bar("leak.times", ">=", 5.0),
    Bar("jobs.enrolment_s", "<=", 120),
    Bar("jobs.four_portraits_s", "<=", 10),
)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure the pocket models.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(MODELS))
    parser.add_argument("--folder", type=Path, help="where pictures and what is trained for it stay (default: nowhere)")
    args = parser.parse_args(words)
    unknown = set(args.names) - set(MODELS)
    if unknown:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    names = args.names or tuple(MODELS)
    with tempfile.TemporaryDirectory() as gone:
        run(names, args.folder or Path(gone))
    figures = kept()
    print("\n".join(table(figures)))
    return int(any(bar.verdict(figures) == "missed" for bar in BARS if bar.figure.split(".")[0] in names))


def run(names: Sequence[str], folder: Path) -> None:
    """Each is kept as soon as it is measured: the whole takes long."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        print(f"{name} ...", flush=True)
        began = time.monotonic()
        figures = import_module(f"tests.bench.pocket.{name}").measure(folder)
        add(name, {**figures, "seconds": round(time.monotonic() - began)})


def add(name: str, figures: dict[str, Any]) -> None:
    """Put one measurement beside the others. Each names its own machine, day and weights; the file names the last."""
    results.keep("pocket", {**kept(), name: {"machine": results.machine(), "weights": weights(name), **figures}})


def weights(name: str) -> str:
    """A digest of the models that a measurement is of."""
    folders = [WEIGHTS / model for model in MODELS[name]]
    files = [file for folder in folders for file in sorted(folder.rglob("*.safetensors"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def kept() -> dict[str, Any]:
    """The figures of all measurements so far, by name."""
    file = results.RESULTS / "pocket.json"
    figures = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {name: figures[name] for name in MODELS if name in figures}


def table(figures: dict[str, Any]) -> list[str]:
    """One line for each bar; it says so where the models have changed since."""
    changed = {name for name in MODELS if name in figures and figures[name].get("weights") != weights(name)}
    return [bar.line(figures) + " (by other weights)" * (bar.figure.split(".")[0] in changed) for bar in BARS]


if __name__ == "__main__":
    sys.exit(main())
