"""A row of the jobs table: as a value, and written when its job is accepted.

Knows: the columns that people may ask about. Does not know: who may add one (jobs.py), or how it changes (journal.py).
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from gpu.jobs import JOB, Enroll, JobKind, Paint
from gpu.outcomes import Cause
from storage.database import Transaction

KIND = "CASE WHEN look THEN 'look' ELSE jobs.kind END"
"""What a job is to the line: an enrolment that begins with a look is one until that is answered."""

IMPORTED = '"imported":true'  # in the body of a job

Work = JobKind | Literal["import"]
"""What people are told that a job is: an enrolment whose dog comes as files learns nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job, as people may ask about it."""

    id: str  # 12 hex characters
    kind: JobKind  # look: an enrolment, until its look is answered
    work: Work
    pet_id: int | None  # None: the enrolment came to nothing
    pet_name: str
    guild_id: int
    user_id: int
    channel_id: int
    thread_id: int | None
    progress_message_id: int | None
    ack: tuple[int, int] | None  # (channel_id, message_id) of the first answer
    locale: str
    state: Literal["waiting", "running", "looked", "done", "failed", "cancelled"]  # looked: its owner is asked
    attempts: int  # charged
    fence: int  # of the newest claim
    created: float  # Unix seconds, as are the other times; once a look is answered, since then
    started: float | None
    finished: float | None
    looks: int  # that were done
    learn_at: float | None  # looked: it is learnt by itself then; None: it cannot be
    cause: Cause | None  # of a job that failed or was cancelled, or of whose enrolment only the first portrait was
    checkpoint: int  # training step
    seconds: float  # spent running until now, pauses left out


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPainting:
    """A painting that is done, and how long it took."""

    job: Paint
    seconds: float  # all of it, pauses left out
    picture: float  # seconds that one candidate took


async def insert(
    tx: Transaction,
    job: Enroll | Paint,
    now: float,
    row: tuple[object, ...],
    ack: tuple[int, int] | None,
    *,
    look: bool = False,
    looks: int = 0,
) -> JobRow:
    """The job's row; `row` holds the columns from pet_id on. `look`: it begins with one, after so many `looks`."""
    sql = """INSERT INTO jobs (id, kind, body, created, ack_channel_id, ack_message_id, look, looks,
                               pet_id, pet_name, guild_id, user_id, channel_id, thread_id, locale, reply_to)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *"""
    body = JOB.dump_json(job).decode()
    beginning = (job.job_id, job.kind, body, now, *(ack or (None, None)), look, looks)
    [made] = await tx.all(sql, *beginning, *row)
    return job_row(made, now)


def job_row(row: sqlite3.Row, now: float) -> JobRow:
    """The row as a value, at `now` (Unix seconds)."""
    claimed, kind = row["claimed"], "look" if row["look"] else row["kind"]
    return JobRow(
        id=row["id"],
        kind=kind,
        work="import" if IMPORTED in row["body"] else kind,
        pet_id=row["pet_id"],
        pet_name=row["pet_name"],
        guild_id=row["guild_id"],
        user_id=row["user_id"],
        channel_id=row["channel_id"],
        thread_id=row["thread_id"],
        progress_message_id=row["progress_message_id"],
        ack=(row["ack_channel_id"], row["ack_message_id"]) if row["ack_message_id"] else None,
        locale=row["locale"],
        state=row["state"],
        attempts=row["attempts"],
        fence=row["fence"],
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        looks=row["looks"],
        learn_at=row["learn_at"],
        cause=Cause(row["error"]) if row["error"] else None,
        checkpoint=row["checkpoint"],
        seconds=row["seconds"] + (now - claimed if claimed is not None else 0.0),
    )
