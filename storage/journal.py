"""The line's journal: claims, checkpoints, pauses and outcomes, as rows.

An accepted job runs at least once, fenced by its attempt's number; after three charged attempts, or 25 kills of the bot
without a checkpoint, it is set aside with a reason that people are told.
Knows: the rules of attempts and fences. Does not know: whose turn it is (gpu/line/schedule.py), what a job computes,
how it was accepted (jobs.py), or what follows from its end (settlement.py).

A claim raises `fence` and charges an attempt. A claim with an older fence is stale and changes nothing. An attempt is
refunded at most once a claim: on a pause, when a newer checkpoint is safe, or when the bot died and not the child.
The lease (`alive`) is renewed for as long as the job makes progress. Only one bot can hold the folder, so no lease has
to run out: when the bot starts, every earlier run is over, and the lease says how long it really lasted.

The tickets of waiting jobs are kept in memory too. The table `moves` says which rows to read again: triggers note every
job that came, went or changed its state, whoever changed it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from time import time

from gpu.errors import Cancelled, WorkerDied
from gpu.jobs import JOB, Enroll, Job, Look
from gpu.line.journal import Claim, Journal
from gpu.line.schedule import Ticket, Turn
from gpu.outcomes import ENROLLED, Done, Failed, Looked, Progress
from storage import settlement
from storage.database import Database, Transaction
from storage.files import Files
from storage.job_rows import KIND

MOST_ATTEMPTS = 3  # charged ones; then the job is set aside
MOST_KILLS = 25  # of the bot under a job; then it is set aside too

MOVED_JOBS = f"""
SELECT moves.id AS move, job, jobs.id AS job_id, {KIND} AS kind, user_id, guild_id, created,
       CASE WHEN attempts + kills = 0 THEN started END AS begun
FROM moves LEFT JOIN jobs ON jobs.rowid = job AND state = 'waiting' WHERE moves.id > ? ORDER BY moves.id
"""
KEEPS_FOLDER = "SELECT id FROM jobs WHERE (state IN ('waiting', 'running', 'looked', 'done') OR kept_until IS NOT NULL)"


class JobJournal(Journal):
    """The line's journal over the jobs table; gpu/line/journal.py says what each method promises."""

    def __init__(
        self,
        db: Database,
        files: Files,
        clock: Callable[[], float] = time,
        keep_failed_s: float = 0.0,
        look_s: float = 900.0,
    ) -> None:
        """Of failed enrolments the photos are kept for `keep_failed_s`; people have `look_s` to answer a look."""
        self._db = db
        self._files = files
        self._clock = clock
        self._keep_failed_s = keep_failed_s
        self._look_s = look_s
        self._first_recovery = True  # no photo is being taken in yet
        self._waiting = _WaitingTickets()
        self._reading = asyncio.Lock()

    async def waiting(self) -> list[Ticket]:
        async with self._reading:
            self._waiting.update(await self._db.all(MOVED_JOBS, self._waiting.newest_move))
            return self._waiting.tickets

    async def turns(self) -> list[Turn]:
        sql = f"""SELECT {KIND} AS kind, guild_id, user_id, max(alive) AS at FROM jobs WHERE alive IS NOT NULL
                  GROUP BY jobs.kind, look, guild_id, user_id ORDER BY at"""
        return [Turn(*row) for row in await self._db.all(sql)]

    async def claim(self, job_id: str) -> Claim | None:
        sql = """UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1, charged = 1,
                 claimed = ?1, alive = ?1, started = coalesce(started, ?1) WHERE id = ?2 AND state = 'waiting'
                 RETURNING body, look, fence, claimed"""
        async with self._db.write() as tx:
            row = await tx.one(sql, self._clock(), job_id)
            await tx.run("DELETE FROM moves WHERE id <= ?", self._waiting.newest_move)
        return Claim(job=_job(row), attempt=row["fence"], at=row["claimed"]) if row else None

    async def renew(self, claim: Claim) -> None:
        sql = "UPDATE jobs SET alive = ? WHERE id = ? AND fence = ? AND state = 'running'"
        async with self._db.write() as tx:
            await tx.run(sql, self._clock(), claim.job.job_id, claim.attempt)

    async def note_checkpoint(self, claim: Claim, progress: Progress) -> None:
        sql = """UPDATE jobs SET checkpoint = max(checkpoint, ?1), alive = ?2, learnt = coalesce(learnt, ?3), kills = 0,
                 attempts = attempts - charged, charged = 0 WHERE id = ?4 AND fence = ?5 AND state = 'running'
                 AND (checkpoint < ?1 OR learnt IS NULL AND ?3 IS NOT NULL)"""
        learnt = ENROLLED.dump_json(progress.learnt).decode() if progress.learnt else None
        if progress.checkpoint > 0:
            async with self._db.write() as tx:
                await tx.run(sql, progress.checkpoint, self._clock(), learnt, claim.job.job_id, claim.attempt)

    async def mark_paused(self, claim: Claim) -> None:
        async with self._db.write() as tx:
            if row := await _claimed_row(tx, claim):
                await tx.run("UPDATE jobs SET attempts = attempts - charged WHERE id = ?", row["id"])
                await _wait_again(tx, row, self._clock())
        await self._remove_useless_folder(claim.job.job_id)

    async def mark_crashed(self, claim: Claim, failed: Failed) -> bool:
        async with self._db.write() as tx:
            row = await _claimed_row(tx, claim)
            again = row is not None and row["attempts"] < MOST_ATTEMPTS
            if row and again:
                await _wait_again(tx, row, self._clock())
            elif row:
                await self._settle(tx, row, failed)
        await self._remove_useless_folder(claim.job.job_id)
        return again

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        async with self._db.write() as tx:
            if row := await _claimed_row(tx, claim):
                await self._settle(tx, row, outcome)
        await self._remove_useless_folder(claim.job.job_id)
        return row is not None

    async def cancel_waiting(self, job_id: str) -> bool:
        async with self._db.write() as tx:
            if row := await tx.one("SELECT * FROM jobs WHERE id = ? AND state IN ('waiting', 'looked')", job_id):
                await self._settle(tx, row, Cancelled().as_failed(row["checkpoint"]))
        if row:
            await self._remove_useless_folder(job_id)
        return row is not None

    async def request_cancel(self, claim: Claim) -> None:
        sql = "UPDATE jobs SET doomed = 1 WHERE id = ? AND fence = ? AND state = 'running'"
        async with self._db.write() as tx:
            await tx.run(sql, claim.job.job_id, claim.attempt)

    async def recover(self) -> None:
        """The first time, left-over folders go too; later, one may hold the photos of a job to come."""
        async with self._reading, self._db.write() as tx:
            running = await tx.all("SELECT * FROM jobs WHERE state = 'running'")
            for row in running:
                await self._requeue_after_kill(tx, row)
            await tx.run("DELETE FROM moves")
            await tx.run("INSERT INTO moves (job) SELECT rowid FROM jobs WHERE state = 'waiting'")
            self._waiting = _WaitingTickets()
        for row in running:
            await self._remove_useless_folder(row["id"])
        if self._first_recovery:
            self._first_recovery = False
            known = {row["id"] for row in await self._db.all(KEEPS_FOLDER)}
            await asyncio.to_thread(self._files.sweep, known)
            await self._db.checkpoint()

    async def _requeue_after_kill(self, tx: Transaction, row: sqlite3.Row) -> None:
        """The bot died while this job ran: it waits again, unless somebody cancelled it or this was the 25th time."""
        sql = "UPDATE jobs SET kills = kills + 1, attempts = attempts - charged WHERE id = ?"
        await tx.run(sql, row["id"])
        waiting = await _wait_again(tx, row, row["alive"])
        if waiting["doomed"]:
            await self._settle(tx, waiting, Cancelled().as_failed(waiting["checkpoint"]))
        elif waiting["kills"] >= MOST_KILLS:
            await self._settle(tx, waiting, WorkerDied().as_failed(waiting["checkpoint"]))

    async def _settle(self, tx: Transaction, row: sqlite3.Row, outcome: Done | Failed) -> None:
        if isinstance(outcome, Done) and isinstance(outcome.result, Looked):
            await settlement.settle_look(tx, row, outcome.result, self._clock(), self._keep_failed_s, self._look_s)
        else:
            await settlement.settle(tx, row, outcome, self._clock(), self._keep_failed_s)

    async def _remove_useless_folder(self, job_id: str) -> None:
        """Remove the folder of a job that came to nothing, or whose pet was forgotten meanwhile."""
        if not await self._db.one(f"{KEEPS_FOLDER} AND id = ?", job_id):
            await asyncio.to_thread(self._files.remove, job_id)


class _WaitingTickets:
    """The tickets of all waiting jobs, as of the row `newest_move` of the table moves."""

    def __init__(self) -> None:
        self.newest_move = 0
        self.tickets: list[Ticket] = []
        self._all: dict[int, tuple[float, int, Ticket]] = {}  # by rowid of the job; (created, rowid, ticket)

    def update(self, moved: Sequence[sqlite3.Row]) -> None:
        """Take in the rows of MOVED_JOBS: what moved is dropped, and added again where it waits."""
        for row in moved:
            self._all.pop(row["job"], None)
            if row["job_id"]:
                self._all[row["job"]] = (row["created"], row["job"], _ticket(row))
        if moved:
            self.newest_move = moved[-1]["move"]
            self.tickets = [ticket for _, _, ticket in sorted(self._all.values())]


def _job(row: sqlite3.Row) -> Job:
    """What is to be run now."""
    job = JOB.validate_json(row["body"])
    if isinstance(job, Enroll) and row["look"]:
        return Look(job_id=job.job_id, folder=job.folder, photos=job.photos, class_word=job.class_word)
    return job


def _ticket(row: sqlite3.Row) -> Ticket:
    return Ticket(
        job_id=row["job_id"],
        kind=row["kind"],
        user_id=row["user_id"],
        guild_id=row["guild_id"],
        created=row["created"],
        begun=row["begun"],
    )


async def _claimed_row(tx: Transaction, claim: Claim) -> sqlite3.Row | None:
    """The job's row, or None if the claim is stale."""
    sql = "SELECT * FROM jobs WHERE id = ? AND fence = ? AND state = 'running'"
    return await tx.one(sql, claim.job.job_id, claim.attempt)


async def _wait_again(tx: Transaction, row: sqlite3.Row, until: float) -> sqlite3.Row:
    """The row as it is then."""
    sql = """UPDATE jobs SET state = 'waiting', charged = 0, claimed = NULL,
             seconds = seconds + (? - claimed) WHERE id = ? RETURNING *"""
    [waiting] = await tx.all(sql, until, row["id"])
    return waiting
