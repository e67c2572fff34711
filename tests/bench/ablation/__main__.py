"""The ablation: trials until the time is over, then the table of all that are there.

Knows: the order of trials, where the table goes. Does not know: methods, pictures. Dogs come one after the other, each
by every method, so that whenever the time is over all methods have learnt as many, or nearly. All of them take many
hours: what was read of a trial is kept with the table, and a later run, on any machine, goes on from there.
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.bench import results
from tests.bench.ablation import table, trial
from tests.bench.ablation.methods import METHODS, PLAIN, POCKET
from tests.bench.pocket.enrolment import one_a_core
from tests.bench.pocket.reader import reader, version

DOGS = 8
PAINTED = POCKET.painting.presets["normal"]
TRAINER = 2  # raise it where gpu/studio may make a dog look otherwise: figures from before are dropped then
Read = dict[str, dict[str, table.Figures]]
"""By method and dog."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare ways to learn a dog.")
    parser.add_argument("methods", nargs="*", default=[*METHODS], metavar="method", help=", ".join(METHODS))
    parser.add_argument("--folder", type=Path, required=True, help="for trials; outside the work tree")
    parser.add_argument("--hours", type=float, default=2.0)
    args = parser.parse_args(words)
    if unknown := sorted({*args.methods} - METHODS.keys()):
        parser.error(f"no such method: {', '.join(unknown)}; there are {', '.join(METHODS)}")
    args.folder.mkdir(parents=True, exist_ok=True)
    until, read = time.time() + 3600 * args.hours, known()
    todo = [(method, dog) for dog in range(DOGS) for method in args.methods if str(dog) not in read.get(method, {})]
    with one_a_core() as pool:
        for said in pool.map(partial(trial.run, args.folder, until), todo):
            print(said, flush=True)
    eyes = reader(args.folder)
    for method, dog in todo:
        if trial.path(args.folder, method, dog).is_file():
            read.setdefault(method, {})[str(dog)] = table.of_dog(eyes, args.folder, method, dog)
    of = {method: _version(method) for method in read}
    drawn = [table.of_drawings(eyes, dog) for dog in range(DOGS) if any(str(dog) in dogs for dogs in read.values())]
    results.keep("ablation", {"drawn": table.row(drawn), **summary(read), "of": of, "read": read})


def known() -> Read:
    """What was read before, as far as it is of today's methods and weights."""
    try:
        there = results.kept("ablation")
    except FileNotFoundError:
        return {}
    same = {method for method in METHODS if there["of"].get(method) == _version(method)}
    return {method: dogs for method, dogs in there["read"].items() if method in same}


def _version(method: str) -> str:
    """Of all that decides about a method's figures: how it learns and is painted, and who reads."""
    return f"{trial.digest(METHODS[method], PAINTED)} by {TRAINER}, read by {version()}"


def summary(read: Read) -> dict[str, object]:
    """A row for each method, and the default's gain over plain LoRA."""
    plain, default = read.get(PLAIN, {}), read.get("default", {})
    both = [dog for dog in default if dog in plain]
    gain = table.better([default[dog] for dog in both], [plain[dog] for dog in both]) if both else None
    return {"default_over_plain": gain, **{method: table.row([*dogs.values()]) for method, dogs in read.items()}}


if __name__ == "__main__":
    main()
