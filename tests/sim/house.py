"""One life of the bot in the simulation, and the disk on which the next one finds what was safe.

Knows: how bot.py puts the rooms together, and what SQLite has synced. Does not know: what happens in a life.
A commit under synchronous=FULL is on the disk when the bot hears of it. So a power cut may take back what was written
since the bot last heard from its database, to any byte, and nothing else; a kill takes back nothing. Syncing for real
would only cost time here: it is switched off, after a look that it was on.
"""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gpu.line import Claim, Line
from gpu.types import Progress
from storage.database import Database
from storage.files import Files
from storage.jobs import Jobs, Room
from storage.outbox import Outbox
from storage.pets import Pets
from storage.portraits import Portraits
from tests.sim.child import SimChild

FULL = 2  # PRAGMA synchronous
ROOM = Room(each=12, total=40)


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
            self._written = self._log.stat().st_size if self._log.exists() else 0

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


class WatchedJobs(Jobs):
    """The real ones; `on_claim` hears of every claim that the line hears of."""

    on_claim: Callable[[Claim], None]

    async def claim(self, job_id: str) -> Claim | None:
        claim = await super().claim(job_id)
        if claim:
            self.on_claim(claim)
        return claim


@dataclass(frozen=True, kw_only=True)
class House:
    """The rooms of one life."""

    number: int
    db: Database
    files: Files
    jobs: WatchedJobs
    pets: Pets
    portraits: Portraits
    outbox: Outbox
    child: SimChild
    line: Line

    @classmethod
    async def open(
        cls,
        disk: Disk,
        db: Database,
        child: SimChild,
        clock: Callable[[], float],
        on_claim: Callable[[Claim], None],
        on_progress: Callable[[str, Progress], None],
        on_settled: Callable[[str], None],
    ) -> "House":
        row = await db.one("PRAGMA synchronous")
        assert row and row[0] == FULL
        await db.one("PRAGMA synchronous = OFF")
        files = Files(disk.root)
        jobs = WatchedJobs(db, files, clock, ROOM)
        jobs.on_claim = on_claim
        line = Line(child, jobs, on_progress, on_settled)
        return cls(
            number=disk.life, db=db, files=files, jobs=jobs, pets=Pets(db, files), portraits=Portraits(db),
            outbox=Outbox(db, clock), child=child, line=line,
        )  # fmt: skip
