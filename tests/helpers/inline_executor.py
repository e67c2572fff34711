"""An executor without a child: for tests of what stands in front of one. It passes contracts/executor.py.

Knows: threads. Does not know: processes, pipes.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from gpu.jobs import Job
from gpu.line.executor import ProcessStats
from gpu.outcomes import Done, Failed, Paused, Progress, Report
from gpu.worker.control import JobControl, StudioProtocol, run_job


class InlineExecutor:
    """Runs a studio in one thread of this process: for tests, and for looking at a studio without a child."""

    def __init__(self, studio: StudioProtocol) -> None:
        self._studio = studio
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studio")
        self._control = JobControl()
        self._closed = False

    async def start(self) -> None:
        """A studio that is there is ready."""

    async def run(self, job: Job, report: Report) -> Done | Paused | Failed:
        if self._closed:
            return Paused()
        loop = asyncio.get_running_loop()

        def send(progress: Progress) -> None:
            loop.call_soon_threadsafe(report, progress)

        self._control.begin(job.job_id)
        return await loop.run_in_executor(self._thread, run_job, self._studio, job, self._control, send)

    async def pause(self, job_id: str) -> None:
        self._control.request("pause", job_id)

    async def cancel(self, job_id: str) -> None:
        if not self._control.request("cancel", job_id) and not self._closed:
            self._thread.submit(self._studio.drop, job_id)  # after whatever runs now

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._control.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._studio.checkpoint_paused)
        self._thread.shutdown()

    def stats(self) -> ProcessStats:
        """It has no child."""
        return ProcessStats()
