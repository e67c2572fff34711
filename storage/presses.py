"""One press is one job: which interaction asked for which job, and when a second press means the first one.

Knows: the table presses. Does not know: which button it was, or how a job is accepted (jobs.py).
Discord may send an interaction twice, before and after a restart too. And people press twice where nothing seems to
happen: while what they asked for under this very message still waits, asking for the same again is no second job.
"""

import sqlite3

from gpu.jobs import JOB, Paint, PaintOptions
from gpu.portraits import Prompt, Wish
from storage.database import Database, Transaction

WAITING = """SELECT jobs.* FROM jobs JOIN presses ON presses.job_id = jobs.id
             WHERE state = 'waiting' AND kind = 'paint' AND user_id = ? AND reply_to = ?"""


async def note(tx: Transaction, interaction_id: int | None, job_id: str) -> None:
    """This interaction has asked for this job; None: it was no interaction."""
    if interaction_id is not None:
        await tx.run("INSERT INTO presses (interaction_id, job_id) VALUES (?, ?)", interaction_id, job_id)


async def of_interaction(rows: Database | Transaction, interaction_id: int | None) -> sqlite3.Row | None:
    """The row of the job that this very interaction has asked for."""
    sql = "SELECT jobs.* FROM jobs JOIN presses ON presses.job_id = jobs.id WHERE interaction_id = ?"
    return await rows.one(sql, interaction_id)


async def find_job(
    tx: Transaction,
    interaction_id: int | None,
    user_id: int,
    reply_to: int | None,
    wish: Wish,
    prompt: Prompt | None,
    options: PaintOptions,
) -> sqlite3.Row | None:
    """The job's row, if this interaction has asked for it, or an equal press whose job still waits."""
    if interaction_id is None:
        return None
    if row := await of_interaction(tx, interaction_id):
        return row
    waiting = await tx.all(WAITING, user_id, reply_to) if reply_to is not None else []
    same = next((row for row in waiting if _asks_for(row, wish, prompt, options)), None)
    if same:
        await note(tx, interaction_id, same["id"])
    return same


def _asks_for(row: sqlite3.Row, wish: Wish, prompt: Prompt | None, options: PaintOptions) -> bool:
    job = JOB.validate_json(row["body"])
    return isinstance(job, Paint) and (job.wish, job.prompt, job.options) == (wish, prompt, options)
