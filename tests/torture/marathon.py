"""`make torture-long`: 5,000 seeds, 200 kills of the bot and 200 of the child, over many sittings.

Knows: how far it has come, which is noted in tests/bench/results/torture-long.json: it goes on from there, on any
machine, and begins anew where there is no such file. Does not know: what a seed or a blow does. A sitting may end at
any moment: told to stop, it notes what is done; killed, it does again what came after the last note, which is a storm
and the seeds beside it. Seeds that went wrong are played again first: whether they are right by now.
"""

import asyncio
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.bench.kills import Blow, measure
from tests.bench.results import kept, note
from tests.helpers.bot_process import ROOT
from tests.sim.run import Story
from tests.torture.pile import Pile, Sums
from tests.torture.promises import table, unmet

SEEDS = 5000
ALL: dict[Blow, int] = {"bot": 200, "child": 200, "term": 40}
BLOWS: dict[Blow, int] = {"bot": 20, "child": 20, "term": 4}  # of a storm, at most
LULL_S = 20.0  # at most, between two blows: trainings come to their end, too, and portraits of whom they have learnt
OFTEN = 10  # seeds between two notes, once there are no storms any more
NOTES = "torture-long"
MOST = ("most_redone_s", "slowest_exit_s")  # of figures that do not add up
PROVED = ("bot.py", "cogs", "gpu", "storage", "tests/sim", "tests/bench/kills.py")  # and by whom


def run() -> int:
    """The exit status: 0 if no bar is missed."""
    marathon = Marathon()
    with Pile(marathon.left()) as pile:
        try:
            marathon.go_on(pile)
        finally:
            marathon.collect(pile)
    print("\n".join(table(marathon.figures())))
    return int(bool(unmet(marathon.figures(), ("missed",))))


def commit() -> str:
    """The last one that changed what is proved, or by whom."""
    return subprocess.check_output(("git", "log", "-1", "--format=%h", "--", *PROVED), cwd=ROOT, text=True).strip()


class Marathon:
    """How far it has come."""

    def __init__(self) -> None:
        known: dict[str, Any] = {"simulated": None, "storms": [], "commits": {}, "mended": {}}
        with suppress(FileNotFoundError):
            known |= kept(NOTES)
        self._sums, self._storms, self._commits = Sums(known["simulated"]), known["storms"], known["commits"]
        self._mended: dict[str, str] = known["mended"]  # wrong once; with which commit they are right
        self._commit = commit()
        self._today: dict[str, int] = self._commits.setdefault(self._commit, {"seeds": 0, "storms": 0})

    @property
    def seeds(self) -> int:
        """The first that was not played."""
        return self._sums.figures["seeds"]

    def left(self) -> list[int]:
        """The seeds to play."""
        return [*self._sums.figures["wrong_seeds"], *range(self.seeds, SEEDS)]

    def go_on(self, pile: Pile) -> None:
        """To the end."""
        while blows := self.next_blows():
            with pile.beside(), tempfile.TemporaryDirectory() as place:
                figures = asyncio.run(measure(Path(place), blows, seed=1000 + len(self._storms), lull_s=LULL_S))
            self._storms.append(figures)
            self._today["storms"] += 1
            self.collect(pile)
        for story in pile.stories():
            self.add(story)
            if self.seeds % OFTEN == 0:
                self._note()

    def add(self, story: Story) -> None:
        """The next one, or one that was wrong, again."""
        if story.seed >= self.seeds:
            self._sums.add(story)
            self._today["seeds"] += 1
        elif not story.wrong:
            self._sums.mended(story.seed)
            self._mended[str(story.seed)] = self._commit

    def collect(self, pile: Pile) -> None:
        """Note what is done."""
        for story in pile.stories(wait_s=0):
            self.add(story)
        self._note()

    def figures(self) -> dict[str, Any]:
        """Sums and maxima until now."""
        blows: dict[str, float] = {}
        for storm in self._storms:
            for name, figure in storm.items():
                known = blows.get(name, 0.0)
                blows[name] = max(known, figure) if name in MOST else round(known + figure, 1)
        done = {"seeds": (self.seeds, SEEDS)} | {f"blows ({name})": (self._dealt(name), ALL[name]) for name in ALL}
        return {
            "done": ", ".join(f"{name} {count} of {whole}" for name, (count, whole) in done.items()),
            "commits": self._commits,
            "mended": self._mended,
            "simulated": self._sums.figures,
            "blows": blows,
            "storms": self._storms,
        }

    def next_blows(self) -> dict[Blow, int]:
        """The blows of the next storm; none: all are dealt."""
        left = {name: min(most, ALL[name] - self._dealt(name)) for name, most in BLOWS.items()}
        return left if any(left.values()) else {}

    def _dealt(self, name: Blow) -> int:
        return sum(int(storm[name]) for storm in self._storms)

    def _note(self) -> None:
        figures = self.figures()
        note(NOTES, figures)
        print(figures["done"], flush=True)
