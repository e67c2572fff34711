"""Removes each night what is not needed any more, from the database, its folder and its copies.

Knows: which rows and files somebody still needs. Does not know: how long an operator wants things kept (bot.py's
settings), or how anything came to be.

Kept is whatever a waiting or running job reads, an owed answer shows, a pet is painted from (its adapter and cut-outs),
or erasure.py needs to find the bot's posts of a pet. What may go is named one by one below; anything else stays.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import time

from gpu.portraits import PORTRAIT
from storage.database import Database
from storage.files import Files
from storage.journal import KEEPS_FOLDER
from storage.outbox import ANSWER_OWED

log = logging.getLogger(__name__)

DAY_S = 86400.0
ORPHAN_S = DAY_S  # a folder of no known job may belong to an enrolment whose photos are being taken in
EXPORTS_S = 7 * DAY_S  # as people are told
ROWS_S = 30 * DAY_S
CHECKPOINTS, BETWEEN_S = 5, 1.0  # tries, and seconds between them; each waits for readers itself; under a minute in all

FINISHED = f"finished <= ? AND NOT {ANSWER_OWED}"  # a job that ended by then, with no answer owed
OLD_PAINTINGS = f"SELECT id FROM jobs WHERE kind = 'paint' AND state = 'done' AND {FINISHED}"
OLD_ENROLMENTS = f"SELECT id, pet_id FROM jobs WHERE kind = 'enroll' AND state = 'done' AND {FINISHED}"
WITH_PHOTOS = f"{OLD_ENROLMENTS} AND EXISTS (SELECT 1 FROM photos p WHERE p.pet_id = jobs.pet_id)"
DELETE_ANSWERS = f"""DELETE FROM outbox WHERE (message_id IS NOT NULL OR closed IS NOT NULL)
           AND job_id IN (SELECT id FROM jobs WHERE {FINISHED})
           AND (message_id IS NULL OR EXISTS (SELECT 1 FROM portraits p
                WHERE p.job_id = outbox.job_id AND p.message_id = outbox.message_id AND p.deleted IS NULL))"""
DELETE_FAILED_ENROLMENTS = f"DELETE FROM jobs WHERE pet_id IS NULL AND {FINISHED}"  # enrolments that came to nothing

DELETE_SETTINGS = """DELETE FROM notifications
           WHERE user_id NOT IN (SELECT owner_id FROM pets UNION SELECT user_id FROM jobs)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What one pass removed."""

    folders: int  # of unknown jobs, or of jobs that came to nothing
    paintings: int  # folders of painting jobs
    firsts: int  # folders of the first portraits of enrolments
    originals: int  # photos
    leftovers: int  # files of portraits that were taken down
    exports: int  # zips that waited for the operator
    jobs: int  # rows
    answers: int  # rows
    settings: int  # rows: how people want to be told of whom nothing else is kept


class Retention:
    """The nightly pass. Days of 0 mean for ever."""

    def __init__(
        self, db: Database, files: Files, *, photos_days: int, portraits_days: int, clock: Callable[[], float] = time
    ) -> None:
        self._db = db
        self._files = files
        self._photos_s = photos_days * DAY_S
        self._portraits_s = portraits_days * DAY_S
        self._clock = clock

    async def nightly(self, hour: int) -> None:
        """A pass now, since a bot that is stopped every evening would else never make one, and then at each `hour`."""
        while True:
            try:
                removed = await self.tidy()
                log.info("Tidied up", extra={"fields": asdict(removed)})
            except Exception:
                log.exception("Tidying up failed; it is tried again next night")
            now = datetime.now().astimezone()
            await asyncio.sleep((next_time(hour, now) - now).total_seconds())

    async def tidy(self) -> Removed:
        """One pass. Files go before the rows that name them, so that a crash leaves no file without a row."""
        removed = Removed(
            folders=await self._orphans(),
            paintings=await self._paintings() if self._portraits_s else 0,
            firsts=await self._firsts() if self._portraits_s else 0,
            originals=await self._originals() if self._photos_s else 0,
            leftovers=await self._leftovers(),
            exports=await asyncio.to_thread(self._files.remove_exports, EXPORTS_S),
            answers=await self._rows(DELETE_ANSWERS),
            jobs=await self._rows(DELETE_FAILED_ENROLMENTS),
            settings=await self._settings(),
        )
        await scrub(self._db)
        return removed

    async def _orphans(self) -> int:
        known = {row["id"] for row in await self._db.all(KEEPS_FOLDER)}
        return len(await asyncio.to_thread(self._files.sweep, known, ORPHAN_S))

    async def _paintings(self) -> int:
        """Folders of old paintings: the pictures are in Discord, and the recipes stay."""
        rows = await self._db.all(OLD_PAINTINGS, self._clock() - self._portraits_s)
        gone = {row["id"] for row in rows} & await asyncio.to_thread(self._files.found)
        for job_id in gone:
            await asyncio.to_thread(self._files.remove, job_id)
        return len(gone)

    async def _firsts(self) -> int:
        """The first portraits of dogs: as old paintings go, but beside them lies what was learnt."""
        rows = await self._db.all(OLD_ENROLMENTS, self._clock() - self._portraits_s)
        return await asyncio.to_thread(self._files.remove_portraits, [row["id"] for row in rows])

    async def _originals(self) -> int:
        """Photos of learnt pets: such a pet is painted from its adapter, and likeness is measured on its cut-outs."""
        count = 0
        for row in await self._db.all(WITH_PHOTOS, self._clock() - self._photos_s):
            await asyncio.to_thread(self._files.remove_photos, row["id"])
            async with self._db.write() as tx:
                count += await tx.run("DELETE FROM photos WHERE pet_id = ?", row["pet_id"])
        return count

    async def _leftovers(self) -> int:
        """Files of deleted portraits: a crash may have come between the row and the file."""
        rows = await self._db.all("SELECT portrait FROM portraits WHERE deleted IS NOT NULL")
        return await asyncio.to_thread(_unlink, [row["portrait"] for row in rows])

    async def _settings(self) -> int:
        async with self._db.write() as tx:
            return await tx.run(DELETE_SETTINGS)

    async def _rows(self, sql: str) -> int:
        async with self._db.write() as tx:
            return await tx.run(sql, self._clock() - ROWS_S)


def _unlink(portraits: list[str]) -> int:
    """Remove the files of these portraits (JSON); the number of files that were still there."""
    left = [path for one in portraits if (path := PORTRAIT.validate_json(one).path).exists()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def next_time(hour: int, now: datetime) -> datetime:
    """The next full `hour` after `now`, in its zone."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


async def scrub(db: Database) -> None:
    """Call after rows were deleted: empties the write-ahead log, and deletes from the copies every pet that is gone."""
    living = [row["id"] for row in await db.all("SELECT id FROM pets")]
    await asyncio.to_thread(db.backups.forget_all_but, living)
    for _ in range(CHECKPOINTS):
        if await db.checkpoint():
            return
        await asyncio.sleep(BETWEEN_S)
    log.warning("Another program keeps reading the database: its log still holds what was deleted, until the next try")
