"""`python -m tests.bench.kills [--bot 10] [--child 0] [--term 0] [--seed 1]`: real kills and stops at random moments.

Knows: the bot's process, the child's, the loopback Discord, and people who always have something in line. Does not
know: why the bot survives it. Bar: every job comes to its end with one answer, at most 60 s of training are done again
after a kill, the bot exits 0 within 25 s of each SIGTERM, and no process is left.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from storage.outbox import Part
from tests.bench.results import keep
from tests.helpers.bot_process import REAL, BotProcess, dog_photos
from tests.helpers.witness import Witness
from tests.loopback import Loopback
from tests.loopback.people import Person

Blow = Literal["bot", "child", "term"]

PATIENCE_S = 600.0  # for everything to come to its end
LULL_S = 10.0  # the longest between two blows
EXIT_S = 25.0
REDONE_S = 60.0
ACCEPTED = "SELECT count(*) FROM jobs"
BUSY = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'running')"
LEARNING = BUSY + " AND kind = 'enroll'"
KNOWN = "SELECT name FROM pets WHERE state = 'ready'"
OWED = "SELECT count(*) FROM outbox WHERE message_id IS NULL AND closed IS NULL"
LAST_ATTEMPT = "SELECT count(*) FROM jobs WHERE state = 'running' AND attempts >= 3"


class KillTest(Witness):
    """A bot, a Discord, and everything that was done to the bot."""

    def __init__(
        self, discord: Loopback, folder: Path, seed: int, command: Sequence[str] = REAL, crowd: int = 1
    ) -> None:
        """`crowd`: so many jobs are in line at each blow, once the first dog is known."""
        super().__init__(discord, folder / "data")
        self.bot = BotProcess(discord, self.data, command=command)
        self.exits: list[tuple[int, float]] = []  # status and seconds of each SIGTERM
        self.dealt: Counter[Blow] = Counter()
        self.redone_s = 0.0  # of training, after one kill: the most
        self._rng = random.Random(seed)
        self._seed, self._crowd = seed, crowd
        self._asked = 0

    async def kill_at_random(self, blows: Mapping[Blow, int], lull_s: float = LULL_S) -> None:
        """Deal all blows in a random order; somebody always waits for something."""
        order = [blow for blow, count in blows.items() for _ in range(count)]
        self._rng.shuffle(order)
        for number, blow in enumerate(order, start=1):
            await self.keep_busy()
            await asyncio.sleep(self._rng.uniform(0.1, lull_s))
            print(f"{number} of {len(order)}: {blow}", flush=True)
            await {"bot": self.kill_bot, "child": self.kill_child, "term": self.terminate}[blow]()
            self.dealt[blow] += 1

    async def keep_busy(self) -> None:
        """A dog to learn, or, every other time and while one is learnt, portraits of those that are known."""
        while self.count(BUSY) < self._crowd:
            accepted = self.count(ACCEPTED)
            known, learning = [name for (name,) in self.rows(KNOWN)], self.count(LEARNING)
            if learning and not known:
                return
            person = self.discord.person(f"Theo {self._asked // 4}")  # each asks for a few things
            if known and (learning or self._asked % 2):
                await self._portray(person, self._rng.choice(known))
            else:
                await self._enrol(person)
            self._asked += 1
            await self.until(lambda accepted=accepted: self.count(ACCEPTED) > accepted, 30)

    async def _portray(self, person: Person, name: str) -> None:
        style = self._rng.choice(("oil", "ink", "pixel"))
        await (await person.slash("/portrait", self.discord.channel, style=style, pet=name)).first_answer()

    async def _enrol(self, person: Person) -> None:
        photos = {f"photo{n}": one for n, one in enumerate(dog_photos(f"{self._seed} {self._asked}", 6), start=1)}
        asked = await person.slash("/enroll", self.discord.channel, name=f"Rex {self._asked}", **photos)
        await asked.first_answer()

    async def kill_bot(self) -> None:
        """kill -9; the child ends by itself."""
        self._note_checkpoint()
        await self.bot.kill()
        await self.until(lambda: not self.bot.family(), 10)
        await self.bot.start()

    async def kill_child(self) -> None:
        """kill -9, but not during a job's third attempt: the job would be set aside, as it should be."""
        await self.until(lambda: self.bot.gpu_process() is not None and not self.count(LAST_ATTEMPT), PATIENCE_S)
        self._note_checkpoint()
        if child := self.bot.gpu_process():
            child.kill()

    async def terminate(self) -> None:
        """SIGTERM, and a new start."""
        self.exits.append(await self.bot.stop())
        await self.until(lambda: not self.bot.family(), 10)
        await self.bot.start()

    async def settle(self) -> None:
        """Wait until every job has ended and is answered, and long enough to see a second answer."""
        await self.until(lambda: not self.count(BUSY) and not self.count(OWED), PATIENCE_S)
        await asyncio.sleep(5)

    def _note_checkpoint(self) -> None:
        """Note how much of the running training is not on disk and will have to be done again."""
        for job_id, claimed in self.rows("SELECT id, claimed FROM jobs WHERE state = 'running' AND kind = 'enroll'"):
            for checkpoint in self.data.glob(f"jobs/{job_id}/checkpoint/training.safetensors"):
                safe = max(claimed, checkpoint.stat().st_mtime)
                self.redone_s = max(self.redone_s, time.time() - safe)

    def count(self, sql: str) -> int:
        """The one number of the one row; 0 before there is a database."""
        return next((row[0] for row in self.rows(sql)), 0)

    def figures(self) -> dict[str, int]:
        """What became of the jobs and their answers."""
        states = Counter(state for (state,) in self.rows("SELECT state FROM jobs"))
        names = [file["filename"] for message in self.messages for file in message["attachments"]]
        answers = Counter(name.rsplit("-", 1)[0] for name in names)
        owed = dict(self.rows("SELECT id, part FROM outbox"))
        return {
            "jobs": sum(states.values()),
            "answers": sum(answers[name] > 0 for name, part in owed.items() if part == Part.ANSWER),
            "lost": sum(states.values()) - states["done"],
            "doubled": sum(answers[name] > 1 for name in owed),
            "missing": sum(answers[name] == 0 for name in owed),
            "damaged": int(not self.whole()),
        }


async def measure(
    folder: Path,
    blows: Mapping[Blow, int],
    seed: int,
    command: Sequence[str] = REAL,
    crowd: int = 1,
    lull_s: float = LULL_S,
) -> dict[str, float]:
    """The figures, which `kept` judges. The data folder stays as it is at the end."""
    began = time.monotonic()
    async with await Loopback.start() as discord:
        test = KillTest(discord, folder, seed, command, crowd)
        try:
            await test.bot.start()
            await _kill_and_settle(test, blows, lull_s)
            figures: dict[str, float] = {**{name: test.dealt[name] for name in blows}, **test.figures()}
            test.exits.append(await test.bot.stop())
        finally:
            left = test.bot.family()
            for process in left:
                process.kill()
    figures["processes_left"] = len(left)
    figures["most_redone_s"] = round(test.redone_s, 1)
    figures["slowest_exit_s"] = round(max(seconds for _, seconds in test.exits), 1)
    figures["bad_exits"] = sum(status != 0 or seconds > EXIT_S for status, seconds in test.exits)
    figures["seconds"] = round(time.monotonic() - began, 1)
    return figures


async def _kill_and_settle(test: KillTest, blows: Mapping[Blow, int], lull_s: float) -> None:
    """Deal the blows and wait; what has not ended in time is lost, and the figures say so."""
    try:
        await test.kill_at_random(blows, lull_s)
        await test.settle()
    except TimeoutError:
        traceback.print_exc()


def kept(figures: Mapping[str, float]) -> bool:
    """Nothing lost, nothing twice, nobody left behind."""
    wrong = ("lost", "doubled", "missing", "damaged", "processes_left", "bad_exits")
    return not any(figures[name] for name in wrong) and figures["most_redone_s"] <= REDONE_S


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill the bot and its child at random moments.")
    parser.add_argument("--bot", type=int, default=10, help="kill -9 of the bot")
    parser.add_argument("--child", type=int, default=0, help="kill -9 of the child")
    parser.add_argument("--term", type=int, default=0, help="SIGTERM to the bot")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    blows: dict[Blow, int] = {"bot": options.bot, "child": options.child, "term": options.term}
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), blows, options.seed))
    keep("kills", figures)
    return 0 if kept(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
