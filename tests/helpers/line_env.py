"""A line with a journal in memory, as its tests see it: what is submitted, what people hear of it, what is settled.

Knows: Line, MemoryJournal, fixtures. Does not know: which executor runs in the end.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from gpu.jobs import Job
from gpu.line.executor import Executor
from gpu.line.line import Line
from gpu.outcomes import Progress
from tests.helpers.memory_journal import MemoryJournal

LONG = "steps=60 ms=5"


class LineEnv:
    """A line with a journal, and what people would have seen of it."""

    def __init__(self, executor: Executor, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.heard: list[tuple[str, Progress]] = []
        self.settled: list[str] = []
        self.line = Line(executor, self.journal, self._progress, self._settle)
        self._news = asyncio.Event()

    def submit(self, *jobs: Job, user_id: int = 1) -> None:
        for job in jobs:
            self.line.submit(self.journal.accept(job, user_id))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def all_settled(self, *job_ids: str) -> None:
        await self.until(lambda: set(job_ids) <= set(self.settled))

    async def at_step(self, job_id: str, step: int) -> None:
        await self.until(lambda: any(name == job_id and progress.step >= step for name, progress in self.heard))

    def state(self, job_id: str) -> str:
        return self.journal.rows[job_id].state

    def _progress(self, job_id: str, progress: Progress) -> None:
        self.heard.append((job_id, progress))
        self._news.set()

    def _settle(self, job_id: str) -> None:
        self.settled.append(job_id)
        self._news.set()


@asynccontextmanager
async def opened(executor: Executor, journal: MemoryJournal | None = None) -> AsyncGenerator[LineEnv]:
    env = LineEnv(executor, journal)
    await env.line.start()
    try:
        yield env
    finally:
        await env.line.close()
