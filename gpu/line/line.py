"""The line of jobs in front of the GPU. A portrait never waits for a whole enrolment, nor does a look at photos.

Knows: when a training is paused for a portrait or a look, and what each outcome means for the journal. Does not know:
whose turn it is (schedule.py), how a job is computed (Executor), how a row is stored (Journal), Discord.
The journal's rows are the truth, and the asyncio queue of job ids is only the wake-up: after each wake-up the rows are
read anew, so one that is lost or comes twice does no harm. Time is the event loop's.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from gpu.errors import Cancelled, WorkerDied
from gpu.line.executor import Executor
from gpu.line.journal import Claim, Journal, try_to_write, with_retries
from gpu.line.schedule import LastTurns, Ticket, TrainingShare, Turn, first, is_training, order, record_turn
from gpu.outcomes import Done, Failed, Looked, Paused, Progress

log = logging.getLogger(__name__)

ERROR_REST_S = 5.0  # rest after an error, so that a broken machine does not fill the log
STOP_S = 25.0  # for a running job to reach its next step
RENEW_S = 10.0  # least time between two renewals of a lease


@dataclass(slots=True)
class _Running:
    claim: Claim
    renewed: float  # loop time
    since: float | None = None  # loop time from which it counts for the share; None: not yet
    checkpoint: int = 0
    phase: str = "loading"
    cancelled: bool = False

    @property
    def job_id(self) -> str:
        return self.claim.job.job_id

    @property
    def is_training(self) -> bool:
        return is_training(self.claim.job.kind)

    @property
    def is_pausable(self) -> bool:
        """Whether a pause loses nothing: what comes before and after the learning would begin anew, and is short."""
        return self.is_training and self.phase in ("loading", "learning")

    def share_after(self, share: TrainingShare) -> TrainingShare:
        """The share if this job ended now."""
        return share if self.since is None else share.after(self.claim.job.kind, _now() - self.since)


class Line:
    """Runs the journal's jobs on the executor, one at a time.

    on_progress(job_id, progress) and on_settled(job_id) are called in the event loop; on_settled means that the job's
    answer is written down. What they raise goes to the loop's exception handler.
    """

    def __init__(
        self,
        executor: Executor,
        journal: Journal,
        on_progress: Callable[[str, Progress], None],
        on_settled: Callable[[str], None],
    ) -> None:
        self._executor = executor
        self._journal = journal
        self._on_progress = on_progress
        self._on_settled = on_settled
        self._wake: asyncio.Queue[str] = asyncio.Queue()
        self._lock = asyncio.Lock()  # held while rows and _running change together
        self._running: _Running | None = None
        self._last_turns: LastTurns = {}
        self._share = TrainingShare()  # without the running job
        self._must_recover = False  # a write failed, so a row may say "running" though nothing runs
        self._job_task: asyncio.Task[None] | None = None
        self._loop_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Recover what the last run of the bot left, then work in the background; does not wait for the executor."""
        await self._journal.recover()
        for turn in await self._journal.turns():
            record_turn(self._last_turns, turn)
        self._loop_task = asyncio.create_task(self._follow_line(), name="line")

    def submit(self, job_id: str) -> None:
        """A job's row is committed: wake the line. Returns at once."""
        self._wake.put_nowait(job_id)

    async def places(self) -> dict[str, int]:
        """Place in line of every job: 0 runs, 1 is next."""
        tickets = order(await self._journal.waiting(), self._last_turns, self._slice_is_due())
        places = {ticket.job_id: place for place, ticket in enumerate(tickets, start=1)}
        if self._running:
            if left := places.get(self._running.job_id):  # it has just been paused: its row says it waits
                places = {job_id: place - (place > left) for job_id, place in places.items()}
            places[self._running.job_id] = 0
        return places

    async def cancel(self, job_id: str) -> bool:
        """Cancel a job that does not run now, or the running one at its next step, unless it is done before that.

        False if it is over or unknown.
        """
        async with self._lock:
            if self._running and self._running.job_id == job_id:
                self._running.cancelled = True
                await self._executor.cancel(job_id)
                await self._journal.request_cancel(self._running.claim)
                return True
            known = await self._journal.cancel_waiting(job_id)
            if known:
                self._announce_settled(job_id)
            await self._executor.cancel(job_id)  # forget a training kept warm for it, even if its row is gone
        return known

    async def stop(self, job_ids: Collection[str]) -> None:
        """Cancel these jobs, and wait until none of them runs; at most STOP_S, since a job may hang."""
        for job_id in job_ids:
            await self.cancel(job_id)
        if self._job_task and self._running and self._running.job_id in job_ids:
            await asyncio.wait({self._job_task}, timeout=STOP_S)

    async def close(self) -> None:
        """Drain: take no more jobs, leave the running one at its checkpoint and in line."""
        async with self._lock:  # not in the middle of a claim
            if self._loop_task:
                self._loop_task.cancel()
        await self._executor.close()
        await asyncio.gather(*filter(None, [self._loop_task, self._job_task]), return_exceptions=True)

    async def _follow_line(self) -> None:
        """Schedule after each wake-up, for ever; an error is logged, and the line goes on after a rest."""
        while True:
            try:
                await self._schedule()
                await self._wake.get()
                while not self._wake.empty():  # reading the rows once answers all wake-ups so far
                    self._wake.get_nowait()
            except Exception:
                self._must_recover = True
                log.exception("The line failed; it goes on in %s s", ERROR_REST_S)
                await asyncio.sleep(ERROR_REST_S)

    async def _schedule(self) -> None:
        """Begin the next job if none runs, and pause a running training for what takes seconds."""
        if self._running is None:
            await self._executor.start()  # before any claim: a machine that cannot compute costs no job an attempt
        async with self._lock:
            if self._must_recover and self._running is None:
                await self._journal.recover()
                self._must_recover = False
            tickets = await self._journal.waiting()
            if self._running is None and (ticket := first(tickets, self._last_turns, self._slice_is_due())):
                await self._begin(ticket)
            if self._running and self._running.is_pausable and not all(is_training(one.kind) for one in tickets):
                await self._pause_for_portraits(self._running)
            self._update_share(any(is_training(one.kind) for one in tickets))

    def _update_share(self, trainings: bool) -> None:
        """`trainings`: some wait. While none does, portraits owe nothing."""
        running = self._running
        if not trainings and not (running and running.is_training):
            self._share = TrainingShare()
        elif running and running.since is None:
            running.since = _now()

    def _slice_is_due(self) -> bool:
        """Whether a training goes before the portraits once the running job is over."""
        running = self._running
        return not running.is_training and running.share_after(self._share).owed if running else self._share.owed

    async def _begin(self, ticket: Ticket) -> None:
        claim = await self._journal.claim(ticket.job_id)
        if claim is None:  # it was cancelled or forgotten just now
            self.submit(ticket.job_id)
            return
        if ticket.begun is None:
            record_turn(self._last_turns, Turn(ticket.kind, ticket.guild_id, ticket.user_id, claim.at))
        self._running = _Running(claim, renewed=_now())
        self._job_task = asyncio.create_task(self._run_and_record(self._running), name=f"job {ticket.job_id}")
        await asyncio.sleep(0)  # the executor has the job before anybody asks to pause or cancel it

    async def _pause_for_portraits(self, running: _Running) -> None:
        """Pause the training; if it has its slice, wake the line when that is over."""
        if (share := running.share_after(self._share)).owed:
            asyncio.get_running_loop().call_later(share.slice_s + 0.01, self.submit, running.job_id)
        else:
            await self._executor.pause(running.job_id)

    async def _run_and_record(self, running: _Running) -> None:
        outcome = await self._run(running)
        async with self._lock:
            try:
                await self._record(running, outcome)
            except Exception:
                self._must_recover = True  # it runs again once rows can be written
                log.exception("The outcome of job %s could not be written down", running.job_id)
            self._share = running.share_after(self._share)
            self._running = None
        self.submit(running.job_id)  # the executor is free: wake the line

    async def _run(self, running: _Running) -> Done | Paused | Failed:
        claim = running.claim
        async with asyncio.TaskGroup() as writes:  # all checkpoints are written before the outcome is

            def report(progress: Progress) -> None:
                running.phase = progress.phase
                asyncio.get_running_loop().call_soon(self._on_progress, running.job_id, progress)
                if progress.checkpoint > running.checkpoint or progress.learnt:
                    running.checkpoint, running.renewed = progress.checkpoint, _now()
                    writes.create_task(try_to_write(lambda: self._journal.note_checkpoint(claim, progress)))
                elif _now() - running.renewed >= RENEW_S:
                    running.renewed = _now()
                    writes.create_task(try_to_write(lambda: self._journal.renew(claim)))

            try:
                return await self._executor.run(claim.job, report)
            except Exception:
                log.exception("The executor failed at job %s", running.job_id)
                return WorkerDied().as_failed(running.checkpoint)

    async def _record(self, running: _Running, outcome: Done | Paused | Failed) -> None:
        if running.cancelled and not _is_over(outcome):
            outcome = Cancelled().as_failed(running.checkpoint)
            await self._executor.cancel(running.job_id)  # it may have paused before it heard
        if isinstance(outcome, Paused):
            await with_retries(lambda: self._journal.mark_paused(running.claim))
            return
        if isinstance(outcome, Failed) and outcome.cause.needs_new_process:
            answered = not await with_retries(lambda: self._journal.mark_crashed(running.claim, outcome))
        else:
            answered = await with_retries(lambda: self._journal.settle(running.claim, outcome))
        if answered:
            self._announce_settled(running.job_id)

    def _announce_settled(self, job_id: str) -> None:
        asyncio.get_running_loop().call_soon(self._on_settled, job_id)


def _is_over(outcome: Done | Paused | Failed) -> bool:
    """Too late to cancel: there is an answer. After a look there is none yet: the learning would begin by itself."""
    return isinstance(outcome, Done) and not isinstance(outcome.result, Looked)


def _now() -> float:
    return asyncio.get_running_loop().time()
