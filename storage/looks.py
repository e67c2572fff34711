"""Enrolments whose photos were looked at, and that wait for what their owner says.

Knows: how one goes on: it is learnt, with the place in line that it takes then, or looked at again with other photos
in place of the refused ones. Does not know: how a look ends (settlement.py), how people say it (cogs/), how one is
cancelled (journal.py) or forgotten (erasure.py). Where nothing can be learnt the photos go in time, as those of an
enrolment that failed do (failed.py).

A look has a number, from 1 up for each enrolment, so that the buttons under an older sheet do nothing.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import time

from gpu.jobs import JOB, Enroll
from gpu.outcomes import LOOKED, Looked
from gpu.pets import Photo
from storage.database import Database, Transaction
from storage.files import Files
from storage.job_rows import JobRow, job_row
from storage.jobs import Jobs, LineFull, TooManyJobs
from storage.pets import add_photo
from storage.settlement import named_photos

log = logging.getLogger(__name__)

WAIT = """UPDATE jobs SET state = 'waiting', look = ?, body = ?, created = ?, started = NULL, alive = NULL,
          finished = NULL, attempts = 0, kills = 0, doomed = 0, seconds = 0,
          looked = NULL, learn_at = NULL, kept_until = NULL WHERE id = ? RETURNING *"""


class NotLooked(Exception):
    """This enrolment does not wait for an answer to a look: it is being learnt already, or it is over."""


class OlderLook(Exception):
    """A newer look at the photos of this enrolment was made, or is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedRow:
    """An enrolment whose photos were looked at."""

    job_id: str
    pet_id: int
    pet_name: str
    guild_id: int
    owner_id: int
    look: int  # its number
    looked: Looked
    photos: tuple[tuple[str, str], ...]  # (sha256, what it is called), in the order of the sheet
    learn_at: float | None  # Unix seconds: then it is learnt by itself; None: too few photos are good
    kept_until: float | None  # Unix seconds: then its photos go, where too few are good


class Looks:
    """The enrolments that were looked at, by the ids of their jobs."""

    def __init__(self, db: Database, files: Files, jobs: Jobs, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._files = files
        self._jobs = jobs
        self._clock = clock
        self._lock = asyncio.Lock()  # held while files and rows of one change together

    async def get(self, job_id: str, look: int | None = None) -> LookedRow:
        """What was seen; with the number of a look, only if no newer one is there. Raises NotLooked, OlderLook."""
        row = await _looked(self._db, job_id, look)
        return LookedRow(
            job_id=job_id,
            pet_id=row["pet_id"],
            pet_name=row["pet_name"],
            guild_id=row["guild_id"],
            owner_id=row["user_id"],
            look=row["looks"],
            looked=LOOKED.validate_json(row["looked"]),
            photos=await named_photos(self._db, row),
            learn_at=row["learn_at"],
            kept_until=row["kept_until"],
        )

    async def learn(self, job_id: str, look: int) -> JobRow:
        """Put it in line to be learnt: its place is taken now. Of several calls one does it.

        Raises NotLooked, also where too few photos are good, OlderLook, LineFull, TooManyJobs.
        """
        async with self._lock, self._db.write() as tx:
            row = await _looked(tx, job_id, look)
            if row["learn_at"] is None:
                raise NotLooked(NotLooked.__doc__)
            job = replace(_enrolment(row), class_word=LOOKED.validate_json(row["looked"]).class_word)
            return await self._wait(tx, row, job, look=False)

    async def begin_due(self) -> list[JobRow]:
        """Put those in line whose owners have said nothing in time; one for which there is no room stays due."""
        begun: list[JobRow] = []
        sql = "SELECT id, looks FROM jobs WHERE learn_at <= ? ORDER BY learn_at, rowid"
        for row in await self._db.all(sql, self._clock()):
            try:
                begun.append(await self.learn(row["id"], row["looks"]))
            except (NotLooked, OlderLook, LineFull, TooManyJobs):  # somebody was quicker, or there is no room
                continue
            except Exception:  # those before it have begun, and the line has to hear of them
                log.exception("The learning of job %s could not begin; it is tried again", row["id"])
        return begun

    async def replace(self, job_id: str, look: int, photos: tuple[Photo, ...], names: tuple[str, ...]) -> JobRow:
        """Have it looked at again, with these photos in place of the refused ones, which go.

        They lie in the folder of a job to come, into which Intake took them, and come into this one's; discard that
        folder afterwards, whatever came of it. Raises NotLooked, OlderLook, LineFull, TooManyJobs, and keeps none then.
        """
        async with self._lock:
            await _looked(self._db, job_id, look)
            try:
                added = await asyncio.to_thread(self._files.add_photos, job_id, photos)
                async with self._db.write() as tx:
                    accepted = await self._replace(tx, await _looked(tx, job_id, look), added, names)
            except FileNotFoundError:  # it was forgotten meanwhile
                raise NotLooked(NotLooked.__doc__) from None
            finally:
                await self._remove_other_photos(job_id)
        return accepted

    async def _replace(
        self, tx: Transaction, row: sqlite3.Row, added: tuple[Photo, ...], names: tuple[str, ...]
    ) -> JobRow:
        """The rows; the files are there. What was cut out goes before the commit, or a crash could leave it."""
        refused = {one.photo for one in LOOKED.validate_json(row["looked"]).rejected}
        job = _enrolment(row)
        photos = {photo.sha256: photo for photo in job.photos if photo.sha256 not in refused}
        for sha256 in refused:
            await tx.run("DELETE FROM photos WHERE pet_id = ? AND sha256 = ?", row["pet_id"], sha256)
        for photo, name in zip(added, names, strict=True):
            if photos.setdefault(photo.sha256, photo) is photo:
                await add_photo(tx, row["pet_id"], photo, name)
        accepted = await self._wait(tx, row, replace(job, photos=tuple(photos.values())), look=True)
        await asyncio.to_thread(self._files.remove_cut, row["id"])
        return accepted

    async def _wait(self, tx: Transaction, row: sqlite3.Row, job: Enroll, *, look: bool) -> JobRow:
        await self._jobs.check_limits_in(tx, row["guild_id"], row["user_id"])
        now = self._clock()
        [waiting] = await tx.all(WAIT, look, JOB.dump_json(job).decode(), now, row["id"])
        return job_row(waiting, now)

    async def _remove_other_photos(self, job_id: str) -> None:
        """Leave the photos that its row names; nothing at all if it was forgotten."""
        if (row := await self._db.one("SELECT * FROM jobs WHERE id = ? AND body <> ''", job_id)) is None:
            await asyncio.to_thread(self._files.remove, job_id)
        else:
            names = {photo.path.name for photo in _enrolment(row).photos}
            await asyncio.to_thread(self._files.remove_photos_but, job_id, names)


async def _looked(rows: Database | Transaction, job_id: str, look: int | None) -> sqlite3.Row:
    """The row of an enrolment that waits for an answer to this look. Raises NotLooked, OlderLook."""
    row = await rows.one("SELECT * FROM jobs WHERE id = ? AND look = 1 AND pet_id IS NOT NULL", job_id)
    if row is None or row["state"] not in ("looked", "waiting", "running"):
        raise NotLooked(NotLooked.__doc__)
    if row["state"] != "looked" or look not in (None, row["looks"]):
        raise OlderLook(OlderLook.__doc__)
    return row


def _enrolment(row: sqlite3.Row) -> Enroll:
    job = JOB.validate_json(row["body"])
    assert isinstance(job, Enroll)  # a look is stored as the enrolment that it begins
    return job
