"""Enrolments that failed before anything was learnt: their photos are kept for a while, to be tried again.

Knows: which those are, how one is put in line again, and that they go when their time is over. Does not know: how long
that is, or which failures are worth another try (settlement.py), or how people ask for one (cogs/try_again.py).

A try is a job of its own, with a folder of its own. The photos and the checkpoint are in both folders before the row of
the new job is committed, and only then does the old folder go, so a crash at any moment loses no photo.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from time import time

from gpu.jobs import JOB, Enroll
from gpu.outcomes import Cause
from storage import pets
from storage.database import Database, Transaction
from storage.files import Files
from storage.job_rows import JobRow, insert
from storage.jobs import Jobs, new_job_id
from storage.retention import scrub

log = logging.getLogger(__name__)

LOOK_S = 600.0  # between two looks for those whose time is over
SHARED = ("photos", "checkpoint", "adapter")  # cut-outs name their own folder, and are made again in seconds


class NotKept(Exception):
    """Nothing is kept of this enrolment any more."""


class TriedAgain(Exception):
    """This enrolment was tried again already."""


class FailedEnrolments:
    """Failed enrolments whose photos are kept, by the ids of their jobs."""

    def __init__(self, db: Database, files: Files, jobs: Jobs, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._files = files
        self._jobs = jobs
        self._clock = clock

    async def pet_id(self, job_id: str) -> int:
        """The pet that was to be learnt. Raises NotKept, TriedAgain."""
        return (await _kept(self._db, job_id))["pet_id"]

    async def retry(self, job_id: str, *, locale: str, pets_each: int) -> JobRow:
        """Put it in line again: the same photos, name and wish; once. One that failed at a look is looked at again.

        Raises NotKept, TriedAgain, TooManyPets, LineFull, TooManyJobs.
        """
        await _kept(self._db, job_id)
        again = new_job_id()
        try:
            await asyncio.to_thread(self._files.share, job_id, again, SHARED)
            async with self._db.write() as tx:
                accepted = await self._accept(tx, await _kept(tx, job_id), again, locale, pets_each)
        except Exception as error:  # not CancelledError: it may be accepted by then
            await asyncio.to_thread(self._files.remove, again)
            if isinstance(error, FileNotFoundError):
                raise NotKept(NotKept.__doc__) from error
            raise
        await asyncio.to_thread(self._files.remove, job_id)
        return accepted

    async def _accept(self, tx: Transaction, old: sqlite3.Row, job_id: str, locale: str, pets_each: int) -> JobRow:
        await self._jobs.check_limits_in(tx, old["guild_id"], old["user_id"])
        await pets.check_count(tx, old["guild_id"], old["user_id"], pets_each)
        job = self._same_again(old, job_id)
        look, looks = bool(old["look"]), old["looks"]
        for photo in job.photos:
            sql = "UPDATE photos SET path = ? WHERE pet_id = ? AND sha256 = ?"
            await tx.run(sql, str(photo.path), old["pet_id"], photo.sha256)
        await tx.run("UPDATE jobs SET kept_until = NULL, body = '' WHERE id = ?", old["id"])
        pet = await tx.one("SELECT channel_id, thread_id FROM pets WHERE id = ?", old["pet_id"])
        assert pet is not None  # or its job would not be kept
        home = pet["channel_id"], pet["thread_id"]
        row = (old["pet_id"], old["pet_name"], old["guild_id"], old["user_id"], *home, locale, None)
        ack = (old["ack_channel_id"], old["ack_message_id"]) if old["ack_message_id"] else None
        return await insert(tx, job, self._clock(), row, ack, look=look, looks=looks)

    def _same_again(self, old: sqlite3.Row, job_id: str) -> Enroll:
        job, folder = JOB.validate_json(old["body"]), self._files.photo_folder(job_id)
        assert isinstance(job, Enroll)
        photos = tuple(replace(photo, path=folder / photo.path.name) for photo in job.photos)
        seed = job.seed + (old["error"] == Cause.NOT_FINITE)  # the same steps again would end in the same way
        return replace(job, job_id=job_id, folder=self._files.job_folder(job_id), photos=photos, seed=seed)

    async def expire(self) -> int:
        """Remove those whose time is over, with all that is kept of them; their number."""
        async with self._db.write() as tx:
            over = await tx.all("SELECT pet_id FROM jobs WHERE kept_until <= ?", self._clock())
            gone = [job_id for row in over for job_id in await pets.drop(tx, row["pet_id"])]
        for job_id in gone:
            await asyncio.to_thread(self._files.remove, job_id)
        if gone:
            await scrub(self._db)
        return len(over)

    async def work(self) -> None:
        """Remove whatever comes to its end, until cancelled."""
        while True:
            try:
                if count := await self.expire():
                    log.info("Failed enrolments are not kept any longer", extra={"fields": {"enrolments": count}})
            except Exception:
                log.exception("Failed enrolments could not be removed; it is tried again")
            await asyncio.sleep(LOOK_S)


async def _kept(rows: Database | Transaction, job_id: str) -> sqlite3.Row:
    """The row of a failed enrolment. Raises NotKept, TriedAgain."""
    row = await rows.one("SELECT * FROM jobs WHERE id = ?", job_id)
    if row is None or row["pet_id"] is None:
        raise NotKept(NotKept.__doc__)
    if row["state"] == "looked":
        raise NotKept(NotKept.__doc__)
    if row["kept_until"] is None:
        raise TriedAgain(TriedAgain.__doc__)
    return row
