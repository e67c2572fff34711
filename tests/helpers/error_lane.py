"""One route whose requests fail, while a person uses the whole bot: a lane of the matrix of errors.

Knows: what can go wrong with a request, and what became of a command or a reaction as people see it. Does not know:
which talk uses which route (error_matrix.py).
The waits between two tries are cut short, and so is the promise of 20 failing requests a minute (which
tests/cogs/test_refusals.py keeps an eye on); nothing else is changed.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.helpers.bot_env import BotEnv, named, photos, portraits
from tests.loopback import Exchange, Loopback, Person
from tests.loopback.codes import REFUSALS
from tests.loopback.faults import Fault

Json = dict[str, Any]

LONGEST_S = 6.0  # so long a case goes wrong at most
LATER_S = 60.0  # and so long it takes at most after all is well again
QUIET_S, ACK_S = 0.6, 3.2  # so long after a command no answer comes any more: to a refused one, to any
NEW = count()


@dataclass(frozen=True)
class Trouble:
    """What happens to the requests on a route; a refusal lasts as long as the case does."""

    name: str
    status: int = 0
    code: int = 0
    times: int = 10**6
    after: bool = False
    slow: float = 0.0


REFUSED = [Trouble(f"{status}/{code}", status, code) for status, code in REFUSALS]
PASSING = [
    *(Trouble(str(status), status, times=1) for status in (429, 500, 502, 503, 504, 520, 524)),
    *(Trouble(f"{status} after", status, times=1, after=True) for status in (429, 502, 503)),
    Trouble("cut", times=1), Trouble("cut after", times=1, after=True), Trouble("cut twice", times=2),
    Trouble("slow", 200, times=1, after=True, slow=1.5),
]  # fmt: skip
TROUBLES = [*REFUSED, *PASSING]


@contextmanager
def hurried() -> Generator[None]:
    """While inside, the bot's own waits are short."""
    with (
        patch("cogs.api.budget.MOST_FAILING", 10**9),
        patch("cogs.api.refusals.backoff_s", lambda tries: 0.05),
        patch("cogs.delivery.sender.LOOK_S", 0.1),
        patch("cogs.progress.place.EVERY_S", 0.02),
        patch("cogs.progress.place.SHUT_S", 0.0),
        patch("cogs.progress.place.backoff_s", lambda tries: 0.05),
    ):
        yield


@asynccontextmanager
async def matrix_env(folder: Path) -> AsyncGenerator[BotEnv]:
    """A bot that is online, in a hurry."""
    with hurried():
        async with await Loopback.start(pace=1000) as discord:
            alive = BotEnv(discord, folder / "data")
            await alive.start(jobs_each=1000, jobs_total=10_000, pets_each=1000)
            try:
                yield alive
            finally:
                await alive.stop()


@dataclass
class Lane:
    """A person with a dog, in a channel and a thread of their own."""

    alive: BotEnv
    mina: Person = field(init=False)
    channel: Any = None
    thread: Any = None
    known: set[str] = field(default_factory=set[str])  # jobs of earlier cases
    faults: list[Fault] = field(default_factory=list[Fault])
    hits: int = 0  # requests of the last case that failed
    _unhit: float = 0.0
    _hit: float = 0.0

    async def renew(self, *, learn: bool = True) -> None:
        """A new person and channel; with a dog. The old channel goes: each look at a place passes all messages."""
        if self.channel:
            self.alive.discord.delete(self.channel)
        number = next(NEW)
        self.mina, self.channel = self.alive.discord.person(f"P{number}"), self.alive.discord.new_channel(f"c{number}")
        self.known.clear()
        await asyncio.sleep(0.05)  # until the bot knows the channel
        if learn:
            await self.mina.slash("/enroll", self.channel, name="Rex", **named(photos(3)))
            await until(self._is_learnt)
            self.known |= {job for job, _ in self._rows()}

    def _is_learnt(self) -> bool:
        mine = [one for one in self.alive.discord.threads if one.parent is self.channel]
        self.thread = mine[0] if mine else None
        return bool(mine and portraits(self.alive, mine[0]))

    def fail(self, trouble: Trouble, method: str, route: str, within: str) -> Fault:
        """Let requests fail until the case is over."""
        fault = self.alive.discord.fail(
            method, route, status=trouble.status, code=trouble.code, times=trouble.times, after=trouble.after,
            slow=trouble.slow, within=within,
        )  # fmt: skip
        self.faults.append(fault)
        return fault

    def mend(self) -> None:
        """All is well again."""
        for fault in self.faults:
            self.hits = fault.hits
            self.alive.discord._faults.faults.remove(fault)
        self.faults.clear()

    def _rows(self) -> list[tuple[str, str]]:
        """Ids and states of this person's jobs."""
        return self.query("SELECT id, state FROM jobs WHERE user_id = ?", int(self.mina.id))

    def query(self, sql: str, *values: object) -> list[Any]:
        """Look into the bot's database."""
        with closing(sqlite3.connect(self.alive.data / "pawtrait.db")) as db:
            return db.execute(sql, values).fetchall()

    async def settled(self, asked: Exchange, trouble: Trouble) -> str:
        """What became of a command, once nothing more is to be expected."""
        passes = trouble in PASSING or trouble.status >= 500  # discord.py tries again after any 5xx
        if end := await self._look(asked, lambda: self._since_hit() > LONGEST_S, passes=passes):
            return end
        self.mend()
        until = time.monotonic() + LATER_S
        return "later " + (await self._look(asked, lambda: time.monotonic() > until, passes=True) or "lost")

    def _since_hit(self) -> float:
        """Seconds since all that is to fail has failed, and was seen to."""
        if not all(fault.hits for fault in self.faults) and time.monotonic() < self._unhit + LATER_S:
            self._hit = time.monotonic()
        return time.monotonic() - self._hit

    async def _look(self, asked: Exchange, has_waited: Callable[[], bool], *, passes: bool) -> str | None:
        began = self._unhit = self._hit = time.monotonic()
        over = 0.0  # since when every job is
        while not has_waited():
            await asyncio.sleep(0.03)
            waited = time.monotonic() - began
            fresh = [(job, state) for job, state in self._rows() if job not in self.known]
            said, owed = (
                self._said(asked),
                [row for job, _ in fresh for row in self._owed(job) if row[1:] == (None, None)],
            )
            if fresh and not owed and all(state not in ("waiting", "running") for _, state in fresh):
                over = over or time.monotonic()
                if said or time.monotonic() - over > (LONGEST_S - 1.0 if passes else QUIET_S):
                    return self._answered(asked, [job for job, _ in fresh])
            elif not fresh and said:
                return f"told: {said[:40]}"
            elif not fresh and waited > (ACK_S if passes else QUIET_S) and asked.interaction.answer is None:
                return "no response"
        return None

    def _owed(self, job: str) -> list[tuple[int, int | None, str | None]]:
        return self.query("SELECT channel_id, message_id, closed FROM outbox WHERE job_id = ?", job)

    def _answered(self, asked: Exchange, jobs: list[str]) -> str:
        self.known |= set(jobs)
        words = {str(self.channel.id): "in the channel"} | {
            thread.id: "answered" for thread in self.alive.discord.threads
        }
        rows = [row for job in jobs for row in self._owed(job)]
        ends = {words.get(str(channel), "directly") if message else "given up" for channel, message, _ in rows}
        return "+".join(sorted(ends)) + ("" if self._said(asked) else ", thinking")

    def _said(self, asked: Exchange) -> str:
        original = asked.interaction.original
        return "" if original is None or original.flags & 128 else original.content

    def seen_twice(self) -> set[str]:
        """Deliveries that can be seen twice: in the channel, its threads, or this person's direct messages.

        A copy which the bot has on record to take down, at a place that is hidden from it, does not count.
        """
        discord = self.alive.discord
        threads = [one for one in discord.threads if one.parent is self.channel]
        places = [self.channel, *threads, *self._doors(self.mina)]
        shown = [(int(place.id), name) for place in places for name in self._deliveries(place)]
        owed = set(self.query("SELECT channel_id, mark FROM strays WHERE mark IS NOT NULL"))
        names = [name for place, name in shown if not any(place == at and mark in name for at, mark in owed)]
        return {name for name in names if names.count(name) > 1}

    def _deliveries(self, place: Any) -> list[str]:
        files = [file.name for message in self.alive.discord.world.history(place) for file in message.files]
        return [name.rpartition("-")[0] for name in files if "-0." in name]

    def _doors(self, who: Person) -> list[Any]:
        return [door for door in self.alive.discord.world.doors.values() if door.recipient is who.user]

    async def gone(self, message: Json, who: Person) -> str:
        """What became of a portrait that somebody wants deleted."""
        before, began = self._told(who), time.monotonic()
        while time.monotonic() - began < LONGEST_S:
            await asyncio.sleep(0.03)
            if message["id"] not in self.alive.discord.world.messages:
                return "deleted"
            if new := self._told(who) - before:
                return f"told: {min(new)[:40]}"
        return "silent"

    def _told(self, who: Person) -> set[str]:
        places = [self.thread, self.channel, *self._doors(who)]
        return {one.content for place in places for one in self.alive.discord.world.history(place)}


async def until(look: Callable[[], object]) -> None:
    """Wait until a look finds something. Raises TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while not look():  # noqa: ASYNC110 (each change would wake every lane)
            await asyncio.sleep(0.05)
