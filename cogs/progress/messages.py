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
from math import inf
from pathlib import Path

import discord
from discord.ext import commands

from cogs.api.refusals import ARCHIVED, Verdict, classify
from cogs.progress.eta import Standing, standings
from cogs.shared.errors import DROPPED
from cogs.shared.services import Services
from cogs.shared.text import Name, duration, say
from cogs.shared.threads import open_thread
from gpu.types import Progress
from storage.jobs import JobRow

log = logging.getLogger(__name__)

EVERY_S = 5.0  # least time between two edits of one message
EDIT_S = 30.0  # a job's answer waits for its last edit
SHUT_S = 3600.0  # a channel that refuses us for good may be opened again by a person, now and then
ORPHANED_S = 15.0  # an enrolment without a thread for so long is not being welcomed any more
BAR = 10  # signs


@dataclass(frozen=True, slots=True)
class _Shown:
    text: str
    picture: Path | None
    at: float  # monotonic


class ProgressMessages(commands.Cog):
    """Keeps the progress messages."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
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
        [mine] = [one for one in await standings(self._services) if one.job.id == job.id] or [None]
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
                current = await standings(self._services)
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
            fresh = await self._services.jobs.get(job.id)
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
        pet = await self._services.pets.get(job.pet_id) if job.pet_id else None
        orphaned = job.created < self._born or time.time() - job.created > ORPHANED_S
        if pet and pet.thread_id is None and orphaned:
            await self._services.pets.set_thread(pet.id, thread_id := await open_thread(self._bot, job))
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
            await self._services.jobs.set_progress_message(job.id, channel.id, message.id)
            if await self._services.jobs.get(job.id) is None:  # the pet was forgotten while this was on its way
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
        verdict = classify(error.status, error.code)
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
