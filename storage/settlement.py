"""What follows when a job ends: its state, its pet, its portraits and the answer that is owed, in one transaction.

Knows: the rows that change together. Does not know: when a job ends (journal.py) or how the answer reaches anybody.
"""

import sqlite3
from dataclasses import replace
from typing import Literal

from gpu.line.journal import final_outcome
from gpu.types import ADAPTER, CUTOUTS, ENROLLED, JOB, PORTRAIT, Cause, Done, Enrolled, Failed, Portrait, Wish
from storage import pets
from storage.database import Transaction
from storage.outbox import AnswerKind, AnswerPayload, Part, owe
from storage.portraits import WISH

State = Literal["done", "failed", "cancelled"]


async def settle(tx: Transaction, job: sqlite3.Row, outcome: Done | Failed, now: float, keep_failed_s: float) -> None:
    """Close a job that is waiting or running.

    An enrolment that failed before it had learnt anything keeps its pet and photos for `keep_failed_s`, so that it can
    be tried again. Where that is 0, or another try would be no use, they go at once.
    """
    learnt = ENROLLED.validate_json(job["learnt"]) if job["learnt"] else None
    outcome = final_outcome(outcome, learnt, now - job["claimed"] if job["claimed"] else 0.0)
    keeps = isinstance(outcome, Failed) and job["kind"] == "enroll" and keep_failed_s and not outcome.cause.is_final
    kept_until = now + keep_failed_s if keeps else None
    answer = await _compose_answer(tx, job, outcome, kept_until)
    state, kind = _state_and_kind(outcome)
    sql = """UPDATE jobs SET state = ?2, error = ?3, finished = ?1, charged = 0, claimed = NULL, learnt = NULL,
             kept_until = ?4, seconds = seconds + coalesce(?1 - claimed, 0) WHERE id = ?5"""
    await tx.run(sql, now, state, _cause(outcome), kept_until, job["id"])
    if isinstance(outcome, Done):
        if isinstance(outcome.result, Enrolled):
            await _mark_ready(tx, job["pet_id"], outcome.result)
    elif job["kind"] == "enroll" and not kept_until:
        await pets.drop(tx, job["pet_id"])
    channel_id = job["thread_id"] or job["channel_id"]
    for part in (Part.SHEET, Part.ANSWER) if kind == "enrolled" else (Part.ANSWER,):
        told = answer if part is Part.ANSWER else replace(answer, reply_to=None, portraits=())
        await owe(tx, job_id=job["id"], part=part, channel_id=channel_id, kind=kind, answer=told, due=now)


def _cause(outcome: Done | Failed) -> Cause | None:
    """What went wrong, also if it was the first portrait alone."""
    if isinstance(outcome, Done):
        failed = outcome.result.failed if isinstance(outcome.result, Enrolled) else None
        return failed.cause if failed else None
    return outcome.cause


def _state_and_kind(outcome: Done | Failed) -> tuple[State, AnswerKind]:
    if isinstance(outcome, Done):
        return "done", outcome.result.kind
    return ("cancelled", "cancelled") if outcome.cause is Cause.CANCELLED else ("failed", "failed")


async def _mark_ready(tx: Transaction, pet_id: int, result: Enrolled) -> None:
    sql = "UPDATE pets SET state = 'ready', adapter = ?, cutouts = ? WHERE id = ?"
    cutouts = CUTOUTS.dump_json(result.cutouts).decode()
    await tx.run(sql, ADAPTER.dump_json(result.adapter).decode(), cutouts, pet_id)


async def _compose_answer(
    tx: Transaction, job: sqlite3.Row, outcome: Done | Failed, kept_until: float | None
) -> AnswerPayload:
    """The answer; also adds the rows of its portraits."""
    wish = JOB.validate_json(job["body"]).wish
    portraits = outcome.result.portraits if isinstance(outcome, Done) else ()
    photos = await tx.all("SELECT sha256, name FROM photos WHERE pet_id = ?", job["pet_id"])
    return AnswerPayload(
        pet_id=job["pet_id"] if isinstance(outcome, Done) or job["kind"] == "paint" or kept_until else None,
        pet_name=job["pet_name"],
        user_id=job["user_id"],
        locale=job["locale"],
        reply_to=job["reply_to"],
        wish=wish,
        photos=tuple((row["sha256"], row["name"]) for row in photos) if job["kind"] == "enroll" else (),
        outcome=_with_total_time(job, outcome),
        portraits=tuple([await _add_portrait(tx, job, wish, portrait) for portrait in portraits]),
        kept_until=kept_until,
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
