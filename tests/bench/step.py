"""What a step of learning takes, against the straightforward loop, and which cause gains how much: `python -m
tests.bench.step`.

Knows: the pocket models, the two loops and ours with one thing changed at a time, all in turns. Does not know: what is
learnt; tests/bench/ablation asks whether marks and words are kept. A minute on a quiet machine. The weights
are learnt ones: with random weights gradients are so small that AdamW computes with denormal numbers, which is slow.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpu.studio.models import ModelPool
from tests.bench.card.bench import Bench, Figures, middle
from tests.bench.card.models import SMALL
from tests.bench.card.plain import PlainLoop
from tests.bench.card.training import PHASES, begun
from tests.bench.results import keep

ROUNDS, BLOCK = 12, 4  # a block holds one pull to the base model
CHANGED: dict[str, dict[str, Any]] = {
    "ours": {},
    "pull at every step": {"background_every": 1},
    "no pull": {"background_weight": 0.0},
    "no pull, attention alone": {"background_weight": 0.0, "lora_targets": ("to_q", "to_k", "to_v", "to_out.0")},
}
PLAIN, KEPT = "straightforward", "straightforward, latents kept"


def measure(folder: Path) -> Figures:
    """Of either phase milliseconds a step by lane, and how many times as long as ours each takes."""
    found: Figures = {}
    with ExitStack() as stack:
        lanes = dict[str, Callable[[], object]]()
        for name, changes in CHANGED.items():
            bench = _bench(folder / name, changes)
            if not lanes:  # before a LoRA of ours stands in that UNet
                with bench.pool.use("sdxl") as pipe:
                    plain = PlainLoop(pipe, bench.pool.profile.learning)
            lanes[name] = stack.enter_context(begun(bench, (1 + ROUNDS) * BLOCK))
        lanes |= {PLAIN: plain.step, KEPT: plain.step_with_latents_kept}
        clock = bench.clock
        for phase in PHASES:
            taken = [{name: clock.seconds(lane, BLOCK) for name, lane in lanes.items()} for _ in range(1 + ROUNDS)][1:]
            found[phase] = _compared({name: middle(each[name] for each in taken) for name in lanes})
    return found


def _bench(folder: Path, changes: dict[str, Any]) -> Bench:
    folder.mkdir()
    profile = replace(SMALL.profile, learning=replace(SMALL.profile.learning, **changes))
    return Bench(replace(SMALL, profile=profile), folder, ModelPool(profile))


def _compared(times: Figures) -> Figures:
    ours = times["ours"]["ms"]
    return {name: each | {"times ours": round(each["ms"] / ours, 2)} for name, each in times.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        keep("step", measure(Path(name)))


if __name__ == "__main__":
    main()
