"""The default executor: jobs run in a child process. A CUDA fault, an OOM, a hang or a segfault ends the child, never
the bot.

Knows: when a child is started and reaped, and what becomes of its job. Does not know: pipes (child.py), when a child
counts as hung (watchdog.py), torch, the studio, the line. A child that dies or hangs, for whatever reason, costs this
run of its job and nothing else; the next run starts a new one, as it does after a child that said it had served long
enough. A child ends by itself when the bot's end of the pipe closes (gpu/worker/serve.py): it does not outlive the bot.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from gpu.device import DeviceReport
from gpu.errors import WorkerDied
from gpu.jobs import Job
from gpu.line.child import Child
from gpu.line.executor import Ending, ProcessStats
from gpu.line.watchdog import StartBackoff, Watchdog
from gpu.outcomes import Cause, Done, Failed, Paused, Report
from gpu.profile import PROFILE, SDXL, Profile, Timeouts
from gpu.wire import Ask, Close, End, Ready, Run, Step

log = logging.getLogger(__name__)

CLOSE_S = 15.0  # for a closing child to reach its next step and write its checkpoint


def worker(profile: Profile, log_level: str = "INFO") -> tuple[str, ...]:
    """The command of the real child, with all of its profile."""
    values = PROFILE.dump_json(profile).decode()
    return (sys.executable, "-m", "gpu.worker", "--profile", values, "--log-level", log_level)


class ProcessExecutor:
    """Runs jobs in a child process, one at a time.

    `command` starts a program that calls gpu.worker.serve.serve; the numbers of its two pipe ends are put behind it.
    `environment` is the child's whole environment (thread counts, no secrets); None: the bot's own.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        timeouts: Timeouts = SDXL.timeouts,  # the longest there are
        close_s: float = CLOSE_S,
    ) -> None:
        self._command = command
        self._environment = environment
        self._timeouts = timeouts
        self._close_s = close_s
        self._child: Child | None = None
        self._starting = asyncio.Lock()  # held from a child's start until it is ready
        self._early: list[Ask] = []  # asked of a job whose child is not ready yet
        self._backoff = StartBackoff()
        self._started = self._died = 0
        self._ending: Ending | None = None
        self._closed = asyncio.Event()

    async def start(self) -> None:
        await self._ready()

    async def run(self, job: Job, report: Report) -> Done | Paused | Failed:
        if self._closed.is_set():
            return Paused()
        self._early = []
        try:
            child = await self._ready()
        except WorkerDied as error:
            return self._job_lost(str(error), 0)
        for command in (Run(job), *self._early):
            child.send(command)
        return await self._follow(child, report)

    async def pause(self, job_id: str) -> None:
        self._ask(Ask("pause", job_id))

    async def cancel(self, job_id: str) -> None:
        self._ask(Ask("cancel", job_id))

    async def close(self) -> None:
        self._closed.set()
        if self._child and self._starting.locked():
            self._child.kill()  # it holds nothing yet
        elif self._child:
            self._child.send(Close())
            if not await self._child.ended(self._close_s):
                log.warning("The child did not close within %s s and is killed", self._close_s)
                self._child.kill()
        async with self._starting:
            await self._reap()

    def stats(self) -> ProcessStats:
        child = self._child
        past = ProcessStats(started=self._started, died=self._died, ending=self._ending)
        return replace(past, reserved=child.reserved, pid=child.pid) if child and child.alive else past

    async def _ready(self) -> Child:
        async with self._starting:
            if self._child and self._child.alive:
                return self._child
            await self._reap()
            await self._rest()
            try:
                child = self._child = await self._spawn()
            except WorkerDied:
                self._backoff.record_failure(_now())
                raise
            self._backoff.reset()
            return child

    async def _rest(self) -> None:
        """Wait after children that ended before they were ready, so that they are not started in a tight loop.

        close() ends the wait.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.left(_now())):
                await self._closed.wait()

    async def _spawn(self) -> Child:
        """A new child that is ready. Raises WorkerDied, also if it takes too long."""
        self._started += 1
        try:
            child = self._child = await Child.spawn(self._command, self._environment)
        except OSError as error:
            self._count_death("not_ready")
            raise WorkerDied(f"The child cannot be started: {error}") from error
        ready = False
        if self._closed.is_set():  # while it was starting
            child.kill()
        try:
            event = await child.receive(self._timeouts.startup)
            ready = True
            if isinstance(event, Ready):
                _log_device(event.device)
        except EOFError:
            raise WorkerDied(f"The child ended with status {await child.reap()} before it was ready.") from None
        except TimeoutError:
            raise WorkerDied(f"The child was not ready after {self._timeouts.startup:g} s and is killed.") from None
        finally:
            if not ready:
                await self._reap("not_ready")
        return child

    async def _follow(self, child: Child, report: Report) -> Done | Paused | Failed:
        watchdog = Watchdog(self._timeouts, _now())
        checkpoint = 0
        outcome = None
        ending: Ending = "exited"
        try:
            while not outcome:
                event = await child.receive(watchdog.left(_now()))
                if isinstance(event, Step):
                    checkpoint = max(checkpoint, event.progress.checkpoint)
                    watchdog.observe(event.progress, _now())
                    report(event.progress)
                elif isinstance(event, End):
                    outcome, child.leaving, child.reserved = event.outcome, event.last, event.reserved
                    if isinstance(outcome, Failed) and outcome.cause.needs_new_process:
                        is_full = outcome.cause is Cause.OUT_OF_MEMORY
                        self._count_death("out_of_memory" if is_full else "device_lost")
            return outcome
        except EOFError:
            return self._job_lost(
                f"The child ended with status {await child.reap()} in the middle of the job.", checkpoint
            )
        except TimeoutError:
            ending = "hung"
            return self._job_lost(f"The child hung and is killed: {watchdog}.", checkpoint)
        finally:
            if not outcome:  # it died, or it works on something that nobody waits for any more
                await self._reap(ending)

    def _job_lost(self, message: str, checkpoint: int) -> Paused | Failed:
        """The outcome of a job whose child is gone; Paused if that is because this executor closes."""
        if self._closed.is_set():
            return Paused(checkpoint=checkpoint)
        log.error(message)
        return WorkerDied(message).as_failed(checkpoint)

    def _ask(self, ask: Ask) -> None:
        if self._starting.locked():
            self._early.append(ask)
        elif self._child:
            self._child.send(ask)

    def _count_death(self, ending: Ending) -> None:
        self._died += 1
        self._ending = ending

    async def _reap(self, ending: Ending = "exited") -> None:
        child, self._child = self._child, None
        if child:
            if not (child.leaving or self._closed.is_set()):
                self._count_death(ending)
            try:
                if child.leaving:
                    await child.ended(self._close_s)
            finally:
                await child.reap()


def _log_device(device: DeviceReport) -> None:
    """Once for each child: what it computes on, or why it cannot."""
    if device.refused:
        log.error("Every job will fail: %s", device.refused)
    else:
        log.info("The GPU process is ready on %s", device.describe())


def _now() -> float:
    return asyncio.get_running_loop().time()
