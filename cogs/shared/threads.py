"""A job's own thread, under the answer to its command.

Knows: how a thread is opened, that a failure which passes is no missing right, and what to do where none may be. Does
not know: what is said in it.
"""

import asyncio
import logging

import aiohttp
import discord
from discord.ext import commands

from cogs.api.refusals import Refused, is_transient, retry_after_s
from cogs.api.transport import raising_refused
from cogs.shared.errors import DROPPED, note_dropped
from storage.jobs import JobRow, Jobs
from storage.pets import Pets

log = logging.getLogger(__name__)

WEEK_MIN = 10080
THREAD_EXISTS = 160004


class Threads:
    """Opens the threads of enrolments: each is tried until it is there, is refused, or its job is over."""

    def __init__(self, bot: commands.Bot, jobs: Jobs, pets: Pets) -> None:
        self._bot = bot
        self._jobs = jobs
        self._pets = pets
        self._opening: dict[str, asyncio.Task[None]] = {}  # by job

    async def open(self, job: JobRow, patience_s: float = 0.0) -> int | None:
        """Where an enrolment's messages go: its thread, or its channel where no thread may be.

        None: Discord cannot open it just now, or has not within `patience_s`. It is tried again in the background.
        """
        if (home := await self._home(job)) is not None:
            return home
        if job.id not in self._opening:
            self._opening[job.id] = task = asyncio.create_task(self._open(job), name="thread")
            task.add_done_callback(lambda _: self._opening.pop(job.id))
        await asyncio.wait([self._opening[job.id]], timeout=patience_s)
        return await self._home(job)

    def cancel(self) -> None:
        """Open no more threads."""
        for task in self._opening.values():
            task.cancel()

    async def _home(self, job: JobRow) -> int | None:
        pet = await self._pets.get(job.pet_id) if job.pet_id else None
        return pet.thread_id if pet else None

    async def _open(self, job: JobRow) -> None:
        assert job.pet_id
        tries = 0
        while (home := await self._try(job, tries)) is None:
            tries += 1
            fresh = await self._jobs.get(job.id)
            if fresh is None or fresh.state not in ("waiting", "running"):  # its answer is in the channel already
                return
        await self._pets.set_thread(job.pet_id, home)
        if home != job.channel_id:
            await self._add_owner(home, job.user_id)

    async def _add_owner(self, thread_id: int, user_id: int) -> None:
        """Whoever is in a thread sees it in the list of channels and is told of news; nobody has to be mentioned."""
        try:
            await self._bot.http.add_user_to_thread(thread_id, user_id)
        except (*DROPPED, RuntimeError) as error:
            note_dropped(self._bot, error, f"The owner's place in thread {thread_id}")

    async def _try(self, job: JobRow, tries: int) -> int | None:
        """The thread's id, or the channel's; None after a rest, where it may be tried again."""
        try:
            with raising_refused():
                return await self._create(job)
        except ValueError:  # discord.py: we were removed from this guild meanwhile
            return job.channel_id
        except (Refused, aiohttp.ClientError, OSError) as error:
            if is_transient(error):
                log.info("The thread of job %s is not opened yet: %s", job.id, error)
                await asyncio.sleep(retry_after_s(error, tries))
                return None
            log.info("The thread of job %s may not be opened: %s", job.id, error)
            return job.channel_id

    async def _create(self, job: JobRow) -> int:
        if job.ack is None:
            return job.channel_id
        channel_id, message_id = job.ack
        message = self._bot.get_partial_messageable(channel_id, guild_id=job.guild_id).get_partial_message(message_id)
        try:
            return (await message.create_thread(name=job.pet_name, auto_archive_duration=WEEK_MIN)).id
        except discord.HTTPException as error:
            if error.code != THREAD_EXISTS:
                raise
            return message_id  # a thread has the id of its first message
