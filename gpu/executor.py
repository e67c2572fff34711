"""The seam to whatever computes: one job at a time, no order of its own.

Knows: how a job is run, paused and cancelled, and how whatever a job does becomes an outcome. Does not know: the line,
the database, Discord, what a job means.
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol

from gpu.errors import Cancelled, PauseAsked, StudioError, of_machine
from gpu.types import Census, Done, Enroll, Enrolled, Failed, Paint, Painted, Paused, Progress, Report

log = logging.getLogger(__name__)

REPORT_S = 0.1  # least time between two reports that say the same but for the step


class Executor(Protocol):
    """Runs one job at a time. Every executor passes tests/executor_contract.py."""

    async def start(self) -> None:
        """Get ready; returns when jobs can be run, at once if they can. Raises WorkerDied if it cannot get ready."""
        ...

    async def run(self, job: Enroll | Paint, report: Report) -> Done | Paused | Failed:
        """Run the job to an outcome. `report` is called in the caller's event loop. Never raises for a job's failure.

        A job that was paused goes on where it stopped. After close() every run is Paused.
        """
        ...

    async def pause(self, job_id: str) -> None:
        """Ask the running job to stop at its next step and keep what is there; run() then returns Paused."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Ask the running job to stop at its next step; run() then returns Failed(error="Cancelled").

        Of a job that does not run, forget what is kept warm for it.
        """
        ...

    async def close(self) -> None:
        """End everything; a running job is Paused and left at its last checkpoint."""
        ...

    def census(self) -> Census:
        """For the operator. Never raises, and may be called from any thread."""
        ...


class Workshop(Protocol):
    """What an executor needs of gpu.studio.Studio. Called from one thread, one call at a time."""

    def enroll(self, job: Enroll, report: Report) -> Enrolled:
        """Raises StudioError, or what `report` raises.

        After PauseAsked the same job goes on where it stopped; after anything else nothing is kept warm for it.
        """
        ...

    def paint(self, job: Paint, report: Report) -> Painted:
        """Raises StudioError, or what `report` raises."""
        ...

    def rest(self, job_id: str | None = None) -> None:
        """Write a checkpoint of this paused training, or of all, now; not of one whose job's folder is gone."""
        ...

    def drop(self, job_id: str) -> None:
        """Forget a paused training; a job it does not know is fine."""
        ...


class Reins:
    """What was asked of the running job: set by one thread, obeyed by the job's own at its next step."""

    def __init__(self) -> None:
        self._job_id: str | None = None
        self._asked: Literal["pause", "cancel"] | None = None
        self._closing = False

    def take(self, job_id: str) -> None:
        """A job begins, and nothing was asked of it yet."""
        self._job_id, self._asked = job_id, None

    def let_go(self) -> None:
        self._job_id = None

    def ask(self, do: Literal["pause", "cancel"], job_id: str) -> bool:
        """True if that job runs and will see it. A cancel is not taken back by a pause."""
        if self._job_id != job_id:
            return False
        if self._asked != "cancel":
            self._asked = do
        return True

    def close(self) -> None:
        """Pause whatever runs, now and later."""
        self._closing = True

    def obey(self) -> None:
        """Raises Cancelled or PauseAsked if it was asked for."""
        if self._asked == "cancel":
            raise Cancelled
        if self._asked == "pause" or self._closing:
            raise PauseAsked


class _Watch:
    """The report that the studio calls: thins out what is sent on, and raises what was asked."""

    def __init__(self, reins: Reins, send: Report) -> None:
        self.checkpoint = 0
        self._reins = reins
        self._send = send
        self._sent: tuple[object, ...] = ()
        self._sent_at = 0.0

    def __call__(self, progress: Progress) -> None:
        self.checkpoint = max(self.checkpoint, progress.checkpoint)
        news = (progress.phase, progress.picture, progress.checkpoint)
        now = time.monotonic()
        if news != self._sent or now - self._sent_at >= REPORT_S:
            self._sent, self._sent_at = news, now
            self._send(progress)
        self._reins.obey()


def carry_out(studio: Workshop, job: Enroll | Paint, reins: Reins, send: Report) -> Done | Paused | Failed:
    """Run a job to its outcome, in the thread that calls; whatever the job raises becomes a value."""
    watch = _Watch(reins, send)
    began = time.monotonic()
    try:
        result = studio.enroll(job, watch) if isinstance(job, Enroll) else studio.paint(job, watch)
        return Done(result=result, seconds=time.monotonic() - began)
    except PauseAsked:
        return Paused(checkpoint=watch.checkpoint)
    except StudioError as error:
        return error.as_failed(watch.checkpoint)
    except Exception as error:
        log.exception("Job %s failed in a way nobody expected", job.job_id)
        return of_machine(error).as_failed(watch.checkpoint)
    finally:
        reins.let_go()


class InlineExecutor:
    """Runs a studio in one thread of this process: for tests, and for looking at a studio without a child."""

    def __init__(self, studio: Workshop) -> None:
        self._studio = studio
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studio")
        self._reins = Reins()
        self._closed = False

    async def start(self) -> None:
        """A studio that is there is ready."""

    async def run(self, job: Enroll | Paint, report: Report) -> Done | Paused | Failed:
        if self._closed:
            return Paused()
        loop = asyncio.get_running_loop()

        def send(progress: Progress) -> None:
            loop.call_soon_threadsafe(report, progress)

        self._reins.take(job.job_id)
        return await loop.run_in_executor(self._thread, carry_out, self._studio, job, self._reins, send)

    async def pause(self, job_id: str) -> None:
        self._reins.ask("pause", job_id)

    async def cancel(self, job_id: str) -> None:
        if not self._reins.ask("cancel", job_id) and not self._closed:
            self._thread.submit(self._studio.drop, job_id)  # after whatever runs now

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._reins.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._studio.rest)
        self._thread.shutdown()

    def census(self) -> Census:
        """It has no child."""
        return Census()
