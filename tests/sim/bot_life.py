"""One life of the bot in the simulation, and the disk on which the next one finds what was safe.

Knows: how bot.py puts the rooms together and takes them down, what SQLite has synced, and how it fails. Does not know:
what happens in a life.
A commit under synchronous=FULL is on the disk when the bot hears of it. So a power cut may take back what was written
since the bot last heard from its database, to any byte, and nothing else; a kill takes back nothing. Syncing for real
would only cost time here: it is switched off, after a look that it was on.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import aiosqlite

from cogs.api.transport import Transport
from cogs.delivery.notifier import Notifier
from cogs.delivery.sender import Sender
from cogs.delivery.takedown import TakedownWorker
from gpu.line.journal import Claim
from gpu.line.line import Line
from gpu.outcomes import Progress
from storage.database import Database, Transaction
from storage.erasure import Erasure
from storage.files import Files
from storage.jobs import JobRow, Jobs, QueueLimits
from storage.journal import JobJournal
from storage.looks import Looks
from storage.notifications import Notifications
from storage.outbox import Outbox
from storage.pets import Pets
from storage.portraits import Portraits
from storage.retention import ROWS_S, Retention
from storage.takedowns import Takedowns
from tests.sim.child import SimChild

FULL = 2  # PRAGMA synchronous
LAST_WORDS_S = 4.0
SHUT_S = 60.0  # the real hour would leave a history one look
SEEN_S = 60.0  # a job that ended so long ago was looked at
LIMITS = QueueLimits(each=12, total=40)
LOOK_S = 20.0  # for people to answer a look
DUE_S = 5.0  # between two looks for those that nobody has answered


class Disk:
    """One folder for the jobs' files, and one for each life's database."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.life = 1
        self._move_in()

    def _move_in(self) -> None:
        self.database = self.root / f"life{self.life}" / "pawtrait.db"
        self._log = self.database.with_name("pawtrait.db-wal")
        self._heard: int = 0  # bytes of the log
        self._written: int = 0

    def look(self, *, answered: bool) -> None:
        """Between two rounds. What has been answered just now, the bot hears of in the round to come."""
        self._heard = self._written
        if answered:
            try:
                self._written = self._log.stat().st_size
            except FileNotFoundError:  # nothing is written yet
                self._written = 0

    def fail(self, power: Random | None) -> None:
        """The next life begins with what is there now; after a power cut, with what is safe."""
        database, log, heard = self.database, self._log, self._heard
        self.life += 1
        self._move_in()
        self.database.parent.mkdir()
        if database.exists():
            shutil.copyfile(database, self.database)
        if log.exists():
            size = log.stat().st_size
            cut = power.randint(min(heard, size), size) if power else size
            self._log.write_bytes(log.read_bytes()[:cut])
            self._heard = self._written = cut

    def reader(self) -> sqlite3.Connection:
        """Sees what is committed, and changes nothing."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection


class FaultyDatabase(Database):
    """The real one, on a disk that is full now and then: any statement may fail, or the commit."""

    fails: Callable[[], bool]

    async def all(self, sql: str, *args: object) -> list[sqlite3.Row]:
        self.fail_at_times()
        return await super().all(sql, *args)

    async def one(self, sql: str, *args: object) -> sqlite3.Row | None:
        self.fail_at_times()
        return await super().one(sql, *args)

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[Transaction]:
        async with super().write():
            yield FaultyTransaction(self._connection, self.fail_at_times)
            self.fail_at_times()

    def fail_at_times(self) -> None:
        """Raises OperationalError."""
        if self.fails():
            raise sqlite3.OperationalError("database or disk is full")


class FaultyTransaction(Transaction):
    """The real one, of such a database."""

    def __init__(self, connection: aiosqlite.Connection, fail_at_times: Callable[[], None]) -> None:
        super().__init__(connection)
        self._fail_at_times = fail_at_times

    async def all(self, sql: str, *args: object) -> list[sqlite3.Row]:
        self._fail_at_times()
        return await super().all(sql, *args)

    async def run(self, sql: str, *args: object) -> int:
        self._fail_at_times()
        return await super().run(sql, *args)


class WatchedJournal(JobJournal):
    """The real ones; `on_claim` hears of every claim that the line hears of."""

    on_claim: Callable[[Claim], None]

    async def claim(self, job_id: str) -> Claim | None:
        claim = await super().claim(job_id)
        if claim:
            self.on_claim(claim)
        return claim


class WatchedOutbox(Outbox):
    """The real one; `noted` are the messages that it knows of, before anybody can do anything about it."""

    noted: set[int]

    async def mark_sent(self, delivery_id: str, channel_id: int, message_id: int, portrait_ids: Sequence[int]) -> bool:
        known = await super().mark_sent(delivery_id, channel_id, message_id, portrait_ids)
        if known:
            self.noted.add(message_id)
        return known


@dataclass(frozen=True, kw_only=True)
class BotLife:
    """The rooms of one life, and who works in them."""

    number: int
    db: Database
    files: Files
    jobs: Jobs
    journal: WatchedJournal
    pets: Pets
    erasure: Erasure
    looks: Looks
    portraits: Portraits
    outbox: WatchedOutbox
    child: SimChild
    line: Line
    sender: Sender
    takedown_worker: TakedownWorker
    on_answered: Callable[[JobRow], None]
    works: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    @classmethod
    async def open(
        cls,
        disk: Disk,
        db: Database,
        child: SimChild,
        clock: Callable[[], float],
        transport: Transport,
        noted: set[int],
        on_claim: Callable[[Claim], None],
        on_progress: Callable[[str, Progress], None],
        on_settled: Callable[[str], None],
        on_answered: Callable[[JobRow], None],
    ) -> "BotLife":
        row = await db.one("PRAGMA synchronous")
        assert row and row[0] == FULL
        await db.one("PRAGMA synchronous = OFF")
        files = Files(disk.root)
        jobs, journal, outbox = (
            Jobs(db, files, clock, LIMITS),
            WatchedJournal(db, files, clock, look_s=LOOK_S),
            WatchedOutbox(db, clock),
        )
        journal.on_claim, outbox.noted = on_claim, noted
        line, takedowns = Line(child, journal, on_progress, on_settled), Takedowns(db)
        pets = Pets(db)
        return cls(
            number=disk.life, db=db, files=files, jobs=jobs, journal=journal, pets=pets,
            erasure=Erasure(db, files, clock), looks=Looks(db, files, jobs, clock), portraits=Portraits(db),
            outbox=outbox, child=child, line=line,
            sender=Sender(
                outbox, jobs, pets, transport, Notifier(Notifications(db), transport, clock), _finish, clock
            ),
            takedown_worker=TakedownWorker(takedowns, transport, clock, SHUT_S), on_answered=on_answered,
        )  # fmt: skip

    async def begin(self) -> None:
        await self.line.start()
        works = self.sender.work, self.takedown_worker.work, self._begin_due
        self.works.extend(asyncio.create_task(work()) for work in works)

    async def _begin_due(self) -> None:
        """Looks that nobody has answered in time are learnt."""
        while True:
            with suppress(sqlite3.OperationalError):  # it is tried again
                for row in await self.looks.begin_due():
                    self.on_answered(row)
                    self.line.submit(row.id)
            await asyncio.sleep(DUE_S)

    async def stop(self) -> None:
        """As bot.py does it, but for the database."""
        await self.line.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self.sender.deliver()
        self.sender.cancel()
        for work in self.works:
            work.cancel()

    async def tidy(self, now: float) -> None:
        """The nightly pass, of a night that is almost a month away: whatever ended a minute ago is old by then."""
        clock = partial(float, now + ROWS_S - SEEN_S)
        await Retention(self.db, self.files, photos_days=1, portraits_days=1, clock=clock).tidy()


async def _finish(_job_id: str) -> None:
    """There are no progress messages here."""
