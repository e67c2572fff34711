"""A journal in memory, a double of storage.jobs.Jobs for the line's tests; it passes tests/journal_contract.py.

Knows: states, attempts, fences. Does not know: SQL, pets, pictures; an answer is only counted.
"""

from dataclasses import dataclass, field
from itertools import count

from gpu.errors import Cancelled, WorkerDied
from gpu.line import Claim, Ticket
from gpu.types import Done, Enroll, Failed, Paint, Progress

ATTEMPTS = 3


@dataclass
class Row:
    job: Enroll | Paint
    ticket: Ticket
    state: str = "waiting"
    charged: int = 0
    refunded: bool = True  # whether the newest claim's charge is given back
    fence: int = 0
    checkpoint: int = 0
    answers: list[Done | Failed] = field(default_factory=list[Done | Failed])


class MemoryJournal:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._clock = count()

    def accept(self, job: Enroll | Paint, user_id: int = 1) -> str:
        ticket = Ticket(job_id=job.job_id, kind=job.kind, user_id=user_id, guild_id=1, created=float(next(self._clock)))
        self.rows[job.job_id] = Row(job, ticket)
        return job.job_id

    async def waiting(self) -> list[Ticket]:
        return [row.ticket for row in self.rows.values() if row.state == "waiting"]

    async def claim(self, job_id: str) -> Claim | None:
        row = self.rows.get(job_id)
        if not row or row.state != "waiting":
            return None
        row.state, row.charged, row.refunded, row.fence = "running", row.charged + 1, False, row.fence + 1
        return Claim(job=row.job, attempt=row.fence)

    async def progressed(self, claim: Claim, progress: Progress) -> None:
        row = self._current(claim)
        if row and progress.checkpoint > row.checkpoint:
            row.checkpoint = progress.checkpoint
            self._refund(row)

    async def paused(self, claim: Claim) -> None:
        if row := self._current(claim):
            self._refund(row)
            row.state = "waiting"

    async def crashed(self, claim: Claim, failed: Failed) -> bool:
        row = self._current(claim)
        return row is not None and self._again(row, failed)

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        row = self._current(claim)
        if row:
            self._close(row, outcome)
        return row is not None

    async def cancelled(self, job_id: str) -> bool:
        row = self.rows.get(job_id)
        if not row or row.state != "waiting":
            return False
        self._close(row, Cancelled().as_failed())
        return True

    async def recover(self) -> None:
        for row in self.rows.values():
            if row.state == "running":
                self._again(row, WorkerDied().as_failed(row.checkpoint))

    def _current(self, claim: Claim) -> Row | None:
        row = self.rows[claim.job.job_id]
        return row if row.state == "running" and row.fence == claim.attempt else None

    def _refund(self, row: Row) -> None:
        row.charged -= not row.refunded
        row.refunded = True

    def _again(self, row: Row, failed: Failed) -> bool:
        row.state = "waiting"
        if row.charged >= ATTEMPTS:
            self._close(row, failed)
        return row.state == "waiting"

    def _close(self, row: Row, outcome: Done | Failed) -> None:
        row.answers.append(outcome)
        row.state = "done" if isinstance(outcome, Done) else "cancelled" if outcome.error == "Cancelled" else "failed"
