"""The line of jobs in front of the GPU.

Knows: when a training steps aside for a portrait, and what each outcome means for the journal. Does not know: whose
turn it is (turns.py), how a job is computed (Executor), how a row is stored (Journal), Discord.
The journal's rows are the truth and the asyncio queue of job ids is only the wake-up: each wake-up is answered by one
look at the rows, so a lost or a doubled one does no harm. Time is the event loop's.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from gpu.errors import Cancelled, WorkerDied
from gpu.line.executor import Executor
from gpu.line.journal import Claim, Journal, try_to_write, with_retries
from gpu.line.schedule import Last, Ticket, TrainingShare, Turn, first, forecast, order, record_turn
from gpu.types import Done, Failed, Paused, Progress

__all__ = ["Claim", "Journal", "Line", "Ticket", "Turn", "forecast"]  # what other rooms may have

log = logging.getLogger(__name__)

STUMBLE_S = 5.0  # rest after an error, so that a broken machine does not fill the log
STOP_S = 25.0  # for a running job to reach its next step
RENEW_S = 10.0  # least time between two renewals of a lease


@dataclass(slots=True)
class _Running:
    claim: Claim
    renewed: float  # loop time
    since: float | None = None  # loop time; for the share: of a portrait, since when it holds a training back
    checkpoint: int = 0
    phase: str = "loading"
    cancelled: bool = False

    @property
    def job_id(self) -> str:
        return self.claim.job.job_id

    @property
    def learns(self) -> bool:
        return self.claim.job.kind == "enroll"

    @property
    def yields(self) -> bool:
        """A pause loses nothing. What follows the learning would begin anew, and is as short as a portrait."""
        return self.learns and self.phase not in ("thinking", "painting")

    def weigh(self, share: TrainingShare) -> TrainingShare:
        """With this job, as far as it has come."""
        return share if self.since is None else share.after(self.claim.job.kind, _now() - self.since)


class Line:
    """Runs the journal's jobs on the executor, one at a time.

    on_progress(job_id, progress) and on_settled(job_id) are called in the event loop; on_settled means that an answer
    now lies in the journal. What they raise goes to the loop's exception handler.
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
        self._books = asyncio.Lock()  # held while rows and self._running change together
        self._running: _Running | None = None
        self._last: Last = {}
        self._share = TrainingShare()  # but for the running job
        self._in_doubt = False  # a write failed, so a row may say "running" though nothing runs
        self._work: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what a former run left, then work in the background; does not wait for the executor."""
        await self._journal.recover()
        for turn in await self._journal.turns():
            record_turn(self._last, turn)
        self._watcher = asyncio.create_task(self._watch(), name="line")

    def submit(self, job_id: str) -> None:
        """A job's row is committed: look at the line. Returns at once."""
        self._wake.put_nowait(job_id)

    async def places(self) -> dict[str, int]:
        """Place in line of every job: 0 runs, 1 is next."""
        tickets = order(await self._journal.waiting(), self._last, self._owed())
        places = {ticket.job_id: place for place, ticket in enumerate(tickets, start=1)}
        if self._running:
            if left := places.get(self._running.job_id):  # its row says by now that it waits again
                places = {job_id: place - (place > left) for job_id, place in places.items()}
            places[self._running.job_id] = 0
        return places

    async def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job now or the running one at its next step, unless it is done before that.

        False if it is over or unknown.
        """
        async with self._books:
            if self._running and self._running.job_id == job_id:
                self._running.cancelled = True
                await self._executor.cancel(job_id)
                await self._journal.request_cancel(self._running.claim)
                return True
            known = await self._journal.cancel_waiting(job_id)
            if known:
                self._settled(job_id)
            await self._executor.cancel(job_id)  # forget the training that is kept warm for it, be its row gone or not
        return known

    async def stop(self, job_ids: Collection[str]) -> None:
        """Cancel these jobs, and wait until none of them is worked on; for STOP_S at the most, as it may hang."""
        for job_id in job_ids:
            await self.cancel(job_id)
        if self._work and self._running and self._running.job_id in job_ids:
            await asyncio.wait({self._work}, timeout=STOP_S)

    async def close(self) -> None:
        """Drain: take no more jobs, leave the running one at its checkpoint and in line."""
        async with self._books:  # not in the middle of a claim
            if self._watcher:
                self._watcher.cancel()
        await self._executor.close()
        await asyncio.gather(*filter(None, [self._watcher, self._work]), return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
                await self._wake.get()
                while not self._wake.empty():  # one look answers all wake-ups so far
                    self._wake.get_nowait()
            except Exception:
                self._in_doubt = True
                log.exception("The line stumbled; it goes on in %s s", STUMBLE_S)
                await asyncio.sleep(STUMBLE_S)

    async def _look(self) -> None:
        if self._running is None:
            await self._executor.start()  # before any claim: a machine that cannot compute costs no job an attempt
        async with self._books:
            if self._in_doubt and self._running is None:
                await self._journal.recover()
                self._in_doubt = False
            tickets = await self._journal.waiting()
            if self._running is None and (ticket := first(tickets, self._last, self._owed())):
                await self._begin(ticket)
            if self._running and self._running.yields and any(ticket.kind == "paint" for ticket in tickets):
                await self._make_way(self._running)
            self._weigh(any(ticket.kind == "enroll" for ticket in tickets))

    def _weigh(self, trainings: bool) -> None:
        """Nothing is held against portraits while no training waits for them."""
        running = self._running
        if not trainings and not (running and running.learns):
            self._share = TrainingShare()
        elif running and running.since is None:
            running.since = _now()

    def _owed(self) -> bool:
        """Whether a training goes before the portraits, once the running job is over."""
        running = self._running
        return not running.learns and running.weigh(self._share).owed if running else self._share.owed

    async def _begin(self, ticket: Ticket) -> None:
        claim = await self._journal.claim(ticket.job_id)
        if claim is None:  # it went just now, and so did its ticket
            self.submit(ticket.job_id)
            return
        if ticket.begun is None:
            record_turn(self._last, Turn(ticket.kind, ticket.guild_id, ticket.user_id, claim.at))
        self._running = _Running(claim, renewed=_now())
        self._work = asyncio.create_task(self._do(self._running), name=f"job {ticket.job_id}")
        await asyncio.sleep(0)  # the executor has the job before anybody asks to pause or cancel it

    async def _make_way(self, running: _Running) -> None:
        if (share := running.weigh(self._share)).owed:
            asyncio.get_running_loop().call_later(share.slice_s + 0.01, self.submit, running.job_id)
        else:
            await self._executor.pause(running.job_id)

    async def _do(self, running: _Running) -> None:
        outcome = await self._run(running)
        async with self._books:
            try:
                await self._book(running, outcome)
            except Exception:
                self._in_doubt = True  # it runs again once rows can be written
                log.exception("The outcome of job %s could not be written down", running.job_id)
            self._share = running.weigh(self._share)
            self._running = None
        self.submit(running.job_id)  # the executor is free: look again

    async def _run(self, running: _Running) -> Done | Paused | Failed:
        claim = running.claim
        async with asyncio.TaskGroup() as writes:  # all checkpoints are written before the outcome is

            def report(progress: Progress) -> None:
                running.phase = progress.phase
                asyncio.get_running_loop().call_soon(self._on_progress, running.job_id, progress)
                if progress.checkpoint > running.checkpoint:
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

    async def _book(self, running: _Running, outcome: Done | Paused | Failed) -> None:
        if running.cancelled and not isinstance(outcome, Done):
            outcome = Cancelled().as_failed(outcome.checkpoint)
            await self._executor.cancel(running.job_id)  # it may have paused before it heard
        if isinstance(outcome, Paused):
            await with_retries(lambda: self._journal.mark_paused(running.claim))
            return
        if isinstance(outcome, Failed) and outcome.cause.needs_new_process:
            answered = not await with_retries(lambda: self._journal.mark_crashed(running.claim, outcome))
        else:
            answered = await with_retries(lambda: self._journal.settle(running.claim, outcome))
        if answered:
            self._settled(running.job_id)

    def _settled(self, job_id: str) -> None:
        asyncio.get_running_loop().call_soon(self._on_settled, job_id)


def _now() -> float:
    return asyncio.get_running_loop().time()
