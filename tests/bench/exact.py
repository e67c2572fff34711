"""Whether a training ends in the same bytes, wherever it was interrupted: `python -m tests.bench.exact [points]`.

Knows: tiny models of the real classes, points in a training drawn by chance, another process with another order of
sets. Does not know: how a training works. Each point is a kill, or a pause in which another pet is painted; the
training marks many steps, paints previews, and stops by itself. A point may lie within the painting of a preview.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from gpu.pets import Adapter
from gpu.portraits import Prompt
from gpu.studio.generate import generate
from tests.bench import results
from tests.helpers import tiny_models
from tests.helpers.tiny_training import LEARNING, Run

POINTS = 200
LONGER = replace(LEARNING, token_steps=7, lora_steps=10, evaluate_every=3, patience=3)
Files = dict[str, bytes]


def straight(folder: Path) -> tuple[Files, int]:
    """What an undisturbed training writes, and how often it tells of progress."""
    with tiny_models.pool().use("sdxl") as pipe:
        run = Run(pipe, folder, LONGER)
        told = sum(1 for _ in run.steps)
        files = run.files()
        run.state.close()
    return files, told


def interrupted(folder: Path, point: int, beside: Adapter | None) -> Files:
    """What it writes after a kill at this progress, or after a painting of the pet `beside` in a pause."""
    with tiny_models.pool().use("sdxl") as pipe:
        run = Run(pipe, folder, LONGER)
        if beside:
            for _ in zip(range(point), run.steps, strict=False):
                pass
            paint(beside, folder / "beside")
        else:
            run.kill(point)
            run = Run(pipe, folder, LONGER)
        for _ in run.steps:
            pass
        files = run.files()
        run.state.close()
    return files


def paint(pet: Adapter, folder: Path) -> None:
    """Another pet, beside a paused training."""
    prompt, sampling = Prompt(text="a photo of <s0> <s1> dog"), tiny_models.SAMPLING
    [*generate(tiny_models.pool(), pet, prompt, (1,), sampling, folder, _quiet)]


def _quiet(progress: object) -> None:
    """Nobody watches."""


def elsewhere(folder: Path) -> Files:
    """What another process writes, whose sets and tables have another order."""
    environment = os.environ | {"PYTHONHASHSEED": "5"}
    subprocess.run([sys.executable, "-m", "tests.bench.exact", "--straight", str(folder)], check=True, env=environment)
    return {path.name: path.read_bytes() for path in (folder / "adapter").iterdir()}


def main() -> None:
    if sys.argv[1:2] == ["--straight"]:
        straight(Path(sys.argv[2]))
        return
    points, began, chance = int(sys.argv[1]) if sys.argv[1:] else POINTS, time.monotonic(), random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        pet, same = tiny_models.pet(root / "pet"), 0
        expected, told = straight(root / "straight")
        for number in range(points):
            beside = pet if number % 2 else None
            same += interrupted(root / str(number), chance.randrange(1, told), beside) == expected
        figures = {
            "points": points,
            "same_bytes": same,
            "other_process_same": elsewhere(root / "elsewhere") == expected,
            "progress_told": told,
            "seconds": round(time.monotonic() - began),
        }
    results.keep("exact", figures)


if __name__ == "__main__":
    main()
