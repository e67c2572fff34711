"""What an operator's dashboard asks of the tables.

Knows: how much waits, and how many answers are owed. Does not know: Prometheus, or what is too much.
Both questions are answered from the indexes of what is open, so they stay quick however much is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Literal

from storage.database import Database
from storage.jobs import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Jobs of one kind that are not over."""

    kind: Kind
    state: Literal["waiting", "running"]
    jobs: int
    oldest: float  # seconds since the first of them was accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers that are owed."""

    owed: int
    retried: int  # of them, tried more than once


class Stats:
    """Looks; changes nothing."""

    def __init__(self, db: Database, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._clock = clock

    async def line(self) -> list[Queue]:
        """How much waits and runs; nothing for a kind of which there is none."""
        sql = """SELECT kind, state, count(*) AS jobs, min(created) AS first FROM jobs
                 WHERE state IN ('waiting', 'running') GROUP BY kind, state"""
        now = self._clock()
        return [
            Queue(kind=row["kind"], state=row["state"], jobs=row["jobs"], oldest=now - row["first"])
            for row in await self._db.all(sql)
        ]

    async def outbox(self) -> Answers:
        """What is still owed."""
        sql = """SELECT count(*), count(*) FILTER (WHERE tries > 1) FROM outbox
                 WHERE message_id IS NULL AND closed IS NULL"""
        [row] = await self._db.all(sql)
        return Answers(owed=row[0], retried=row[1])
