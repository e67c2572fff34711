"""What follows when a job ends: its state, its pet, its portraits and the answer that is owed, in one transaction.

Knows: the rows that change together. Does not know: when a job ends (journal.py) or how the answer reaches anybody.
"""

import sqlite3
from dataclasses import replace
from typing import Literal

from gpu.jobs import JOB, Enroll, Look
from gpu.line.journal import final_outcome
from gpu.outcomes import ENROLLED, LOOKED, Cause, Done, Enrolled, Failed, Looked
from gpu.pets import ADAPTER, CUTOUTS
from gpu.portraits import PORTRAIT, Portrait, Wish
from storage import pets
from storage.database import Database, Transaction
from storage.outbox import AnswerKind, AnswerPayload, Part, owe
from storage.portraits import WISH

State = Literal["done", "failed", "cancelled"]

LEAST_PHOTOS = 3  # good ones that a dog can be learnt from; as many as /enroll asks for
KEEP_LOOKED_S = 24 * 3600.0  # where failed enrolments are not kept: people shall be able to answer


async def settle(tx: Transaction, job: sqlite3.Row, outcome: Done | Failed, now: float, keep_failed_s: float) -> None:
    """Close a job that is waiting, running or looked.

    An enrolment that failed before it had learnt anything keeps its pet and photos for `keep_failed_s`, so that it can
    be tried again. Where that is 0, or another try would be no use, they go at once.
    """
    learnt = ENROLLED.validate_json(job["learnt"]) if job["learnt"] else None
    outcome = final_outcome(outcome, learnt, now - job["claimed"] if job["claimed"] else 0.0)
    body = JOB.validate_json(job["body"])
    has_photos = isinstance(body, Enroll) and not body.imported  # an import is tried again with its owner's zip
    keeps = isinstance(outcome, Failed) and has_photos and keep_failed_s and not outcome.cause.is_final
    kept_until = now + keep_failed_s if keeps else None
    answer = await _compose_answer(tx, job, outcome, kept_until)
    state, kind = _state_and_kind(outcome)
    sql = """UPDATE jobs SET state = ?2, error = ?3, finished = ?1, charged = 0, claimed = NULL, learnt = NULL,
             looked = NULL, learn_at = NULL, kept_until = ?4,
             seconds = seconds + coalesce(?1 - claimed, 0) WHERE id = ?5"""
    await tx.run(sql, now, state, _cause(outcome), kept_until, job["id"])
    if isinstance(outcome, Done):
        if isinstance(outcome.result, Enrolled):
            await _mark_ready(tx, job["pet_id"], outcome.result)
    elif job["kind"] == "enroll" and not kept_until:
        await pets.drop(tx, job["pet_id"])
    channel_id = job["thread_id"] or job["channel_id"]
    shows_sheet = kind == "enrolled" and has_photos and not job["looks"]  # else people have seen it, or there is none
    for part in (Part.SHEET, Part.ANSWER) if shows_sheet else (Part.ANSWER,):
        told = answer if part is Part.ANSWER else replace(answer, reply_to=None, portraits=())
        await owe(tx, job_id=job["id"], part=part, channel_id=channel_id, kind=kind, answer=told, due=now)


async def settle_look(
    tx: Transaction, job: sqlite3.Row, looked: Looked, now: float, keep_failed_s: float, look_s: float
) -> None:
    """What was seen in its photos is told, and the owner is asked: it is learnt by itself after `look_s`.

    Where too few photos are good it cannot be, and is kept as an enrolment that failed is.
    """
    seconds, number = job["seconds"] + now - job["claimed"], job["looks"] + 1
    learns = len(looked.cutouts) >= LEAST_PHOTOS
    learn_at, kept_until = (now + look_s, None) if learns else (None, now + (keep_failed_s or KEEP_LOOKED_S))
    sql = """UPDATE jobs SET state = 'looked', looks = ?2, looked = ?3, look_seconds = ?4, seconds = ?4, learn_at = ?5,
             kept_until = ?6, finished = ?1, charged = 0, claimed = NULL WHERE id = ?7"""
    seen = LOOKED.dump_json(looked).decode()
    await tx.run(sql, now, number, seen, seconds, learn_at, kept_until, job["id"])
    await tx.run("UPDATE pets SET class_word = ? WHERE id = ?", looked.class_word, job["pet_id"])
    answer = await _compose_answer(tx, job, Done(result=looked, seconds=now - job["claimed"]), kept_until)
    answer = replace(answer, look=number, learn_at=learn_at)
    channel_id, part = job["thread_id"] or job["channel_id"], Part.LOOK + number
    await owe(tx, job_id=job["id"], part=part, channel_id=channel_id, kind="looked", answer=answer, due=now)


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
    sql = "UPDATE pets SET state = 'ready', adapter = ?, cutouts = ?, class_word = ? WHERE id = ?"
    adapter, cutouts = ADAPTER.dump_json(result.adapter).decode(), CUTOUTS.dump_json(result.cutouts).decode()
    await tx.run(sql, adapter, cutouts, result.adapter.class_word, pet_id)


async def _compose_answer(
    tx: Transaction, job: sqlite3.Row, outcome: Done | Failed, kept_until: float | None
) -> AnswerPayload:
    """The answer; also adds the rows of its portraits."""
    body = JOB.validate_json(job["body"])
    assert not isinstance(body, Look)  # a look is stored as the enrolment that it begins
    result = outcome.result if isinstance(outcome, Done) else None
    portraits = () if result is None or isinstance(result, Looked) else result.portraits
    return AnswerPayload(
        pet_name=job["pet_name"],
        user_id=job["user_id"],
        locale=job["locale"],
        reply_to=job["reply_to"],
        asked_in=(job["guild_id"], job["thread_id"] or job["channel_id"]),
        wish=body.wish,
        photos=await named_photos(tx, job),
        outcome=_with_total_time(job, outcome),
        portraits=tuple([await _add_portrait(tx, job, body.wish, portrait) for portrait in portraits]),
        kept_until=kept_until,
        imported=isinstance(body, Enroll) and body.imported,
    )


async def named_photos(rows: Database | Transaction, job: sqlite3.Row) -> tuple[tuple[str, str], ...]:
    """(sha256, what it is called) of an enrolment's photos, in the order in which they were given."""
    body = JOB.validate_json(job["body"])
    if not isinstance(body, Enroll):
        return ()
    found = await rows.all("SELECT sha256, name FROM photos WHERE pet_id = ?", job["pet_id"])
    names = {row["sha256"]: row["name"] for row in found}
    return tuple((photo.sha256, names[photo.sha256]) for photo in body.photos)


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
