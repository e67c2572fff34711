"""Numbers for an operator's dashboard, from the tables.

Knows: how many jobs wait and run, how many answers are owed, what failed last. Does not know: Prometheus, or what is
too much. The numbers are answered from partial indexes of what is open, so they stay quick however many jobs are done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Literal

from gpu.jobs import JobKind
from gpu.outcomes import Cause
from storage.database import Database
from storage.job_rows import KIND


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Jobs of one kind that are not over."""

    kind: JobKind
    state: Literal["waiting", "running"]
    jobs: int
    oldest: float  # seconds since the first of them was accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers that are owed."""

    owed: int
    retried: int  # of them, tried more than once


class Stats:
    """Reads the tables; changes nothing."""

    def __init__(self, db: Database, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._clock = clock

    async def line(self) -> list[Queue]:
        """Jobs that wait or run, by kind and state; no entry where there are none."""
        sql = f"""SELECT {KIND} AS kind, state, count(*) AS jobs, min(created) AS first FROM jobs
                  WHERE state IN ('waiting', 'running') GROUP BY jobs.kind, look, state"""
        now = self._clock()
        return [
            Queue(kind=row["kind"], state=row["state"], jobs=row["jobs"], oldest=now - row["first"])
            for row in await self._db.all(sql)
        ]

    async def outbox(self) -> Answers:
        """How many answers are still owed."""
        sql = """SELECT count(*), count(*) FILTER (WHERE tries > 1) FROM outbox
                 WHERE message_id IS NULL AND closed IS NULL"""
        [row] = await self._db.all(sql)
        return Answers(owed=row[0], retried=row[1])

    async def last_failure(self) -> tuple[Cause, float] | None:
        """Why a job of anybody failed last, and when (Unix seconds). Looks at every job: not for each second."""
        sql = "SELECT error, finished FROM jobs WHERE state = 'failed' ORDER BY finished DESC LIMIT 1"
        row = await self._db.one(sql)
        return (Cause(row["error"]), row["finished"]) if row else None
