"""The progress messages: one for each thread or channel, whatever number of jobs it shows.

Knows: which jobs are shown where, and that places do not wait for each other. Does not know: what a step is, how long
things take (eta.py), what a message says (render.py), how it is sent and when it is left alone (place.py), or how the
answer goes out (cogs/delivery). Nothing here is worth a retry, but for the end of a message: it would say for ever that
a job runs. After a restart it goes on from the job rows.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import groupby
from math import inf

from discord.ext import commands

from cogs.progress.eta import Standing, standings
from cogs.progress.place import Place
from cogs.progress.render import describe
from cogs.shared.threads import Threads
from gpu.line.line import Line
from gpu.outcomes import Progress
from gpu.profile import Painting
from storage.jobs import JobRow, Jobs

log = logging.getLogger(__name__)

LEFT_S = 600.0  # between two looks for messages that should be gone
WEEK_S = 7 * 86400.0  # after that such a message is left where it is
MOST_LEFT = 10  # at one look: where a place refuses us, each is a failing request


class ProgressMessages(commands.Cog):
    """Keeps the progress messages. The clock counts Unix seconds; `monotonic` is for the rests between two edits."""

    def __init__(
        self,
        bot: commands.Bot,
        jobs: Jobs,
        threads: Threads,
        line: Line,
        painting: Painting,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bot = bot
        self._jobs = jobs
        self._threads = threads
        self._line = line
        self._painting = painting
        self._clock = clock
        self._monotonic = monotonic
        self._new_place = partial(Place, bot, jobs, clock=clock, monotonic=monotonic)
        self._latest: dict[str, Progress] = {}  # by job
        self._hidden: dict[str, float] = {}  # jobs, and until when (monotonic)
        self._places: dict[int, Place] = {}
        self._updates: dict[int, asyncio.Task[None]] = {}  # by place
        self._workers: list[asyncio.Task[None]] = []

    async def cog_load(self) -> None:
        self._workers = [
            asyncio.create_task(self._repeat(self._start_updates, 1.0), name="progress"),
            asyncio.create_task(self._repeat(self.finish_left, LEFT_S), name="progress that is left"),
        ]

    async def cog_unload(self) -> None:
        for task in (*self._workers, *self._updates.values()):
            task.cancel()
        self._threads.cancel()

    @commands.Cog.listener()
    async def on_job_progress(self, job_id: str, progress: Progress) -> None:
        """From the line, several times a second."""
        self._latest[job_id] = progress

    async def open(self, home: int) -> None:
        """Bring the message of this channel or thread up to date now."""
        current = await standings(self._line, self._jobs, self._painting)
        await self._show(home, [one for one in current if await self._home(one.job) == home])

    async def finish(self, job_id: str) -> None:
        """The answer of this job is there: its progress message goes, unless it shows other jobs that are not over."""
        if (job := await self._jobs.get(job_id)) is None:
            return
        place = self._place(job.thread_id or job.channel_id)
        async with place.lock:  # its first message may be on its way
            job = await self._jobs.get(job_id)
            if job is None or job.progress_message_id is None:
                return
            if not any(one.progress_message_id == job.progress_message_id for one in await self._jobs.active()):
                await place.delete(job.guild_id, job.progress_message_id)

    async def finish_left(self) -> None:
        """Finish what is over and still shown as running: a request failed, or the bot was killed."""
        for job in await self._jobs.still_shown(self._clock() - WEEK_S, MOST_LEFT):
            await self.finish(job.id)

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        await self._bot.wait_until_ready()
        while True:
            try:
                await work()
            except Exception:
                log.exception("The progress messages could not be brought up to date")
            await asyncio.sleep(every_s)

    async def _start_updates(self) -> None:
        """Look at each place that is not being looked at."""
        current = await standings(self._line, self._jobs, self._painting)
        homes = [(home, one) for one in current if (home := await self._home(one.job)) is not None]
        self._forget_all_but({one.job.id for one in current}, {home for home, _ in homes})
        for home, shown in groupby(sorted(homes, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
            if home not in self._updates:
                work = self._update(home, [standing for _, standing in shown])
                self._updates[home] = task = asyncio.create_task(work, name="progress")
                task.add_done_callback(lambda _, at=home: self._updates.pop(at))

    def _forget_all_but(self, active: set[str], homes: set[int]) -> None:
        for remembered in (self._latest, self._hidden):
            for job_id in remembered.keys() - active:
                del remembered[job_id]
        for home in self._places.keys() - homes - self._updates.keys():
            if not (self._places[home].lock.locked() or self._places[home].is_shut):
                del self._places[home]

    async def _home(self, job: JobRow) -> int | None:
        """Where the job's messages go; None while its thread is being opened."""
        if job.thread_id is not None or job.kind == "paint":
            return job.thread_id or job.channel_id
        return await self._threads.open(job)

    def _place(self, home: int) -> Place:
        if home not in self._places:
            self._places[home] = self._new_place(home)
        return self._places[home]

    async def _update(self, home: int, jobs: list[Standing]) -> None:
        try:
            await self._show(home, jobs)
        except Exception:
            log.exception("The progress message in %s could not be brought up to date", home)

    async def _show(self, home: int, jobs: list[Standing]) -> None:
        place, now = self._place(home), self._monotonic()
        jobs = [one for one in jobs if self._hidden.get(one.job.id, -inf) <= now]
        if not jobs or place.rests:
            return
        async with place.lock:
            active = {job.id: job for job in await self._jobs.active()}
            jobs = [one for one in jobs if one.job.id in active]
            if jobs:
                await self._put(place, jobs, [active[one.job.id] for one in jobs])

    async def _put(self, place: Place, jobs: list[Standing], rows: list[JobRow]) -> None:
        """The picture is of the dog that is being learnt: the contact sheet, as soon as there is one, then previews."""
        progress = [self._latest[row.id] for row in rows if row.id in self._latest]
        picture = next((one.picture for one in progress if one.picture), None)
        hidden_until = await place.show(rows, describe(jobs, self._latest), picture)
        if hidden_until > self._monotonic():
            self._hidden |= {row.id: hidden_until for row in rows}
