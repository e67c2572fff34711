"""The one progress message of each job.

Knows: which message shows which job, how often it may be edited, when a channel is left alone. Does not know: what a
step is, how long things take (eta.py), or how the answer goes out (cogs/delivery). Nothing here is worth a retry: an
edit that fails is dropped, and the next one says more. A channel that refuses us is left alone for an hour, and so is a
message in an archived thread; a message that somebody deleted is never written again. After a restart it goes on from
the job rows.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import discord
from discord.ext import commands

from cogs.api.refusals import ARCHIVED, Verdict, classify
from cogs.progress.eta import Standing, standings
from cogs.shared.errors import DROPPED, note_dropped
from cogs.shared.text import Name, duration, say
from cogs.shared.threads import open_thread
from gpu.line.line import Line
from gpu.types import Progress
from storage.jobs import JobRow, Jobs
from storage.pets import Pets

log = logging.getLogger(__name__)

EVERY_S = 5.0  # least time between two edits of one message
EDIT_S = 30.0  # a job's answer waits for its last edit
SHUT_S = 3600.0  # a channel that refuses us for good may be opened again by a person, now and then
ORPHANED_S = 15.0  # after so long without a thread, /enroll is not busy opening one any more
BAR = 10  # characters


@dataclass(frozen=True, slots=True)
class _Shown:
    text: str
    picture: Path | None
    at: float  # monotonic


@dataclass(slots=True)
class _Message:
    """What is remembered of a job that is not over."""

    latest: Progress | None = None
    shown: _Shown | None = None
    muted_until: float = -inf  # monotonic
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # no late edit overwrites an ending


class ProgressMessages(commands.Cog):
    """Keeps the progress messages. The clock counts Unix seconds; `monotonic` is for the rests between two edits."""

    def __init__(
        self,
        bot: commands.Bot,
        jobs: Jobs,
        pets: Pets,
        line: Line,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bot = bot
        self._jobs = jobs
        self._pets = pets
        self._line = line
        self._clock = clock
        self._monotonic = monotonic
        self._messages: defaultdict[str, _Message] = defaultdict(_Message)  # by job
        self._shut: dict[int, float] = {}  # channels, and until when (monotonic)
        self._updater: asyncio.Task[None] | None = None
        self._started = clock()

    async def cog_load(self) -> None:
        self._updater = asyncio.create_task(self._work(), name="progress")

    async def cog_unload(self) -> None:
        if self._updater:
            self._updater.cancel()

    @commands.Cog.listener()
    async def on_job_progress(self, job_id: str, progress: Progress) -> None:
        """From the line, several times a second."""
        self._messages[job_id].latest = progress

    async def open(self, job: JobRow, home: int) -> None:
        """The first words on a job, in this channel or thread."""
        [mine] = [one for one in await standings(self._line, self._jobs) if one.job.id == job.id] or [None]
        if mine:
            async with self._messages[job.id].lock:
                await self._put(job, home, describe(mine, None), None)

    async def finish(self, job: JobRow, ending: str | None, picture: Path | None = None) -> None:
        """The last words on a job: an ending with a picture; without an ending the message is taken down."""
        async with self._messages[job.id].lock:
            if ending is not None and (picture or job.progress_message_id):
                await self._put(job, job.thread_id or job.channel_id, ending, picture)
            elif ending is None and job.progress_message_id:
                await self._take_down(job, job.progress_message_id)
        self._messages.pop(job.id, None)

    async def update(self) -> None:
        """Bring the message of each job up to date, once."""
        current = await standings(self._line, self._jobs)
        self._forget_all_but({one.job.id for one in current})
        for standing in current:
            await self._show(standing)

    def remembered(self) -> set[str]:
        """The ids of the jobs of which something is remembered here."""
        return set(self._messages)

    async def _work(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            try:
                await self.update()
            except Exception:
                log.exception("The progress messages could not be brought up to date")
            await asyncio.sleep(1.0)

    def _forget_all_but(self, active: set[str]) -> None:
        """Not every job has a last word: its pet may be forgotten before."""
        for job_id in self.remembered() - active:
            if not self._messages[job_id].lock.locked():
                del self._messages[job_id]

    async def _show(self, standing: Standing) -> None:
        job, message, now = standing.job, self._messages[standing.job.id], self._monotonic()
        shown = message.shown
        if now < message.muted_until or (shown and now - shown.at < EVERY_S):
            return
        home = await self._home(job)
        if home is None:
            return
        progress = message.latest if standing.place == 0 else None
        text = describe(standing, progress)
        picture = (progress.picture if progress else None) or (shown.picture if shown else None)
        if shown and (shown.text, shown.picture) == (text, picture):
            return
        async with message.lock:
            fresh = await self._jobs.get(job.id)
            if fresh and fresh.state in ("waiting", "running"):
                new_picture = picture if not shown or picture != shown.picture else None
                message.shown = _Shown(text, picture, self._monotonic())
                await self._put(fresh, home, text, new_picture)

    async def _home(self, job: JobRow) -> int | None:
        """Where the job's messages go; None while /enroll is still busy opening the thread.

        A thread that an earlier process ended too soon to open is opened here.
        """
        if job.thread_id is not None or job.kind == "paint":
            return job.thread_id or job.channel_id
        pet = await self._pets.get(job.pet_id) if job.pet_id else None
        orphaned = job.created < self._started or self._clock() - job.created > ORPHANED_S
        if pet and pet.thread_id is None and orphaned:
            await self._pets.set_thread(pet.id, thread_id := await open_thread(self._bot, job))
            return thread_id
        return pet.thread_id if pet else None

    async def _put(self, job: JobRow, home: int, text: str, picture: Path | None) -> None:
        if self._monotonic() < self._shut.get(home, 0.0):
            return
        channel = self._bot.get_partial_messageable(home, guild_id=job.guild_id)
        try:
            async with asyncio.timeout(EDIT_S):
                await self._write(job, channel, text, picture)
        except (*DROPPED, RuntimeError) as error:
            note_dropped(self._bot, error, f"Progress of job {job.id}")
            if isinstance(error, discord.HTTPException):
                self._leave_alone(job, home, error)

    async def _write(self, job: JobRow, channel: discord.PartialMessageable, text: str, picture: Path | None) -> None:
        files = [discord.File(picture, filename=f"{job.id}-sheet.png")] if picture else []
        if job.progress_message_id is None:
            message = await channel.send(text, files=files, nonce=f"p{job.id}", silent=True)
            await self._jobs.set_progress_message(job.id, channel.id, message.id)
            if await self._jobs.get(job.id) is None:  # the pet was forgotten while this was on its way
                await message.delete()
        elif files:
            await channel.get_partial_message(job.progress_message_id).edit(content=text, attachments=files)
        else:
            await channel.get_partial_message(job.progress_message_id).edit(content=text)

    def _leave_alone(self, job: JobRow, home: int, error: discord.HTTPException) -> None:
        """Do not ask again where the answer will be the same."""
        verdict, message = classify(error.status, error.code), self._messages[job.id]
        if error.code == ARCHIVED:  # not the channel: whatever is sent there opens it again
            message.shown, message.muted_until = None, self._monotonic() + SHUT_S
        elif verdict is Verdict.NOT_HERE:
            self._shut[home] = self._monotonic() + SHUT_S
        elif verdict is Verdict.DELETED:
            message.muted_until = inf

    async def _take_down(self, job: JobRow, message_id: int) -> None:
        channel = self._bot.get_partial_messageable(job.thread_id or job.channel_id, guild_id=job.guild_id)
        try:
            async with asyncio.timeout(EDIT_S):
                await channel.get_partial_message(message_id).delete()
        except (*DROPPED, RuntimeError) as error:
            note_dropped(self._bot, error, f"The end of the progress message of job {job.id}")


def describe(standing: Standing, progress: Progress | None) -> str:
    """The text of a progress message: the pet, then the place in line or the step."""
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
    """The words "about 3 min left", or none where nobody can say."""
    return say(language, "progress.left", time=duration(language, seconds)) if seconds is not None else ""


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))
