"""What the line needs written down: claims, and what becomes of them; and how to write again where a disk was busy.

Knows: which promises hold about a job's row. Does not know: how a row is stored (storage/journal.py), whose turn it is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from gpu.jobs import Job
from gpu.line.schedule import Ticket, Turn
from gpu.outcomes import Done, Enrolled, Failed, Progress

log = logging.getLogger(__name__)

RETRY_S = (0.2, 1.0, 5.0)  # rests between tries to write an outcome

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to run a job now."""

    job: Job
    attempt: int  # the fence: grows with every claim of this job, also where the charge was refunded
    at: float  # Unix seconds


class Journal(Protocol):
    """What is written down about jobs. Every journal passes tests/contracts/journal.py.

    A job is waiting, running, looked, done, failed or cancelled. An enrolment may begin with a look: while it does, its
    ticket and its claim are a look's; then it is looked, until people say how it goes on (no part of this: see
    storage/looks.py). A claim is stale once its job was claimed again or is no longer running; a stale claim changes
    nothing. Whatever closes a job, or ends a look, writes the row of its answer (outbox) in the same transaction.

    Each claim charges one attempt and refunds it at most once: on a pause, with a newer checkpoint, or if the bot died
    and not the child. So an attempt that stays charged is a death of the child under this job, or its lack of memory;
    after three the job is set aside. Deaths of the bot have their own reasons and are counted apart, from the job's
    newest checkpoint on; the 25th sets the job aside. So a job that takes the machine down comes to an end, and one
    that has an even chance to get done before the next of 200 kills is lost once in 100,000 times.
    """

    async def waiting(self) -> list[Ticket]:
        """Jobs that wait for their turn, oldest first."""
        ...

    async def turns(self) -> list[Turn]:
        """When each person last had a turn with each kind of job, in the order of time."""
        ...

    async def claim(self, job_id: str) -> Claim | None:
        """waiting -> running under a lease, charging one attempt; None if the job is not waiting."""
        ...

    async def renew(self, claim: Claim) -> None:
        """The job gives signs of life: renew its lease, up to which recover() counts its running time."""
        ...

    async def note_checkpoint(self, claim: Claim, progress: Progress) -> None:
        """Keep a newer checkpoint than the stored one, and what was learnt; refund the attempt. Else it is no news."""
        ...

    async def mark_paused(self, claim: Claim) -> None:
        """running -> waiting, at its old place in line, the attempt refunded."""
        ...

    async def mark_crashed(self, claim: Claim, failed: Failed) -> bool:
        """The child died under this job, or had to be replaced. True: the job waits again, as fewer than 3 are charged.

        False: set aside as failed with `failed` and its answer (or the claim was stale). No refund.
        """
        ...

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        """running -> done, failed or cancelled (Cause.CANCELLED), with all that follows; False if stale.

        A look that is done: running -> looked.
        """
        ...

    async def cancel_waiting(self, job_id: str) -> bool:
        """waiting or looked -> cancelled with its answer, True; False if the job is running, over or unknown."""
        ...

    async def request_cancel(self, claim: Claim) -> None:
        """Somebody cancelled the running job: should the bot die before that is settled, recover() cancels it."""
        ...

    async def recover(self) -> None:
        """The bot was restarted, so nothing runs: running -> waiting.

        Or cancelled if that was requested; or, the 25th time, failed (Cause.WORKER_DIED).
        """
        ...


def final_outcome(outcome: Done | Failed, learnt: Enrolled | None, seconds: float) -> Done | Failed:
    """What a job comes to, of which `learnt` was noted: then only its first portrait failed, or was cancelled."""
    if learnt is None or isinstance(outcome, Done):
        return outcome
    return Done(result=replace(learnt, failed=outcome), seconds=seconds)


async def with_retries(write: Callable[[], Awaitable[T]]) -> T:
    """Write to the journal, trying again after an error; raises the last one."""
    for rest in RETRY_S:
        try:
            return await write()
        except Exception:
            log.exception("The journal could not be written; trying again in %s s", rest)
            await asyncio.sleep(rest)
    return await write()


async def try_to_write(write: Callable[[], Awaitable[None]]) -> None:
    """Write, with retries, what the job can do without: a failure is only logged."""
    with suppress(Exception):
        await with_retries(write)
