"""The line of jobs in front of the GPU.

Knows: whose turn it is, the places in line, when a training steps aside for a portrait, and what each outcome means
for the journal. Does not know: how a job is computed (Executor), how a row is stored (Journal), Discord.
The journal's rows are the truth and the asyncio queue of job ids is only the wake-up: each wake-up is answered by one
look at the rows, so a lost or a doubled one does no harm.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from gpu.errors import Cancelled, WorkerDied
from gpu.executor import Executor
from gpu.types import Done, Enroll, Failed, Paint, Paused, Progress

log = logging.getLogger(__name__)

STUMBLE_S = 5.0  # rest after an error, so that a broken machine does not fill the log
RETRY_S = (0.2, 1.0, 5.0)  # rests between tries to write an outcome

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One waiting job, as far as order and places need to know it."""

    job_id: str
    kind: Literal["enroll", "paint"]
    user_id: int
    guild_id: int
    created: float  # Unix seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to run a job now."""

    job: Enroll | Paint
    attempt: int  # the fence: grows with every claim of this job, also where the charge was refunded


class Journal(Protocol):
    """What is written down about jobs. Every journal passes tests/journal_contract.py.

    A job is waiting, running, done, failed or cancelled. A claim is stale once its job was claimed again or is no
    longer running; a stale claim changes nothing. Each claim charges one attempt and refunds it at most once.
    Whatever closes a job writes the row of its answer (outbox) in the same transaction.
    """

    async def waiting(self) -> list[Ticket]:
        """Jobs nobody runs, oldest first."""
        ...

    async def claim(self, job_id: str) -> Claim | None:
        """waiting -> running, charging one attempt; None if the job is not waiting."""
        ...

    async def progressed(self, claim: Claim, progress: Progress) -> None:
        """Keep a checkpoint that is newer than the stored one and refund the attempt; anything else is no news."""
        ...

    async def paused(self, claim: Claim) -> None:
        """running -> waiting, at its old place in line, the attempt refunded."""
        ...

    async def crashed(self, claim: Claim, failed: Failed) -> bool:
        """The child died under this job. True: attempts are left (fewer than 3 charged), the job waits again.

        False: set aside as failed with `failed` and its answer (or the claim was stale). No refund.
        """
        ...

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        """running -> done, failed or cancelled (Failed "Cancelled"), with all that follows; False if stale."""
        ...

    async def cancelled(self, job_id: str) -> bool:
        """waiting -> cancelled with its answer, True; False if the job is running, over or unknown."""
        ...

    async def recover(self) -> None:
        """At start: running -> waiting; a job with 3 charged attempts is set aside as failed "WorkerDied"."""
        ...


@dataclass(slots=True)
class _Running:
    claim: Claim
    checkpoint: int = 0
    cancelled: bool = False

    @property
    def job_id(self) -> str:
        return self.claim.job.job_id


def order(tickets: Iterable[Ticket]) -> list[Ticket]:
    """Whose turn it is: portraits before enrolments, the oldest first."""
    return sorted(tickets, key=lambda ticket: (ticket.kind == "enroll", ticket.created))


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
        self._work: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what a former run left, then work in the background; does not wait for the executor."""
        await self._journal.recover()
        self._watcher = asyncio.create_task(self._watch(), name="line")

    def submitted(self, job_id: str) -> None:
        """A job's row is committed: look at the line. Returns at once."""
        self._wake.put_nowait(job_id)

    async def places(self) -> dict[str, int]:
        """Place in line of every job: 0 runs, 1 is next."""
        tickets = order(await self._journal.waiting())
        places = {ticket.job_id: place for place, ticket in enumerate(tickets, start=1)}
        return places | {self._running.job_id: 0} if self._running else places

    async def cancel(self, job_id: str) -> bool:
        """Cancel a waiting job now or the running one at its next step, unless it is done before that.

        False if it is over or unknown.
        """
        async with self._books:
            if self._running and self._running.job_id == job_id:
                self._running.cancelled = True
            elif await self._journal.cancelled(job_id):
                self._settled(job_id)
            else:
                return False
            await self._executor.cancel(job_id)  # of a waiting job: forget the training that is kept warm for it
        return True

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
                log.exception("The line stumbled; it goes on in %s s", STUMBLE_S)
                await asyncio.sleep(STUMBLE_S)

    async def _look(self) -> None:
        if self._running is None:
            await self._executor.start()  # before any claim: a machine that cannot compute costs no job an attempt
        async with self._books:
            tickets = order(await self._journal.waiting())
            if self._running is None:
                await self._begin(tickets)
            elif isinstance(job := self._running.claim.job, Enroll) and tickets and tickets[0].kind == "paint":
                await self._executor.pause(job.job_id)

    async def _begin(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            if claim := await self._journal.claim(ticket.job_id):
                self._running = _Running(claim)
                self._work = asyncio.create_task(self._do(self._running), name=f"job {ticket.job_id}")
                await asyncio.sleep(0)  # the executor has the job before anybody asks to pause or cancel it
                return

    async def _do(self, running: _Running) -> None:
        outcome = await self._run(running)
        async with self._books:
            if running.cancelled and not isinstance(outcome, Done):
                outcome = Cancelled().as_failed(outcome.checkpoint)
                await self._executor.cancel(running.job_id)  # it may have paused before it heard
            if await self._book(running.claim, outcome):
                self._settled(running.job_id)
            self._running = None
        self.submitted(running.job_id)  # the executor is free: look again

    async def _run(self, running: _Running) -> Done | Paused | Failed:
        claim = running.claim
        async with asyncio.TaskGroup() as writes:  # all checkpoints are written before the outcome is

            def report(progress: Progress) -> None:
                asyncio.get_running_loop().call_soon(self._on_progress, running.job_id, progress)
                if progress.checkpoint > running.checkpoint:
                    running.checkpoint = progress.checkpoint
                    writes.create_task(_insist(lambda: self._journal.progressed(claim, progress)))

            try:
                return await self._executor.run(claim.job, report)
            except Exception:
                log.exception("The executor failed at job %s", running.job_id)
                return WorkerDied().as_failed(running.checkpoint)

    async def _book(self, claim: Claim, outcome: Done | Paused | Failed) -> bool:
        """Write the outcome down; True if the job has its answer now."""
        if isinstance(outcome, Paused):
            await _insist(lambda: self._journal.paused(claim))
            return False
        if isinstance(outcome, Failed) and outcome.error == WorkerDied.__name__:
            return await _insist(lambda: self._journal.crashed(claim, outcome)) is False
        return await _insist(lambda: self._journal.settle(claim, outcome)) is True

    def _settled(self, job_id: str) -> None:
        asyncio.get_running_loop().call_soon(self._on_settled, job_id)


async def _insist(write: Callable[[], Awaitable[T]]) -> T | None:
    """Write to the journal, trying again after an error; gives up with None, and recover() sees to the row later."""
    for rest in RETRY_S:
        try:
            return await write()
        except Exception:
            log.exception("The journal refused; trying again in %s s", rest)
            await asyncio.sleep(rest)
    return None
