"""The ablation: trials until the time is over, then the table of all that are there.

Knows: the order of trials, where the table goes. Does not know: methods, pictures. Dogs come one after the other, each
by every method, so that whenever the time is over all methods have learnt as many, or nearly.
"""

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench import results
from tests.bench.ablation import table, trial
from tests.bench.ablation.methods import METHODS, PLAIN
from tests.bench.pocket.enrolment import one_a_core
from tests.bench.pocket.reader import Reader, reader

DOGS = 8


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare ways to learn a dog.")
    parser.add_argument("methods", nargs="*", default=[*METHODS], metavar="method", help=", ".join(METHODS))
    parser.add_argument("--folder", type=Path, required=True, help="for trials; outside the work tree")
    parser.add_argument("--hours", type=float, default=2.0)
    args = parser.parse_args(words)
    args.folder.mkdir(parents=True, exist_ok=True)
    until = time.time() + 3600 * args.hours
    todo = [(method, dog) for dog in range(DOGS) for method in args.methods]
    with one_a_core() as pool:
        for said in pool.map(partial(trial.run, args.folder, until), todo):
            print(said, flush=True)
    results.keep("ablation", figures(reader(args.folder), args.folder))


def figures(eyes: Reader, folder: Path) -> dict[str, object]:
    """A row for each method that has learnt a dog, and the default's gain over plain LoRA."""
    known: dict[str, list[table.Figures]] = {}
    for method in METHODS:
        files = ((dog, trial.path(folder, method, dog)) for dog in range(DOGS))
        there = [(dog, json.loads(file.read_text())["learning_cpu_s"]) for dog, file in files if file.is_file()]
        if there:
            known[method] = [table.of_dog(eyes, folder, method, dog, seconds) for dog, seconds in there]
    pair = [known[name] for name in ("default", PLAIN) if name in known]
    gain = {"default_over_plain": table.better(*pair)} if len(pair) == 2 else {}
    return {**gain, **{method: table.row(dogs) for method, dogs in known.items()}}


if __name__ == "__main__":
    main()
