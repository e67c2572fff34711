"""The job rows: how a job is accepted, and what people may ask about it. The rows are the truth that the line reads.

An accepted job is never lost: these methods return once its row is committed, and only then is anybody told.
Knows: the jobs table. Does not know: whose turn it is (gpu/line/schedule.py), how a job is claimed and settled
(journal.py), or what it computes.
"""

import asyncio
import secrets
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from time import time

from gpu.jobs import JOB, Enroll, Paint, PaintOptions
from gpu.pets import ADAPTER, CUTOUTS
from gpu.portraits import Prompt, Wish
from storage import pets, presses, takedowns
from storage.database import Database, Transaction
from storage.files import Files
from storage.job_rows import IMPORTED, JobRow, PastPainting, Work, insert, job_row
from storage.names import clean_name
from storage.outbox import ANSWER_OWED
from storage.pets import Pet

USUAL = PaintOptions()
REPLACED_S = 60.0  # from then on a replaced progress message is taken down, if it is not gone


class PetNotReady(Exception):
    """The pet is still being learnt, or was forgotten meanwhile."""


class TooManyJobs(Exception):
    """This person has `count` jobs in line in this server, which is as many as one may have."""

    def __init__(self, count: int) -> None:
        super().__init__(self.__doc__)
        self.count = count


class LineFull(Exception):
    """There is no room in the line for anybody's job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """How many jobs that are not over there may be."""

    each: int = sys.maxsize  # of one person in one server
    total: int = sys.maxsize


def new_job_id() -> str:
    """An id for a job to come. Its photos are taken into its folder before it is accepted."""
    return secrets.token_hex(6)


class Jobs:
    """The jobs table as people see it: jobs are accepted and looked up."""

    def __init__(
        self, db: Database, files: Files, clock: Callable[[], float] = time, limits: QueueLimits = QueueLimits()
    ) -> None:
        self._db = db
        self._files = files
        self._clock = clock
        self._limits = limits

    async def check_limits(self, guild_id: int, user_id: int) -> None:
        """Raises LineFull or TooManyJobs as accepting a job would, for those who ask before photos are downloaded."""
        await self.check_limits_in(self._db, guild_id, user_id)

    async def accept_enroll(
        self,
        job: Enroll,
        *,
        name: str,
        names: tuple[str, ...] = (),
        guild_id: int,
        user_id: int,
        channel_id: int,
        locale: str,
        ack: tuple[int, int] | None = None,
        pets_each: int = sys.maxsize,
        look: bool = True,
        interaction_id: int | None = None,
    ) -> JobRow:
        """Add pet, photos and job in one transaction; `names` are what the photos are called.

        `look`: it begins with a look at the photos, after which its owner is asked (looks.py).
        What an interaction asked for before is returned, and not added.
        The owner's pet of that name goes if nothing was learnt of it and its photos are kept only to be tried again.
        Raises BadName, NameTaken, TooManyPets, LineFull, TooManyJobs, with no row kept.
        """
        name, now = clean_name(name), self._clock()
        async with self._db.write() as tx:
            if known := await presses.of_interaction(tx, interaction_id):
                return job_row(known, now)
            await self.check_limits_in(tx, guild_id, user_id)
            replaced = await pets.drop_failed(tx, guild_id, user_id, name)
            pet_id = await pets.add(
                tx,
                guild_id=guild_id,
                owner_id=user_id,
                name=name,
                class_word=job.class_word,
                channel_id=channel_id,
                photos=job.photos,
                names=names,
                most=pets_each,
                now=now,
            )
            row = (pet_id, name, guild_id, user_id, channel_id, None, locale, None)
            accepted = await insert(tx, job, now, row, ack, look=look)
            await presses.note(tx, interaction_id, job.job_id)
        for old in replaced:
            await asyncio.to_thread(self._files.remove, old)
        return accepted

    async def accept_paint(
        self,
        *,
        pet: Pet,
        user_id: int,
        channel_id: int,
        thread_id: int | None,
        wish: Wish,
        seeds: tuple[int, ...],
        prompt: Prompt | None = None,
        options: PaintOptions = USUAL,
        locale: str,
        reply_to: int | None = None,
        interaction_id: int | None = None,
    ) -> JobRow:
        """Add a job that paints with the adapter the pet has now. Raises PetNotReady, LineFull, TooManyJobs.

        One press is one job: what an interaction asked for before is returned, and not added (presses.py).
        """
        job_id = new_job_id()
        async with self._db.write() as tx:
            if known := await presses.find_job(tx, interaction_id, user_id, reply_to, wish, prompt, options):
                return job_row(known, self._clock())
            await self.check_limits_in(tx, pet.guild_id, user_id)
            ready = await tx.one("SELECT adapter, cutouts FROM pets WHERE id = ? AND state = 'ready'", pet.id)
            if ready is None:
                raise PetNotReady(PetNotReady.__doc__)
            job = Paint(
                job_id=job_id,
                folder=self._files.job_folder(job_id),
                adapter=ADAPTER.validate_json(ready["adapter"]),
                cutouts=CUTOUTS.validate_json(ready["cutouts"]),
                wish=wish,
                seeds=seeds,
                prompt=prompt,
                options=options,
            )
            row = (pet.id, pet.name, pet.guild_id, user_id, channel_id, thread_id, locale, reply_to)
            made = await insert(tx, job, self._clock(), row, None)
            await presses.note(tx, interaction_id, job_id)
            return made

    async def get(self, job_id: str) -> JobRow | None:
        """The job, or None if it is unknown or its pet was forgotten."""
        row = await self._db.one("SELECT * FROM jobs WHERE id = ?", job_id)
        return job_row(row, self._clock()) if row else None

    async def of_interaction(self, interaction_id: int) -> JobRow | None:
        """What this very interaction asked for before: Discord may send one again after a restart."""
        row = await presses.of_interaction(self._db, interaction_id)
        return job_row(row, self._clock()) if row else None

    async def active(self, guild_id: int | None = None, user_id: int | None = None) -> list[JobRow]:
        """Jobs that are waiting or running, oldest first; of one guild and one person, if given."""
        sql = """SELECT * FROM jobs WHERE state IN ('waiting', 'running')
                 AND (?1 IS NULL OR guild_id = ?1) AND (?2 IS NULL OR user_id = ?2) ORDER BY created, rowid"""
        now = self._clock()
        return [job_row(row, now) for row in await self._db.all(sql, guild_id, user_id)]

    async def looked(self, guild_id: int, user_id: int) -> list[JobRow]:
        """One person's enrolments that were looked at and wait for an answer, oldest first. They are not in line."""
        sql = "SELECT * FROM jobs WHERE state = 'looked' AND guild_id = ? AND user_id = ? ORDER BY created, rowid"
        now = self._clock()
        return [job_row(row, now) for row in await self._db.all(sql, guild_id, user_id)]

    async def set_progress_message(
        self, job_ids: Collection[str], message_id: int, replaced: Sequence[tuple[int, int]] = ()
    ) -> None:
        """Note which message shows how far these jobs have come, in place of these (channel_id, message_id).

        Those are owed a takedown from REPLACED_S on, unless they are gone by then (clear_progress_message).
        """
        async with self._db.write() as tx:
            await takedowns.owe_known(tx, replaced, self._clock(), later=REPLACED_S)
            for job_id in job_ids:
                await tx.run("UPDATE jobs SET progress_message_id = ? WHERE id = ?", message_id, job_id)

    async def clear_progress_message(self, message_id: int) -> None:
        """This message is gone: no job is shown by it."""
        async with self._db.write() as tx:
            await takedowns.not_owed(tx, message_id)
            await tx.run("UPDATE jobs SET progress_message_id = NULL WHERE progress_message_id = ?", message_id)

    async def still_shown(self, since: float, most: int) -> list[JobRow]:
        """Jobs that are over since then (Unix seconds), their answers sent, whose progress message is still noted."""
        sql = f"""SELECT * FROM jobs WHERE progress_message_id IS NOT NULL AND state NOT IN ('waiting', 'running')
                  AND finished > ? AND NOT {ANSWER_OWED} ORDER BY finished DESC LIMIT ?"""
        now = self._clock()
        return [job_row(row, now) for row in await self._db.all(sql, since, most)]

    async def durations(self, work: Work) -> float | None:
        """Seconds that the last ten jobs of this work took on average; None if none is done yet."""
        sql = """SELECT avg(seconds) FROM (SELECT seconds FROM jobs WHERE kind = ? AND state = 'done'
                 AND (instr(body, ?) > 0) = ? ORDER BY finished DESC LIMIT 10)"""
        looks = """SELECT avg(look_seconds) FROM (SELECT look_seconds FROM jobs
                   WHERE look_seconds IS NOT NULL ORDER BY created DESC LIMIT 10)"""
        if work == "look":
            row = await self._db.one(looks)
        else:
            imported = work == "import"
            row = await self._db.one(sql, "enroll" if imported else work, IMPORTED, imported)
        return row[0] if row else None

    async def past_paintings(self) -> list[PastPainting]:
        """The last ten that are done."""
        sql = """SELECT j.body, j.seconds, avg(json_extract(p.portrait, '$.seconds')) AS picture
                 FROM (SELECT id, body, seconds FROM jobs WHERE kind = 'paint' AND state = 'done'
                       ORDER BY finished DESC LIMIT 10) j
                 JOIN portraits p ON p.job_id = j.id GROUP BY j.id"""
        return [
            PastPainting(job=_paint(row["body"]), seconds=row["seconds"], picture=row["picture"])
            for row in await self._db.all(sql)
        ]

    async def paintings(self) -> dict[str, Paint]:
        """Those that are waiting or running, by id."""
        sql = "SELECT id, body FROM jobs WHERE kind = 'paint' AND state IN ('waiting', 'running')"
        return {row["id"]: _paint(row["body"]) for row in await self._db.all(sql)}

    async def check_limits_in(self, rows: Database | Transaction, guild_id: int, user_id: int) -> None:
        """check_limits(), within a transaction that accepts a job."""
        sql = """SELECT count(*) AS everybody, count(CASE WHEN guild_id = ? AND user_id = ? THEN 1 END) AS own
                 FROM jobs WHERE state IN ('waiting', 'running')"""
        [count] = await rows.all(sql, guild_id, user_id)
        if count["own"] >= self._limits.each:
            raise TooManyJobs(count["own"])
        if count["everybody"] >= self._limits.total:
            raise LineFull(LineFull.__doc__)


def _paint(body: str) -> Paint:
    job = JOB.validate_json(body)
    assert isinstance(job, Paint)
    return job
