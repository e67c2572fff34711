"""A seed becomes a history: people, the child's troubles, weather, crashes, one after the other.

Knows: when anything happens, and who is alive. Does not know: what is right (judge.py).
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from random import Random

from gpu.jobs import Enroll, Job
from gpu.line.journal import RETRY_S, Claim
from gpu.line.line import ERROR_REST_S
from gpu.outcomes import Done, Failed, Paused, Progress
from tests.helpers.fake_studio import Plan
from tests.sim.bot_life import BotLife, Disk, FaultyDatabase
from tests.sim.child import SimChild, Trouble
from tests.sim.clockwork import Clockwork
from tests.sim.discord import STATES, SimDiscord, Weather
from tests.sim.judge import EPOCH, Judge, hold
from tests.sim.people import People
from tests.sim.transport import SimTransport

PACE_S = 1.5  # between two steps, on average
CALM_S = 4000.0  # at the end, for everything to come right
CLOSE_S = 25.0
FAULTS_S = 8.0  # at the longest, a tenth of all statements fails
RECOVERY_S = ERROR_REST_S + sum(RETRY_S)  # after that, the line looks again

ACTIONS = {
    "paint": 30, "enrol": 14, "react": 8, "cancel": 8, "queue": 8, "stale_claim": 6, "forget": 4, "weather": 5,
    "answer": 8, "burst": 2, "place": 2, "kill": 3, "power": 3, "stop": 2, "tidy": 1, "disk_full": 2,
}  # fmt: skip
TROUBLE_RATES: dict[Trouble, float] = {"die": 0.004, "hang": 0.0005, "late": 0.002, "nan": 0.0005, "memory": 0.0005}


class World:
    """`heard` are the errors that somebody caught and only wrote down."""

    def __init__(self, seed: int, root: Path, loop: Clockwork, heard: list[str]) -> None:
        self._loop, self._heard = loop, heard
        dice = ("steps", "moods", "crashes", "faults")
        self._rng, self._troubles, self._crashes, self._faults = (Random(f"{seed} {name}") for name in dice)
        self._disk = Disk(root)
        self._discord = SimDiscord(Random(f"{seed} discord"))
        self.judge = Judge(self._discord)
        self._people = People(self._rng, self.judge, self._discord, self._now)
        self._life: BotLife | None = None
        self._reader: sqlite3.Connection | None = None
        self._opened: list[FaultyDatabase] = []
        self._claims: list[Claim] = []
        self._alive = False
        self._fuse = 0  # rounds until a crash
        self._power = False  # that crash is a power cut
        self._faulty_until = 0.0
        self._bad_days = True
        self.events: list[str] = []
        self.counts: dict[str, int] = dict.fromkeys(ACTIONS, 0)
        loop.between = self._between

    async def history(self, steps: int) -> None:
        await self._begin()
        for _ in range(steps):
            self._act()
            await asyncio.sleep(self._rng.expovariate(1 / PACE_S))
            self._look()
        await self._calm()

    # ---- lives -----------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._alive = True
        child = SimChild(self._trouble, self._told)
        opening = self._loop.live(self._disk.life, self._open(child))
        await asyncio.wait({opening}, timeout=60)

    async def _open(self, child: SimChild) -> None:
        self._faulty_until = 0.0
        db = await FaultyDatabase.open(self._disk.database)
        db.fails = self._fails
        self._opened.append(db)
        hears = self._claimed, self._progress, self._settled, self.judge.answered
        transport = SimTransport(self._discord)
        life = await BotLife.open(self._disk, db, child, self._now, transport, self.judge.noted, *hears)
        self._reader = self._disk.reader()
        self._life = life
        self._log("life", life.number)
        self.judge.life_began(self._reader)
        await life.begin()

    def _between(self) -> None:
        self._disk.look(answered=self._loop.answered)
        if self._fuse:
            self._fuse -= 1
            if not self._fuse and self._alive:
                self._crash()

    def _crash(self) -> None:
        self._log("power cut" if self._power else "kill")
        self._loop.kill(self._disk.life)
        self._leave()
        self._disk.fail(self._crashes if self._power else None)
        self._loop.call_soon(self._again)

    def _again(self) -> None:
        self._next = self._loop.create_task(self._restart())

    async def _restart(self) -> None:
        await asyncio.sleep(self._crashes.expovariate(0.5))
        try:
            await self._begin()
        except Exception as error:
            self._heard.append(repr(error))

    def _leave(self) -> None:
        if self._reader:
            self._reader.close()
        self._life = self._reader = None
        self._alive = False

    async def _stop(self, life: BotLife) -> None:
        """SIGTERM."""
        began = self._loop.time()
        self._life = None
        await life.stop()
        hold(self._loop.time() - began < CLOSE_S, "it took", self._loop.time() - began, "s to close")
        if self._reader:
            self._reader.close()
            self._reader = None
        await life.db.close()
        self._alive = False
        self._disk.fail(None)
        self._loop.call_soon(self._again)

    # ---- what happens ------------------------------------------------------------------------------------------------

    def _act(self) -> None:
        [name] = self._rng.choices(list(ACTIONS), list(ACTIONS.values()))
        self.counts[name] += 1
        self._log(name)
        life = self._life
        if name in ("kill", "power"):
            self._fuse, self._power = self._fuse or self._crashes.randint(1, 60), name == "power"
        elif name == "weather":
            self._discord.weather = Weather(busy=self._rng.choice((0, 0.3, 0.9)), reset=self._rng.choice((0, 0.3)))
        elif name == "place":
            self._discord.upset(self._rng.choice(STATES))
        elif life is None:
            return
        elif name == "stop":
            self._do(life, self._stop)
        elif name == "tidy":
            self._do(life, partial(BotLife.tidy, now=self._now()))
        elif name == "disk_full":
            self._faulty_until = self._loop.time() + self._faults.uniform(0, FAULTS_S) if life.works else 0.0
        elif name != "stale_claim":
            self._do(life, getattr(self._people, name))
        elif stale := [claim for claim in self._claims if self._is_stale(claim)]:
            self._do(life, partial(self._people.use_stale_claim, stale=self._rng.choice(stale)))

    def _is_stale(self, claim: Claim) -> bool:
        return self.judge.promises[claim.job.job_id].claims[-1] != claim.attempt

    def _do(self, life: BotLife, what: Callable[[BotLife], Awaitable[None]]) -> None:
        async def doing() -> None:
            try:
                await what(life)
            except sqlite3.OperationalError:
                pass  # whoever asked was told so
            except Exception as error:
                if self._life is life:  # or it was told to stop meanwhile, and has closed its database
                    self._heard.append(repr(error))

        self._loop.live(life.number, doing())

    def _fails(self) -> bool:
        return self._loop.time() < self._faulty_until and self._faults.random() < 0.1

    def _trouble(self, job: Job, step: int) -> Trouble:
        if isinstance(job, Enroll) and self._loop.time() > self._faulty_until + RECOVERY_S:
            took = self.judge.shown if (job.folder / "adapter").exists() else self.judge.trained
            took(Plan().changed(job.wish.text).ms / 1000)
        dice = self._troubles.random()
        if not self._bad_days:
            return ""
        for trouble, share in TROUBLE_RATES.items():
            if dice < share:
                return trouble if trouble not in ("die", "hang") or self.judge.may_die(job.job_id) else ""
            dice -= share
        return ""

    # ---- what is heard ---------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return EPOCH + self._loop.time()

    def _claimed(self, claim: Claim) -> None:
        self._log("claimed", self._number(claim.job.job_id), claim.attempt)
        self._claims.append(claim)
        self.judge.claimed(claim)

    def _progress(self, job_id: str, progress: Progress) -> None:
        self._log("progress", self._number(job_id), progress.phase, progress.step)
        self.judge.reached(job_id, progress.checkpoint)

    def _told(self, job_id: str, outcome: Done | Paused | Failed) -> None:
        self._log("child", self._number(job_id), outcome.kind)
        self.judge.returned(job_id, outcome, self._now())

    def _settled(self, job_id: str) -> None:
        self._log("settled", self._number(job_id))
        if self._life:
            self._life.sender.wake()

    def _look(self) -> None:
        hold(not self._heard, *self._heard)
        hold(not self._loop.complaints, *self._loop.complaints)
        if self._reader:
            self.judge.look(self._reader, self._now())

    def _number(self, job_id: str) -> int:
        """Ids differ from run to run, numbers do not."""
        return self.judge.promises[job_id].number

    def _log(self, *what: object) -> None:
        self.events.append(" ".join(map(str, (f"{self._loop.time():.6f}", self._loop.rounds, *what))))

    async def _calm(self) -> None:
        self._bad_days = False
        self._faulty_until = min(self._faulty_until, self._loop.time())  # the line may still rest
        self._discord.weather = Weather()
        self._discord.show()
        for _ in range(100):
            await asyncio.sleep(CALM_S / 100)
            self._look()
            if self._reader and self.judge.quiet(self._reader):
                break
        hold(self._reader, "it never came back")
        if self._reader:
            self.judge.end(self._reader)

    async def reap(self) -> None:
        """Leave nothing behind: not a thread, not a task."""
        if self._life:
            self._loop.kill(self._life.number)
            self._leave()
        self._loop.between = lambda: None
        await self._loop.reap()
        for db in self._opened:
            await db.close()
