"""The line's journal: claims, checkpoints, pauses and ends, as rows.

Knows: the rules of attempts and fences. Does not know: whose turn it is (gpu/line.py), what a job computes, how it was
accepted (jobs.py), or what follows from its end (settlement.py).

A claim raises `fence` and charges an attempt. Whoever comes with an older fence is stale and changes nothing. An
attempt is refunded at most once a claim: on a pause, or when a newer checkpoint is safe.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from time import time

from gpu.errors import Cancelled, WorkerDied
from gpu.line import Claim, Ticket
from gpu.types import JOB, Done, Failed, Progress
from storage.database import Database, Transaction
from storage.files import Files
from storage.settlement import end

MOST_ATTEMPTS = 3  # charged ones; then the job is set aside

KEEPS_FOLDER = "SELECT id FROM jobs WHERE state IN ('waiting', 'running', 'done')"


class JobJournal:
    """The Journal of gpu/line.py over the jobs table."""

    def __init__(self, db: Database, files: Files, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._files = files
        self._clock = clock

    async def waiting(self) -> list[Ticket]:
        """Jobs nobody runs, oldest first."""
        sql = "SELECT id, kind, user_id, guild_id, created FROM jobs WHERE state = 'waiting' ORDER BY created, rowid"
        rows = await self._db.all(sql)
        return [Ticket(job_id=row[0], kind=row[1], user_id=row[2], guild_id=row[3], created=row[4]) for row in rows]

    async def claim(self, job_id: str) -> Claim | None:
        """waiting -> running, charging one attempt; None if the job is not waiting."""
        sql = """UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1, charged = 1,
                 claimed = ?1, started = coalesce(started, ?1) WHERE id = ?2 AND state = 'waiting'
                 RETURNING body, fence"""
        async with self._db.write() as tx:
            row = await tx.one(sql, self._clock(), job_id)
        return Claim(job=JOB.validate_json(row["body"]), attempt=row["fence"]) if row else None

    async def progressed(self, claim: Claim, progress: Progress) -> None:
        """Keep a checkpoint that is newer than the stored one and refund the attempt; anything else is no news."""
        sql = """UPDATE jobs SET checkpoint = ?1, attempts = attempts - charged, charged = 0
                 WHERE id = ?2 AND fence = ?3 AND state = 'running' AND checkpoint < ?1"""
        if progress.checkpoint > 0:
            async with self._db.write() as tx:
                await tx.run(sql, progress.checkpoint, claim.job.job_id, claim.attempt)

    async def paused(self, claim: Claim) -> None:
        """running -> waiting, at its old place in line, the attempt refunded."""
        async with self._db.write() as tx:
            if row := await _held(tx, claim):
                await tx.run("UPDATE jobs SET attempts = attempts - charged WHERE id = ?", row["id"])
                await _wait_again(tx, row, self._clock())
        await self._tidy(claim.job.job_id)

    async def crashed(self, claim: Claim, failed: Failed) -> bool:
        """The child died under this job. True: attempts are left, the job waits again. False: set aside, or stale."""
        async with self._db.write() as tx:
            row = await _held(tx, claim)
            again = row is not None and await self._again_or_aside(tx, row, failed, until=self._clock())
        await self._tidy(claim.job.job_id)
        return again

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        """running -> done, failed or cancelled, with all that follows; False if the claim is stale."""
        async with self._db.write() as tx:
            if row := await _held(tx, claim):
                await end(tx, row, outcome, self._clock())
        await self._tidy(claim.job.job_id)
        return row is not None

    async def cancelled(self, job_id: str) -> bool:
        """waiting -> cancelled with its answer, True; False if the job is running, over or unknown."""
        async with self._db.write() as tx:
            if row := await tx.one("SELECT * FROM jobs WHERE id = ? AND state = 'waiting'", job_id):
                await end(tx, row, Cancelled().as_failed(row["checkpoint"]), self._clock())
        if row:
            await self._tidy(job_id)
        return row is not None

    async def recover(self) -> None:
        """At start: running -> waiting, or set aside after three attempts. Folders and deleted bytes left over go."""
        async with self._db.write() as tx:
            for row in await tx.all("SELECT * FROM jobs WHERE state = 'running'"):
                failed = WorkerDied().as_failed(row["checkpoint"])
                await self._again_or_aside(tx, row, failed, until=row["claimed"])  # nobody knows when it stopped
        known = {row["id"] for row in await self._db.all(KEEPS_FOLDER)}
        await asyncio.to_thread(self._files.sweep, known)
        await self._db.checkpoint()

    async def _again_or_aside(self, tx: Transaction, row: sqlite3.Row, failed: Failed, until: float) -> bool:
        if row["attempts"] >= MOST_ATTEMPTS:
            await end(tx, row, failed, self._clock())
            return False
        await _wait_again(tx, row, until)
        return True

    async def _tidy(self, job_id: str) -> None:
        """A job that came to nothing, or whose pet was forgotten meanwhile, keeps no folder."""
        if not await self._db.one(f"{KEEPS_FOLDER} AND id = ?", job_id):
            await asyncio.to_thread(self._files.remove, job_id)


async def _held(tx: Transaction, claim: Claim) -> sqlite3.Row | None:
    """The job's row, if this claim is the one that runs it."""
    sql = "SELECT * FROM jobs WHERE id = ? AND fence = ? AND state = 'running'"
    return await tx.one(sql, claim.job.job_id, claim.attempt)


async def _wait_again(tx: Transaction, row: sqlite3.Row, until: float) -> None:
    sql = """UPDATE jobs SET state = 'waiting', charged = 0, claimed = NULL,
             seconds = seconds + (? - claimed) WHERE id = ?"""
    await tx.run(sql, until, row["id"])
