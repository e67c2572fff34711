"""`make torture`, `make torture-long`: seeds in simulated time, then blows to the real bot. All figures, and the bars.

    python -m tests.torture --seed 7 [--steps 1000]      one seed again, with what happened before it went wrong
    python -m tests.torture [--seeds 200] [--blows 15]   the short one, at most 25 minutes on 2 cores
    python -m tests.torture --long ../pawtrait-build     5,000 seeds, 200 kills of each; goes on where it was stopped

Knows: how much of each, and where figures go. Does not know: what a seed or a blow does (tests/sim, tests/bench/kills).
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.bench.kills import Blow, kept, measure
from tests.bench.results import keep
from tests.sim.line_machine import LineMachine
from tests.sim.run import Story, play
from tests.sim.storage_machine import StorageMachine

STEPS = 1000
CORES = 2
TERMS = 20
MACHINES = settings(max_examples=100, stateful_step_count=60, deadline=None, database=None, print_blob=True)
PORTION = 25  # blows between two notes of the long one
SUMS = ("blows_bot", "blows_child", "blows_term", "jobs", "lost", "doubled", "missing", "damaged", "processes_left",
        "bad_exits", "seconds")  # fmt: skip


def stories(seeds: Iterable[int], steps: int) -> Iterator[Story]:
    """In two processes; each is given up after some seeds, so that nothing adds up."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(CORES, maxtasksperchild=10) as pool:
        yield from pool.imap_unordered(_play, [(seed, steps) for seed in seeds])


def _play(what: tuple[int, int]) -> Story:
    return play(*what)


class Sums:
    """The figures of all seeds so far."""

    def __init__(self, known: dict[str, Any] | None = None) -> None:
        empty: dict[str, Any] = {"seeds": 0, "steps": 0, "jobs": 0, "lived_s": 0.0, "took_s": 0.0, "wrong": []}
        self.figures = known or {**empty, "actions": {}}

    def add(self, story: Story) -> None:
        figures = self.figures
        figures["seeds"] += 1
        for name in ("steps", "jobs", "lived_s", "took_s"):
            figures[name] = round(figures[name] + getattr(story, name), 1)
        for name, count in story.counts.items():
            figures["actions"][name] = figures["actions"].get(name, 0) + count
        if story.wrong:
            figures["wrong"].append(story.seed)
            print(story.text, flush=True)

    def speed(self, seconds: float) -> dict[str, float]:
        """Of `seconds` on the clock, with all processes together."""
        return {
            "steps_per_s": round(self.figures["steps"] / seconds, 1),
            "seeds_per_min": round(self.figures["seeds"] / seconds * 60, 1),
        }


def short(seeds: int, blows: int) -> int:
    """The exit status: 0 if every bar was kept."""
    began = time.monotonic()
    sums = Sums()
    for story in stories(range(seeds), STEPS):
        sums.add(story)
    took = time.monotonic() - began
    for machine in (StorageMachine, LineMachine):
        run_state_machine_as_test(machine, settings=MACHINES)
    figures: dict[str, Any] = {"simulated": sums.figures | sums.speed(took)}
    figures["real"] = _strike({"bot": blows, "child": blows, "term": TERMS if blows else 0}, seed=1)
    keep("torture", figures | {"minutes": round((time.monotonic() - began) / 60, 1)})
    return 0 if not sums.figures["wrong"] and kept(figures["real"]) else 1


def long(folder: Path, seeds: int, blows: int) -> int:
    """As short(), in portions; what is done is noted in the folder, and not done again."""
    notes = folder / "torture.json"
    known: dict[str, Any] = json.loads(notes.read_text()) if notes.exists() else {"simulated": None, "real": []}
    sums = Sums(known["simulated"])
    while (first := sums.figures["seeds"]) < seeds:
        for story in stories(range(first, min(first + PORTION, seeds)), STEPS):
            sums.add(story)
        known["simulated"] = sums.figures
        _note(notes, known)
    while (done := len(known["real"])) * PORTION < blows:
        known["real"].append(_strike({"bot": PORTION, "child": PORTION, "term": PORTION // 5}, seed=1000 + done))
        _note(notes, known)
    real = {name: round(sum(part[name] for part in known["real"]), 1) for name in SUMS}
    for name in ("most_redone_s", "slowest_exit_s"):
        real[name] = max(part[name] for part in known["real"])
    keep("torture-long", {"simulated": sums.figures, "real": real})
    return 0 if not sums.figures["wrong"] and kept(real) else 1


def _strike(blows: dict[Blow, int], seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder), blows, seed))


def _note(path: Path, what: dict[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(what))
    fresh.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove that the line loses nothing.")
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--steps", type=int, default=STEPS, help="of that one")
    parser.add_argument("--seeds", type=int, help="default 200; 5000 for --long")
    parser.add_argument("--blows", type=int, help="kills of the bot, and as many of the child: 15; 200 for --long")
    parser.add_argument("--long", type=Path, metavar="FOLDER", help="where it is noted what is done")
    options = parser.parse_args()
    if options.seed is not None:
        story = play(options.seed, options.steps)
        print(story.text)
        return 1 if story.wrong else 0
    seeds, blows = (5000, 200) if options.long else (200, 15)
    seeds = seeds if options.seeds is None else options.seeds
    blows = blows if options.blows is None else options.blows
    return long(options.long, seeds, blows) if options.long else short(seeds, blows)


if __name__ == "__main__":
    sys.exit(main())
