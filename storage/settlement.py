"""What follows when a job ends: its state, its pet, its portraits and the answer that is owed, in one transaction.

Knows: the rows that change together. Does not know: when a job ends (journal.py) or how the answer reaches anybody.
"""

import sqlite3
from dataclasses import replace
from typing import Literal

from gpu.types import ADAPTER, CUTOUTS, JOB, PORTRAIT, Cause, Done, Enrolled, Failed, Portrait, Wish
from storage.database import Transaction
from storage.outbox import AnswerKind, AnswerPayload, Part, owe
from storage.portraits import WISH

State = Literal["done", "failed", "cancelled"]


async def settle(tx: Transaction, job: sqlite3.Row, outcome: Done | Failed, now: float) -> None:
    """Close a job that is waiting or running. An enrolment that came to nothing takes its pet and photos along."""
    answer = await _compose_answer(tx, job, outcome)
    state, kind = _state_and_kind(outcome)
    if isinstance(outcome, Done):
        if isinstance(outcome.result, Enrolled):
            await _mark_ready(tx, job["pet_id"], outcome.result)
    elif job["kind"] == "enroll":
        await tx.run("UPDATE jobs SET body = '' WHERE id = ?", job["id"])
        await tx.run("DELETE FROM pets WHERE id = ?", job["pet_id"])
    cause = outcome.cause if isinstance(outcome, Failed) else None
    sql = """UPDATE jobs SET state = ?2, error = ?3, finished = ?1, charged = 0, claimed = NULL,
             seconds = seconds + coalesce(?1 - claimed, 0) WHERE id = ?4"""
    await tx.run(sql, now, state, cause, job["id"])
    channel_id = job["thread_id"] or job["channel_id"]
    for part in (Part.SHEET, Part.ANSWER) if kind == "enrolled" else (Part.ANSWER,):
        told = answer if part is Part.ANSWER else replace(answer, reply_to=None, portraits=())
        await owe(tx, job_id=job["id"], part=part, channel_id=channel_id, kind=kind, answer=told, due=now)


def _state_and_kind(outcome: Done | Failed) -> tuple[State, AnswerKind]:
    if isinstance(outcome, Done):
        return "done", outcome.result.kind
    return ("cancelled", "cancelled") if outcome.cause is Cause.CANCELLED else ("failed", "failed")


async def _mark_ready(tx: Transaction, pet_id: int, result: Enrolled) -> None:
    sql = "UPDATE pets SET state = 'ready', adapter = ?, cutouts = ? WHERE id = ?"
    cutouts = CUTOUTS.dump_json(result.cutouts).decode()
    await tx.run(sql, ADAPTER.dump_json(result.adapter).decode(), cutouts, pet_id)


async def _compose_answer(tx: Transaction, job: sqlite3.Row, outcome: Done | Failed) -> AnswerPayload:
    """The answer; also adds the rows of its portraits."""
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
        outcome=_with_total_time(job, outcome),
        portraits=tuple([await _add_portrait(tx, job, wish, portrait) for portrait in portraits]),
    )


def _with_total_time(job: sqlite3.Row, outcome: Done | Failed) -> Done | Failed:
    """The outcome with the seconds of all its runs, not of the last one alone: a job may have been paused."""
    return replace(outcome, seconds=job["seconds"] + outcome.seconds) if isinstance(outcome, Done) else outcome


async def _add_portrait(tx: Transaction, job: sqlite3.Row, wish: Wish, portrait: Portrait) -> int:
    sql = """INSERT INTO portraits (job_id, pet_id, requester_id, channel_id, wish, portrait)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING id"""
    channel_id = job["thread_id"] or job["channel_id"]
    asked, recipe = WISH.dump_json(wish).decode(), PORTRAIT.dump_json(portrait).decode()
    [row] = await tx.all(sql, job["id"], job["pet_id"], job["user_id"], channel_id, asked, recipe)
    return row["id"]
