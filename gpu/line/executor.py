"""The seam to whatever computes: one job at a time, no order of its own.

Knows: how a job is run, paused and cancelled, seen from the bot's process. Does not know: the line, the database,
Discord, what a job means.

A new executor is one file with the methods below, and one line in tests/gpu/line/test_executor.py that builds it over a
fake studio: the contract is then run against it. bot.py's main() chooses which one is used.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from gpu.jobs import Job
from gpu.outcomes import Done, Failed, Paused, Report

Ending = Literal["exited", "hung", "not_ready", "out_of_memory", "device_lost"]
"""Why a process that computes was no good any more: it ended by itself, gave no sign of life, never got ready, had too
little memory on the card, or could not use the card any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStats:
    """What became of the processes that an executor computes in."""

    started: int = 0  # started, or tried to start, the first included
    died: int = 0  # of them, before their time: killed, hung, failed to start, or no good any more after a job
    ending: Ending | None = None  # of the last one that did
    reserved: int = 0  # bytes of the card's memory that the present one held when its last job ended
    pid: int | None = None  # of the present one


class Executor(Protocol):
    """Runs one job at a time. Every executor passes tests/contracts/executor.py."""

    async def start(self) -> None:
        """Get ready; returns when jobs can be run, at once if they can. Raises WorkerDied if it cannot get ready."""
        ...

    async def run(self, job: Job, report: Report) -> Done | Paused | Failed:
        """Run the job to an outcome. `report` is called in the caller's event loop. Never raises for a job's failure.

        A job that was paused goes on where it stopped. After close() every run is Paused.
        """
        ...

    async def pause(self, job_id: str) -> None:
        """Ask the running job to stop at its next step and keep what it has done; run() then returns Paused."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Ask the running job to stop at its next step; run() then returns Failed with Cause.CANCELLED.

        If the job does not run, forget the paused training that is kept warm for it.
        """
        ...

    async def close(self) -> None:
        """End everything; a running job is Paused and left at its last checkpoint."""
        ...

    def stats(self) -> ProcessStats:
        """For the operator. Never raises, and may be called from any thread."""
        ...
