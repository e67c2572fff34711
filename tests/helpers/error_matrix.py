"""Every way in which a request may fail, on every route that the bot uses, while people use the whole bot.

Knows: the talks that use the routes, and what people see at the end. Does not know: how the bot is built.
A lane is one route: a person with a dog in a thread of its own. Its cases follow each other, the lanes run side by side
against one living bot. The waits between two tries are cut short, and so is the promise of 20 failing requests a minute
(tests/cogs/test_refusals.py keeps it); nothing else is changed.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cogs.api.refusals import UNKNOWN_MESSAGE
from tests.helpers.bot_env import BotEnv, named, photos, whole
from tests.loopback import Exchange, Loopback, Permission, Person, Thread
from tests.loopback.codes import REFUSALS
from tests.loopback.faults import Fault
from tests.loopback.limits import ANSWER, EMOJI, MESSAGE, MESSAGES

Json = dict[str, Any]

CALLBACK, ORIGINAL = "/interactions/{interaction_id}/{token}/callback", ANSWER + "/messages/{message_id}"
CHANNEL, DOORS, MEMBER = "/channels/{channel_id}", "/users/@me/channels", "/guilds/{guild_id}/members/{user_id}"
LONGEST_S = 6.0  # so long a case goes wrong at most
LATER_S = 30.0  # and so long it takes at most after all is well again
QUIET_S, ACK_S = 0.6, 3.2  # so long after a command no answer comes any more: to a refused one, to any
HIT_S = 1.0  # what follows an answer is done after so long
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
    channel: Any = field(init=False)
    thread: Thread = field(init=False)
    known: set[str] = field(default_factory=set[str])  # jobs of earlier cases
    faults: list[Fault] = field(default_factory=list[Fault])
    hits: int = 0  # requests of the last case that failed

    async def renew(self, *, learn: bool = True) -> None:
        """A new person and channel; with a dog."""
        number = next(NEW)
        self.mina, self.channel = self.alive.discord.person(f"P{number}"), self.alive.discord.new_channel(f"c{number}")
        self.known.clear()
        await asyncio.sleep(0.05)  # until the bot knows the channel
        if learn:
            asked = await self.mina.slash("/enroll", self.channel, name=f"Rex{number}", **named(photos(3)))
            await self.alive.discord.until(lambda: self._thread(f"Rex{number}"), 25)
            self.thread = self._thread(f"Rex{number}")
            await asked.message(25)
            await whole(self.alive, self.thread, 1)
            self.known |= {job for job, _ in self._rows()}

    def _thread(self, name: str) -> Any:
        return next((one for one in self.alive.discord.threads if one.name == name), None)

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
        if end := await self._look(asked, LONGEST_S, passes=trouble in PASSING):
            return end
        self.mend()
        return "later " + (await self._look(asked, LATER_S, passes=True) or "lost")

    async def _look(self, asked: Exchange, patience_s: float, *, passes: bool) -> str | None:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < patience_s:
            await asyncio.sleep(0.03)
            fresh = [(job, state) for job, state in self._rows() if job not in self.known]
            said, owed = (
                self._said(asked),
                [row for job, _ in fresh for row in self._owed(job) if row[1:] == (None, None)],
            )
            if fresh and not owed and all(state not in ("waiting", "running") for _, state in fresh):
                if said or waited > (patience_s / 2 if passes else QUIET_S):
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
        world = self.alive.discord.world
        doors = [door for door in world.doors.values() if door.recipient is who.user]
        return {one.content for place in (self.thread, self.channel, *doors) for one in world.history(place)}


Talk = Callable[[Lane, Trouble], Awaitable[str]]


def portrait(method: str, route: str, *, token: bool = False, wish: str = "") -> Talk:
    """/portrait, while a route fails for the thread or for this interaction."""

    async def talk(lane: Lane, trouble: Trouble) -> str:
        asked = await lane.mina.slash("/portrait", lane.thread, style="oil", wish=wish or None)
        lane.fail(trouble, method, route, asked.interaction.token if token else lane.thread.id)
        return await lane.settled(asked, trouble)

    return talk


def enrolment(method: str, route: str, *, token: bool = False) -> Talk:
    """/enroll, while a route fails for the channel or for this interaction."""

    async def talk(lane: Lane, trouble: Trouble) -> str:
        await lane.renew(learn=False)
        asked = await lane.mina.slash("/enroll", lane.channel, name="Rex", **named(photos(3)))
        lane.fail(trouble, method, route, asked.interaction.token if token else lane.channel.id)
        return await lane.settled(asked, trouble)

    return talk


async def searched(lane: Lane, trouble: Trouble) -> str:
    """The answer's way back is cut, so the channel is searched for it."""
    lane.fail(Trouble("", times=2, after=True), "POST", MESSAGES, lane.thread.id)
    return await portrait("GET", MESSAGES)(lane, trouble)


async def archived(lane: Lane, trouble: Trouble) -> str:
    """/portrait from the channel, while the dog's thread is archived: the bot asks whether it is there."""
    lane.alive.discord.archive(lane.thread)
    await asyncio.sleep(0.05)
    asked = await lane.mina.slash("/portrait", lane.channel, style="oil")
    lane.fail(trouble, "GET", CHANNEL, lane.thread.id)
    return await lane.settled(asked, trouble)


async def direct(lane: Lane, trouble: Trouble) -> str:
    """Thread and channel are closed to the bot; direct messages are what is left."""
    closed = Trouble("", 403, 50013)
    for place in (lane.thread.id, lane.channel.id):
        lane.fail(closed, "POST", MESSAGES, place)
    asked = await lane.mina.slash("/portrait", lane.thread, style="oil")
    lane.fail(trouble, "POST", DOORS, "")
    return await lane.settled(asked, trouble)


def binned(method: str, route: str, *, by_moderator: bool = False, shut: bool = False) -> Talk:
    """🗑️ under a portrait, by its owner or a moderator; in a thread that is archived meanwhile."""

    async def talk(lane: Lane, trouble: Trouble) -> str:
        await lane.renew()
        [message] = await whole(lane.alive, lane.thread, 1)
        who = lane.mina
        if by_moderator:
            who = lane.alive.discord.person("Theo", permissions=Permission.MANAGE_MESSAGES)
        lane.fail(trouble, method, route, who.id if by_moderator else lane.thread.id)
        await who.react(message, "🗑️")
        if shut:
            lane.alive.discord.archive(lane.thread)
        return await lane.gone(message, who)

    return talk


ROUTES: dict[str, Talk] = {
    "first answer": portrait("POST", CALLBACK, token=True),
    "first answer to /enroll": enrolment("POST", CALLBACK, token=True),
    "edit of the answer": portrait("PATCH", ORIGINAL, token=True),
    "edit of the answer to /enroll": enrolment("PATCH", ORIGINAL, token=True),
    "look at the answer": enrolment("GET", ORIGINAL, token=True),
    "open a thread": enrolment("POST", MESSAGE + "/threads"),
    "send": portrait("POST", MESSAGES),
    "edit progress": portrait("PATCH", MESSAGE, wish="ms=600"),
    "delete progress": portrait("DELETE", MESSAGE, wish="ms=400"),
    "search": searched,
    "add reactions": portrait("PUT", EMOJI + "/@me"),
    "look at a thread": archived,
    "open direct messages": direct,
    "delete a portrait": binned("DELETE", MESSAGE),
    "look at a thread to open it": binned("GET", CHANNEL, shut=True),
    "open a thread again": binned("PATCH", CHANNEL, shut=True),
    "look at a member": binned("GET", MEMBER, by_moderator=True),
}

SLOW = ("edit progress", "delete progress")  # a painting of theirs takes seconds, and all others wait in line behind it


@dataclass(frozen=True)
class Case:
    """One trouble on one route, and how it ended; `hits`: how many requests failed."""

    route: str
    trouble: Trouble
    hits: int
    end: str

    @property
    def is_right(self) -> bool:
        """Is nothing lost, and was the person answered or told, where Discord lets anything through?"""
        gone = self.trouble.code == UNKNOWN_MESSAGE
        if "given up" in self.end:
            return gone or self.route == "open direct messages"
        if self.end == "no response":
            return self.route.startswith("first answer") and self.trouble in REFUSED
        if self.end == "silent":
            return gone
        return "lost" not in self.end and ("thinking" not in self.end or self.route.startswith("edit of"))


async def play(alive: BotEnv, route: str, troubles: list[Trouble]) -> list[Case]:
    """All of one lane."""
    lane, talk, cases = Lane(alive), ROUTES[route], list[Case]()
    await lane.renew()
    for trouble in troubles:
        end = await talk(lane, trouble)
        until = time.monotonic() + HIT_S
        while not all(fault.hits for fault in lane.faults) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.03)
        lane.mend()
        cases.append(Case(route, trouble, lane.hits, end))
        if end != "answered" and route not in ("first answer", "edit of the answer"):
            await lane.renew()
    return cases


def doubled(alive: BotEnv) -> list[str]:
    """Deliveries that can be seen twice."""
    names = [
        file.name.rpartition("-")[0]
        for message in alive.discord.world.messages.values()
        for file in message.files
        if file.name.endswith("-0.png") or file.name.endswith("-0.jpg")
    ]
    return sorted({name for name in names if names.count(name) > 1})
