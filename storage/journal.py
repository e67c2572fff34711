"""The line's journal: claims, checkpoints, pauses and ends, as rows.

Knows: the rules of attempts and fences. Does not know: whose turn it is (gpu/line/schedule.py), what a job computes,
how it was accepted (jobs.py), or what follows from its end (settlement.py).

A claim raises `fence` and charges an attempt. Whoever comes with an older fence is stale and changes nothing. An
attempt is refunded at most once a claim: on a pause, when a newer checkpoint is safe, or when the bot died instead.
Its lease is renewed (`alive`) for as long as it gives signs of life. One bot holds the folder, so a lease is not
waited for: at start every run is over, and the lease says how long it really lasted.

Who waits is kept in memory beside the rows. The table `moves` says which rows to look at again: triggers write down
every job that came, went or changed its state, whoever changed it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from time import time

from gpu.errors import Cancelled, WorkerDied
from gpu.line.journal import Claim, Journal
from gpu.line.schedule import Ticket, Turn
from gpu.types import JOB, Done, Failed, Progress
from storage.database import Database, Transaction
from storage.files import Files
from storage.settlement import end

MOST_ATTEMPTS = 3  # charged ones; then the job is set aside
MOST_KILLS = 25  # of the bot under a job; then it is set aside too

MOVED = """
SELECT moves.id AS move, job, jobs.id AS job_id, kind, user_id, guild_id, created,
       CASE WHEN attempts + kills = 0 THEN started END AS begun
FROM moves LEFT JOIN jobs ON jobs.rowid = job AND state = 'waiting' WHERE moves.id > ? ORDER BY moves.id
"""
KEEPS_FOLDER = "SELECT id FROM jobs WHERE state IN ('waiting', 'running', 'done')"


class JobJournal(Journal):
    """The line's journal over the jobs table; gpu/line/journal.py says what each method promises."""

    def __init__(self, db: Database, files: Files, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._files = files
        self._clock = clock
        self._fresh = True  # nobody has put anything into the folder yet
        self._line = _Line()
        self._reading = asyncio.Lock()

    async def waiting(self) -> list[Ticket]:
        async with self._reading:
            self._line.see(await self._db.all(MOVED, self._line.seen))
            return self._line.tickets

    async def turns(self) -> list[Turn]:
        sql = """SELECT kind, guild_id, user_id, max(alive) AS at FROM jobs WHERE alive IS NOT NULL
                 GROUP BY kind, guild_id, user_id ORDER BY at"""
        return [Turn(*row) for row in await self._db.all(sql)]

    async def claim(self, job_id: str) -> Claim | None:
        sql = """UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1, charged = 1,
                 claimed = ?1, alive = ?1, started = coalesce(started, ?1) WHERE id = ?2 AND state = 'waiting'
                 RETURNING body, fence, claimed"""
        async with self._db.write() as tx:
            row = await tx.one(sql, self._clock(), job_id)
            await tx.run("DELETE FROM moves WHERE id <= ?", self._line.seen)
        return Claim(job=JOB.validate_json(row["body"]), attempt=row["fence"], at=row["claimed"]) if row else None

    async def renew(self, claim: Claim) -> None:
        sql = "UPDATE jobs SET alive = ? WHERE id = ? AND fence = ? AND state = 'running'"
        async with self._db.write() as tx:
            await tx.run(sql, self._clock(), claim.job.job_id, claim.attempt)

    async def note_checkpoint(self, claim: Claim, progress: Progress) -> None:
        sql = """UPDATE jobs SET checkpoint = ?1, alive = ?2, kills = 0, attempts = attempts - charged, charged = 0
                 WHERE id = ?3 AND fence = ?4 AND state = 'running' AND checkpoint < ?1"""
        if progress.checkpoint > 0:
            async with self._db.write() as tx:
                await tx.run(sql, progress.checkpoint, self._clock(), claim.job.job_id, claim.attempt)

    async def mark_paused(self, claim: Claim) -> None:
        async with self._db.write() as tx:
            if row := await _held(tx, claim):
                await tx.run("UPDATE jobs SET attempts = attempts - charged WHERE id = ?", row["id"])
                await _wait_again(tx, row, self._clock())
        await self._tidy(claim.job.job_id)

    async def mark_crashed(self, claim: Claim, failed: Failed) -> bool:
        async with self._db.write() as tx:
            row = await _held(tx, claim)
            again = row is not None and row["attempts"] < MOST_ATTEMPTS
            if row and again:
                await _wait_again(tx, row, self._clock())
            elif row:
                await end(tx, row, failed, self._clock())
        await self._tidy(claim.job.job_id)
        return again

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        async with self._db.write() as tx:
            if row := await _held(tx, claim):
                await end(tx, row, outcome, self._clock())
        await self._tidy(claim.job.job_id)
        return row is not None

    async def cancel_waiting(self, job_id: str) -> bool:
        async with self._db.write() as tx:
            if row := await tx.one("SELECT * FROM jobs WHERE id = ? AND state = 'waiting'", job_id):
                await end(tx, row, Cancelled().as_failed(row["checkpoint"]), self._clock())
        if row:
            await self._tidy(job_id)
        return row is not None

    async def request_cancel(self, claim: Claim) -> None:
        sql = "UPDATE jobs SET doomed = 1 WHERE id = ? AND fence = ? AND state = 'running'"
        async with self._db.write() as tx:
            await tx.run(sql, claim.job.job_id, claim.attempt)

    async def recover(self) -> None:
        """At start, folders and deleted bytes left over go, too; later, photos that are being taken in lie there."""
        async with self._reading, self._db.write() as tx:
            running = await tx.all("SELECT * FROM jobs WHERE state = 'running'")
            for row in running:
                await self._outlived(tx, row)
            await tx.run("DELETE FROM moves")
            await tx.run("INSERT INTO moves (job) SELECT rowid FROM jobs WHERE state = 'waiting'")
            self._line = _Line()
        for row in running:
            await self._tidy(row["id"])
        if self._fresh:
            self._fresh = False
            known = {row["id"] for row in await self._db.all(KEEPS_FOLDER)}
            await asyncio.to_thread(self._files.sweep, known)
            await self._db.checkpoint()

    async def _outlived(self, tx: Transaction, row: sqlite3.Row) -> None:
        """The bot died under this job, and the job did not."""
        sql = "UPDATE jobs SET kills = kills + 1, attempts = attempts - charged WHERE id = ?"
        await tx.run(sql, row["id"])
        await _wait_again(tx, row, row["alive"])
        if row["doomed"]:
            await end(tx, row, Cancelled().as_failed(row["checkpoint"]), self._clock())
        elif row["kills"] + 1 >= MOST_KILLS:
            await end(tx, row, WorkerDied().as_failed(row["checkpoint"]), self._clock())

    async def _tidy(self, job_id: str) -> None:
        """A job that came to nothing, or whose pet was forgotten meanwhile, keeps no folder."""
        if not await self._db.one(f"{KEEPS_FOLDER} AND id = ?", job_id):
            await asyncio.to_thread(self._files.remove, job_id)


class _Line:
    """Who waits, as of the move `seen`."""

    def __init__(self) -> None:
        self.seen = 0
        self.tickets: list[Ticket] = []
        self._all: dict[int, tuple[float, int, Ticket]] = {}  # by rowid, with what sorts them

    def see(self, moved: Sequence[sqlite3.Row]) -> None:
        """Rows of MOVED."""
        for row in moved:
            self._all.pop(row["job"], None)
            if row["job_id"]:
                self._all[row["job"]] = (row["created"], row["job"], _ticket(row))
        if moved:
            self.seen = moved[-1]["move"]
            self.tickets = [ticket for _, _, ticket in sorted(self._all.values())]


def _ticket(row: sqlite3.Row) -> Ticket:
    return Ticket(
        job_id=row["job_id"],
        kind=row["kind"],
        user_id=row["user_id"],
        guild_id=row["guild_id"],
        created=row["created"],
        begun=row["begun"],
    )


async def _held(tx: Transaction, claim: Claim) -> sqlite3.Row | None:
    """The job's row, if this claim is the one that runs it."""
    sql = "SELECT * FROM jobs WHERE id = ? AND fence = ? AND state = 'running'"
    return await tx.one(sql, claim.job.job_id, claim.attempt)


async def _wait_again(tx: Transaction, row: sqlite3.Row, until: float) -> None:
    sql = """UPDATE jobs SET state = 'waiting', charged = 0, claimed = NULL,
             seconds = seconds + (? - claimed) WHERE id = ?"""
    await tx.run(sql, until, row["id"])
