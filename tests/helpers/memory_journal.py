"""A journal in memory, a double of storage.journal.JobJournal for the line's tests; it passes contracts/journal.py.

Knows: states, attempts, fences. Does not know: SQL, pets, pictures; an answer is only counted.
"""

from dataclasses import dataclass, field

from gpu.errors import Cancelled, WorkerDied
from gpu.jobs import Job, JobKind
from gpu.line.journal import Claim, final_outcome
from gpu.line.schedule import Ticket, Turn
from gpu.outcomes import Cause, Done, Enrolled, Failed, Looked, Progress

ATTEMPTS, KILLS = 3, 25


@dataclass
class Row:
    job: Job
    ticket: Ticket
    state: str = "waiting"
    charged: int = 0
    refunded: bool = True  # whether the newest claim's charge is given back
    fence: int = 0
    kills: int = 0
    cancel_requested: bool = False
    began: float | None = None
    alive: float = 0.0
    checkpoint: int = 0
    learnt: Enrolled | None = None
    answers: list[Done | Failed] = field(default_factory=list[Done | Failed])


class MemoryJournal:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._moment = 0  # of what was done last: a count that can be copied

    def accept(self, job: Job, user_id: int = 1) -> str:
        ticket = Ticket(job_id=job.job_id, kind=job.kind, user_id=user_id, guild_id=1, created=self._now())
        self.rows[job.job_id] = Row(job, ticket)
        return job.job_id

    async def waiting(self) -> list[Ticket]:
        return [
            row.ticket._replace(begun=None if row.charged or row.kills else row.began)
            for row in self.rows.values()
            if row.state == "waiting"
        ]

    async def turns(self) -> list[Turn]:
        last: dict[tuple[JobKind, int, int], float] = {}
        for row in self.rows.values():
            who = (row.ticket.kind, row.ticket.guild_id, row.ticket.user_id)
            last[who] = max(last.get(who, 0.0), row.alive)
        return sorted((Turn(*who, at) for who, at in last.items() if at), key=lambda turn: turn.at)

    async def claim(self, job_id: str) -> Claim | None:
        row = self.rows.get(job_id)
        if not row or row.state != "waiting":
            return None
        row.state, row.charged, row.refunded, row.fence = "running", row.charged + 1, False, row.fence + 1
        row.alive = self._now()
        row.began = row.began or row.alive
        return Claim(job=row.job, attempt=row.fence, at=row.alive)

    async def renew(self, claim: Claim) -> None:
        if row := self._current(claim):
            row.alive = self._now()

    async def note_checkpoint(self, claim: Claim, progress: Progress) -> None:
        row = self._current(claim)
        if row and (progress.checkpoint > row.checkpoint or (progress.learnt and not row.learnt)):
            row.checkpoint, row.kills, row.alive = max(row.checkpoint, progress.checkpoint), 0, self._now()
            row.learnt = row.learnt or progress.learnt
            self._refund(row)

    async def mark_paused(self, claim: Claim) -> None:
        if row := self._current(claim):
            self._refund(row)
            row.state = "waiting"

    async def mark_crashed(self, claim: Claim, failed: Failed) -> bool:
        row = self._current(claim)
        if row:
            row.state = "waiting"
            if row.charged >= ATTEMPTS:
                self._close(row, failed)
        return row is not None and row.state == "waiting"

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        row = self._current(claim)
        if row:
            self._close(row, outcome)
        return row is not None

    async def cancel_waiting(self, job_id: str) -> bool:
        row = self.rows.get(job_id)
        if not row or row.state not in ("waiting", "looked"):
            return False
        self._close(row, Cancelled().as_failed())
        return True

    async def request_cancel(self, claim: Claim) -> None:
        if row := self._current(claim):
            row.cancel_requested = True

    async def recover(self) -> None:
        for row in self.rows.values():
            if row.state == "running":
                self._refund(row)
                row.state, row.kills = "waiting", row.kills + 1
                if row.cancel_requested:
                    self._close(row, Cancelled().as_failed(row.checkpoint))
                elif row.kills >= KILLS:
                    self._close(row, WorkerDied().as_failed(row.checkpoint))

    def _now(self) -> float:
        self._moment += 1
        return float(self._moment)

    def _current(self, claim: Claim) -> Row | None:
        row = self.rows[claim.job.job_id]
        return row if row.state == "running" and row.fence == claim.attempt else None

    def _refund(self, row: Row) -> None:
        row.charged -= not row.refunded
        row.refunded = True

    def _close(self, row: Row, outcome: Done | Failed) -> None:
        outcome = final_outcome(outcome, row.learnt, seconds=0.0)
        row.answers.append(outcome)
        if isinstance(outcome, Done):
            row.state = "looked" if isinstance(outcome.result, Looked) else "done"
        else:
            row.state = "cancelled" if outcome.cause is Cause.CANCELLED else "failed"
