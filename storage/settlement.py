"""What follows when a job ends: its state, its pet, its portraits and the answer that is owed, in one transaction.

Knows: the rows that change together. Does not know: when a job ends (jobs.py) or how the answer reaches anybody.
"""

import sqlite3
from dataclasses import replace
from typing import Literal

from gpu.types import ADAPTER, CUTOUTS, JOB, PORTRAIT, Cause, Done, Enrolled, Failed, Portrait
from storage.database import Transaction
from storage.outbox import AnswerPayload, Kind, owe
from storage.portraits import WISH

State = Literal["done", "failed", "cancelled"]


async def end(tx: Transaction, job: sqlite3.Row, outcome: Done | Failed, now: float) -> None:
    """Close a job that is not closed yet. An enrolment that came to nothing takes its pet and photos along."""
    answer = await _answer(tx, job, outcome)
    state, kind = _names(outcome)
    if isinstance(outcome, Done):
        if isinstance(outcome.result, Enrolled):
            await _ready(tx, job["pet_id"], outcome.result)
    elif job["kind"] == "enroll":
        await tx.run("UPDATE jobs SET body = '' WHERE id = ?", job["id"])
        await tx.run("DELETE FROM pets WHERE id = ?", job["pet_id"])
    cause = outcome.cause if isinstance(outcome, Failed) else None
    sql = """UPDATE jobs SET state = ?2, error = ?3, finished = ?1, charged = 0, claimed = NULL,
             seconds = seconds + coalesce(?1 - claimed, 0) WHERE id = ?4"""
    await tx.run(sql, now, state, cause, job["id"])
    channel_id = job["thread_id"] or job["channel_id"]
    await owe(tx, job_id=job["id"], part=0, channel_id=channel_id, kind=kind, answer=answer, due=now)


def _names(outcome: Done | Failed) -> tuple[State, Kind]:
    if isinstance(outcome, Done):
        return "done", outcome.result.kind
    return ("cancelled", "cancelled") if outcome.cause is Cause.CANCELLED else ("failed", "failed")


async def _ready(tx: Transaction, pet_id: int, result: Enrolled) -> None:
    sql = "UPDATE pets SET state = 'ready', adapter = ?, cutouts = ? WHERE id = ?"
    cutouts = CUTOUTS.dump_json(result.cutouts).decode()
    await tx.run(sql, ADAPTER.dump_json(result.adapter).decode(), cutouts, pet_id)


async def _answer(tx: Transaction, job: sqlite3.Row, outcome: Done | Failed) -> AnswerPayload:
    """The answer, with the rows of its portraits made."""
    wish = JOB.validate_json(job["body"]).wish
    portraits = outcome.result.portraits if isinstance(outcome, Done) else ()
    photos = await tx.all("SELECT sha256, name FROM photos WHERE pet_id = ?", job["pet_id"])
    return AnswerPayload(
        pet_id=job["pet_id"] if isinstance(outcome, Done) or job["kind"] == "paint" else None,
        pet_name=job["pet_name"],
        user_id=job["user_id"],
        locale=job["locale"],
        reply_to=job["reply_to"],
        wish=wish,
        photos=tuple((row["sha256"], row["name"]) for row in photos) if job["kind"] == "enroll" else (),
        outcome=_in_all(job, outcome),
        portraits=tuple([await _hang(tx, job, WISH.dump_json(wish).decode(), portrait) for portrait in portraits]),
    )


def _in_all(job: sqlite3.Row, outcome: Done | Failed) -> Done | Failed:
    """With the time of all runs: a person who waited through a pause is not told of the last one alone."""
    return replace(outcome, seconds=job["seconds"] + outcome.seconds) if isinstance(outcome, Done) else outcome


async def _hang(tx: Transaction, job: sqlite3.Row, wish: str, portrait: Portrait) -> int:
    sql = """INSERT INTO portraits (job_id, pet_id, requester_id, channel_id, wish, portrait)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING id"""
    channel_id = job["thread_id"] or job["channel_id"]
    recipe = PORTRAIT.dump_json(portrait).decode()
    [row] = await tx.all(sql, job["id"], job["pet_id"], job["user_id"], channel_id, wish, recipe)
    return row["id"]
