"""`make torture`, `make torture-long`: every promise of promises.py, measured and held against its bar.

    python -m tests.torture --seed 7 [--steps 1000]      one seed again, with what happened before it went wrong
    python -m tests.torture [--small]                    all of it, at most 25 minutes on 2 cores; or a little of it
    python -m tests.torture --long                       5,000 seeds, 200 kills of each; goes on where it was stopped

Knows: how much of each, in which order, and where figures go. Does not know: how anything is measured, or the bars.

First comes what needs the whole machine. Then a pile of proofs that only compute (pile.py) fills the cores, at the
lowest priority, while bots, lines and children go through the rest one after the other on one core.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import answers, volume
from tests.bench.kills import Blow, measure
from tests.bench.results import keep, kept
from tests.sim.run import play
from tests.torture import forget, light, training, trouble
from tests.torture.marathon import run
from tests.torture.pile import STEPS, Pile, Sums
from tests.torture.promises import table, unmet
from tests.torture.stage import Stage, opened

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of each."""

    quiet: bool  # whether what needs the whole machine is measured
    seeds: int
    cuts: int
    blows: dict[Blow, int]
    askings: int


FULL = Counts(True, 200, 1000, {"bot": 15, "child": 15, "term": 20}, 50)
SMALL = Counts(False, 4, 20, {"bot": 1, "child": 1, "term": 1}, 4)


def short(counts: Counts) -> Figures:
    """Everything once."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = asyncio.run(quiet(folder)) if counts.quiet else {}
        with Pile(range(counts.seeds), counts.cuts) as pile:
            with pile.beside():
                figures |= asyncio.run(busy(folder, counts))
            sums = Sums()
            for story in pile.stories():
                sums.add(story)
            figures |= {"simulated": sums.figures, "machines": pile.machines(), "truncated": pile.truncated()}
    return figures | {"minutes": round((time.monotonic() - began) / 60, 1)}


async def quiet(folder: Path) -> Figures:
    """What is measured with nothing else on the machine."""
    figures: Figures = {}
    await tried(figures, "answers", first_answers)
    await tried(figures, "volume", lambda: volume.measure(folder))
    return figures


async def first_answers() -> Figures:
    await answers.main()
    return kept("answers")


async def busy(folder: Path, counts: Counts) -> Figures:
    """All that is real, one after the other. The line goes on with the dogs that the storm has left behind."""
    figures: Figures = {}
    await tried(figures, "blows", lambda: measure(folder, counts.blows, seed=1))
    await tried(figures, "crowd", lambda: light.crowd(folder / "crowd", counts.blows))
    async with opened(folder / "data") as stage:
        on_stage: dict[str, Callable[[Stage], Coroutine[Any, Any, Figures]]] = {
            "interrupted": training.interrupted,
            "paused": lambda stage: training.paused(stage, counts.askings),
            "poison": trouble.poison,
            "hang": trouble.hang,
        }
        for name, work in on_stage.items():
            await tried(figures, name, lambda work=work: work(stage))
    await tried(figures, "order", lambda: light.order(folder / "order"))
    await tried(figures, "resets", lambda: light.resets(folder / "resets"))
    await tried(figures, "second and forget", lambda: forget.measure(folder / "forget"))
    return figures | figures.pop("second and forget")


async def tried(figures: Figures, name: str, work: Callable[[], Coroutine[Any, Any, Figures]]) -> None:
    """A promise that is broken in an unforeseen way must not hide the others."""
    began = time.monotonic()
    try:
        figures[name] = await work()
    except Exception as error:
        traceback.print_exc()
        figures[name] = {"error": f"{type(error).__name__}: {error}"}
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove that the line loses nothing.")
    parser.add_argument("--seed", type=int, help="play this one only")
    parser.add_argument("--steps", type=int, default=STEPS, help="of that one")
    parser.add_argument("--small", action="store_true", help="a little of everything; the figures are not kept")
    parser.add_argument("--long", action="store_true", help="many times everything, over many sittings")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # end in order, and so do all that were started
    if options.seed is not None:
        story = play(options.seed, options.steps)
        print(story.text)
        return 1 if story.wrong else 0
    if options.long:
        return run()
    figures = short(SMALL if options.small else FULL)
    if not options.small:
        keep("torture", figures | {"unmet": unmet(figures)})
    print("\n".join(table(figures)))
    return int(bool(unmet(figures)))


if __name__ == "__main__":
    sys.exit(main())
