"""The one progress message of each job, and where everybody stands in line.

Knows: which message shows which job, how often it may be edited, how long things usually take. Does not know: what a
step is, or how the answer goes out (delivery.py). Nothing here is worth a retry: an edit that fails is dropped, and
the next one says more. A channel that refuses us is left alone for an hour, and so is a message in a thread that was
archived; one that somebody deleted is, for good. After a restart it goes on from the job rows.
"""

import asyncio
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

import discord
from discord.ext import commands

from cogs import House
from cogs.errors import DROPPED
from cogs.postage import ARCHIVED, Verdict, judge
from cogs.text import Name, duration, say
from gpu.line.schedule import forecast
from gpu.types import Progress
from storage.jobs import JobRow

log = logging.getLogger(__name__)

EVERY_S = 5.0  # least time between two edits of one message
EDIT_S = 30.0  # a job's answer waits for its last edit
SHUT_S = 3600.0  # a channel that refuses us for good may be opened again by a person, now and then
ORPHANED_S = 15.0  # an enrolment without a thread for so long is not being welcomed any more
BAR = 10  # signs
WEEK_MIN = 10080


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a job stands: place 0 is being worked on; seconds until it is finished, where that can be guessed."""

    job: JobRow
    place: int
    left: float | None


async def standings(house: House) -> list[Standing]:
    """Every job that is not over, in the order of the line."""
    places = await house.line.places()
    jobs = sorted(await house.jobs.active(), key=lambda job: places.get(job.id, 0))
    usual = {"enroll": await house.jobs.durations("enroll"), "paint": await house.jobs.durations("paint")}
    done = forecast([(job.kind, _work_left(job, usual[job.kind])) for job in jobs])
    return [
        Standing(job=job, place=places.get(job.id, 0), left=seconds if isfinite(seconds) else None)
        for job, seconds in zip(jobs, done, strict=True)
    ]


def _work_left(job: JobRow, usual: float | None) -> float:
    """Seconds of work, from what is usual for a picture or an enrolment. A painting that died begins anew."""
    if usual is None:
        return inf
    spent = 0.0 if job.kind == "paint" and job.state == "waiting" else job.seconds
    return max(usual * job.pictures - spent, 1.0)


async def open_thread(bot: commands.Bot, job: JobRow) -> int:
    """The id of the thread under the answer to /enroll; of the channel itself where no thread may be opened."""
    if job.ack is None:
        return job.channel_id
    channel_id, message_id = job.ack
    message = bot.get_partial_messageable(channel_id, guild_id=job.guild_id).get_partial_message(message_id)
    try:
        return (await message.create_thread(name=job.pet_name, auto_archive_duration=WEEK_MIN)).id
    except (*DROPPED, ValueError) as error:  # ValueError: we were sent away from this guild meanwhile
        if isinstance(error, discord.HTTPException) and error.code == 160004:  # a thread is there: its id is known
            return message_id
        log.info("No thread under message %s: %s", message_id, error)
        return channel_id


@dataclass(frozen=True, slots=True)
class _Shown:
    text: str
    picture: Path | None
    at: float  # monotonic


class Board(commands.Cog):
    """Keeps the progress messages."""

    def __init__(self, bot: commands.Bot, house: House) -> None:
        self._bot = bot
        self._house = house
        self._latest: dict[str, Progress] = {}
        self._shown: dict[str, _Shown] = {}
        self._shut: dict[int, float] = {}  # channels, and until when (monotonic)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # no late edit overwrites an ending
        self._keeper: asyncio.Task[None] | None = None
        self._born = time.time()

    async def cog_load(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name="progress")

    async def cog_unload(self) -> None:
        if self._keeper:
            self._keeper.cancel()

    @commands.Cog.listener()
    async def on_job_progress(self, job_id: str, progress: Progress) -> None:
        """From the line, several times a second."""
        self._latest[job_id] = progress

    async def open(self, job: JobRow, home: int) -> None:
        """The first words on an enrolment, in its new thread."""
        [mine] = [one for one in await standings(self._house) if one.job.id == job.id] or [None]
        if mine:
            async with self._locks[job.id]:
                await self._put(job, home, describe(mine, None), None)

    async def finish(self, job: JobRow, ending: str | None, picture: Path | None = None) -> None:
        """The last word on a job: an ending with a picture, or nothing at all."""
        async with self._locks[job.id]:
            if ending is not None and (picture or job.progress_message_id):
                await self._put(job, job.thread_id or job.channel_id, ending, picture)
            elif ending is None and job.progress_message_id:
                await self._take_down(job, job.progress_message_id)
        for known in (self._latest, self._shown, self._locks):
            known.pop(job.id, None)

    async def _keep(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            try:
                current = await standings(self._house)
                self._let_go({one.job.id for one in current})
                for standing in current:
                    await self._show(standing)
            except Exception:
                log.exception("The progress messages stumbled")
            await asyncio.sleep(1.0)

    def _let_go(self, active: set[str]) -> None:
        """Not every job has a last word: its pet may be forgotten before."""
        for job_id in {*self._latest, *self._shown, *self._locks} - active:
            if not self._locks[job_id].locked():
                for known in (self._latest, self._shown, self._locks):
                    known.pop(job_id, None)

    async def _show(self, standing: Standing) -> None:
        job, shown = standing.job, self._shown.get(standing.job.id)
        if shown and time.monotonic() - shown.at < EVERY_S:
            return
        home = await self._home(job)
        if home is None:
            return
        progress = self._latest.get(job.id) if standing.place == 0 else None
        text = describe(standing, progress)
        picture = (progress.picture if progress else None) or (shown.picture if shown else None)
        if shown and (shown.text, shown.picture) == (text, picture):
            return
        async with self._locks[job.id]:
            fresh = await self._house.jobs.get(job.id)
            if fresh and fresh.state in ("waiting", "running"):
                new_picture = picture if not shown or picture != shown.picture else None
                self._shown[job.id] = _Shown(text, picture, time.monotonic())
                await self._put(fresh, home, text, new_picture)

    async def _home(self, job: JobRow) -> int | None:
        """Where the job's messages go; None while /enroll is still busy opening the thread.

        A thread that a bot which died did not get to open is opened here.
        """
        if job.thread_id is not None or job.kind == "paint":
            return job.thread_id or job.channel_id
        pet = await self._house.pets.get(job.pet_id) if job.pet_id else None
        orphaned = job.created < self._born or time.time() - job.created > ORPHANED_S
        if pet and pet.thread_id is None and orphaned:
            await self._house.pets.set_thread(pet.id, thread_id := await open_thread(self._bot, job))
            return thread_id
        return pet.thread_id if pet else None

    async def _put(self, job: JobRow, home: int, text: str, picture: Path | None) -> None:
        if time.monotonic() < self._shut.get(home, 0.0):
            return
        channel = self._bot.get_partial_messageable(home, guild_id=job.guild_id)
        try:
            async with asyncio.timeout(EDIT_S):
                await self._write(job, channel, text, picture)
        except DROPPED as error:
            self._dropped(job, home, error)

    async def _write(self, job: JobRow, channel: discord.PartialMessageable, text: str, picture: Path | None) -> None:
        files = [discord.File(picture, filename=f"{job.id}-sheet.png")] if picture else []
        if job.progress_message_id is None:
            message = await channel.send(text, files=files, nonce=f"p{job.id}", silent=True)
            await self._house.jobs.set_progress_message(job.id, channel.id, message.id)
            if await self._house.jobs.get(job.id) is None:  # the pet was forgotten while this was on its way
                await message.delete()
        elif files:
            await channel.get_partial_message(job.progress_message_id).edit(content=text, attachments=files)
        else:
            await channel.get_partial_message(job.progress_message_id).edit(content=text)

    def _dropped(self, job: JobRow, home: int, error: Exception) -> None:
        """Do not knock again where it is of no use."""
        log.debug("Progress of job %s was dropped: %s", job.id, error)
        if not isinstance(error, discord.HTTPException):
            return
        verdict = judge(error.status, error.code)
        if error.code == ARCHIVED:  # not the channel: whatever is sent there opens it again
            self._shown[job.id] = _Shown("", None, time.monotonic() + SHUT_S)
        elif verdict is Verdict.ELSEWHERE:
            self._shut[home] = time.monotonic() + SHUT_S
        elif verdict is Verdict.OVER:
            self._shown[job.id] = _Shown("", None, inf)

    async def _take_down(self, job: JobRow, message_id: int) -> None:
        channel = self._bot.get_partial_messageable(job.thread_id or job.channel_id, guild_id=job.guild_id)
        try:
            async with asyncio.timeout(EDIT_S):
                await channel.get_partial_message(message_id).delete()
        except DROPPED as error:
            log.debug("Progress of job %s could not be taken down: %s", job.id, error)


def describe(standing: Standing, progress: Progress | None) -> str:
    """The words of a progress message: whom it is about, then the place in line or the step."""
    language = standing.job.locale
    title = say(language, f"progress.{standing.job.kind}", name=Name(standing.job.pet_name))
    if standing.place > 0:
        key = "progress.soon" if standing.place == 1 else "progress.waiting"
        return "\n".join([title, _joined(say(language, key, place=standing.place), left(language, standing.left))])
    if progress is None:
        return "\n".join([title, say(language, "progress.starting")])
    lines = [title, say(language, f"progress.{progress.phase}")]
    if progress.steps:
        share = min(progress.step / progress.steps, 1.0)
        full = round(share * BAR)
        step = say(language, "progress.step", step=progress.step, steps=progress.steps, percent=int(share * 100))
        lines.append(f"{'▰' * full}{'▱' * (BAR - full)} " + _joined(step, left(language, progress.seconds_left)))
    return "\n".join(lines)


def left(language: str, seconds: float | None) -> str:
    """ "about 3 min left", or nothing where nobody knows."""
    return say(language, "progress.left", time=duration(language, seconds)) if seconds is not None else ""


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))
