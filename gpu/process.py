"""The bot's side of the child that computes: starts it, talks to it over a pipe pair, outlives it.

Knows: processes and pipes. Does not know: torch, the studio, the line. A child that dies, for whatever reason, costs
the job it was running and nothing else; the next run starts a new one. The child ends by itself when its end of the
pipe closes (gpu/worker.py), so it does not outlive the bot either.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gpu.errors import WorkerDied
from gpu.types import Done, Enroll, Failed, Paint, Paused, Report
from gpu.wire import COMMAND, EVENT, HEADER, Ask, Close, End, Ready, Run, Step, frame

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
CLOSE_S = 15.0  # for a closing child to reach its next step and write its checkpoint


def worker(profile: str) -> tuple[str, ...]:
    """The command of the real child."""
    return (sys.executable, "-m", "gpu.worker", "--profile", profile)


class _Child:
    """One process and the two pipes to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        events: asyncio.StreamReader,
        reading: asyncio.ReadTransport,
        writing: asyncio.WriteTransport,
    ) -> None:
        self._process = process
        self._events = events
        self._reading = reading
        self._writing = writing

    @classmethod
    async def born(cls, command: Sequence[str], environment: Mapping[str, str] | None) -> "_Child":
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        loop = asyncio.get_running_loop()
        events = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(events)
        reading, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(ours_in, "rb", buffering=0))
        writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(ours_out, "wb", buffering=0))
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                *(str(theirs_in), str(theirs_out)),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,  # Ctrl-C is for the bot, which then drains
                cwd=ROOT,
                env=environment,
            )
        except BaseException:
            reading.close()
            writing.close()
            raise
        finally:
            os.close(theirs_in)  # or the end of the child would not be the end of the pipe
            os.close(theirs_out)
        return cls(process, events, reading, writing)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._events.at_eof()

    def send(self, command: Run | Ask | Close) -> None:
        self._writing.write(frame(COMMAND, command))

    async def receive(self) -> Ready | Step | End:
        """Raises EOFError once the child is gone."""
        (length,) = HEADER.unpack(await self._events.readexactly(HEADER.size))
        return EVENT.validate_json(await self._events.readexactly(length))

    async def ended(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    def kill(self) -> None:
        """End it and what it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def bury(self) -> int:
        """End it if it still lives, release all it had here; returns its exit status, negative for a signal."""
        if self._process.returncode is None:
            self.kill()
        status = await self._process.wait()
        self._reading.close()
        self._writing.close()
        return status


class ProcessExecutor:
    """Runs jobs in a child process, one at a time.

    `command` starts a program that calls gpu.worker.serve; the numbers of its two pipe ends are put behind it.
    `environment` is the child's whole environment (thread counts, no secrets); None: the bot's own.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, close_s: float = CLOSE_S
    ) -> None:
        self._command = command
        self._environment = environment
        self._close_s = close_s
        self._child: _Child | None = None
        self._starting = asyncio.Lock()  # held from a child's birth until it is ready
        self._early: list[Ask] = []  # asked of the job that waits for its child to be ready
        self._closed = False

    async def start(self) -> None:
        await self._ready()

    async def run(self, job: Enroll | Paint, report: Report) -> Done | Paused | Failed:
        if self._closed:
            return Paused()
        self._early = []
        try:
            child = await self._ready()
        except WorkerDied as error:
            return self._lost(str(error), 0)
        for command in (Run(job), *self._early):
            child.send(command)
        return await self._follow(child, report)

    async def pause(self, job_id: str) -> None:
        self._ask(Ask("pause", job_id))

    async def cancel(self, job_id: str) -> None:
        self._ask(Ask("cancel", job_id))

    async def close(self) -> None:
        self._closed = True
        if self._child and self._starting.locked():
            self._child.kill()  # it holds nothing yet
        elif self._child:
            self._child.send(Close())
            if not await self._child.ended(self._close_s):
                log.warning("The child did not close within %s s and is killed", self._close_s)
                self._child.kill()
        async with self._starting:
            await self._bury()

    async def _ready(self) -> _Child:
        async with self._starting:
            if self._child and self._child.alive:
                return self._child
            await self._bury()
            child = self._child = await _Child.born(self._command, self._environment)
            if self._closed:  # while it was being born
                child.kill()
            ready = False
            try:
                await child.receive()
                ready = True
            except EOFError:
                raise WorkerDied(f"The child ended with status {await child.bury()} before it was ready.") from None
            finally:
                if not ready:
                    await self._bury()
            return child

    async def _follow(self, child: _Child, report: Report) -> Done | Paused | Failed:
        checkpoint = 0
        outcome = None
        try:
            while not outcome:
                event = await child.receive()
                if isinstance(event, Step):
                    checkpoint = max(checkpoint, event.progress.checkpoint)
                    report(event.progress)
                elif isinstance(event, End):
                    outcome = event.outcome
            return outcome
        except EOFError:
            return self._lost(f"The child ended with status {await child.bury()} in the middle of the job.", checkpoint)
        finally:
            if not outcome:  # it died, or it is in the middle of something that nobody waits for any more
                await self._bury()

    def _lost(self, message: str, checkpoint: int) -> Paused | Failed:
        if self._closed:
            return Paused(checkpoint=checkpoint)
        log.error(message)
        return WorkerDied(message).as_failed(checkpoint)

    def _ask(self, ask: Ask) -> None:
        if self._starting.locked():
            self._early.append(ask)
        elif self._child:
            self._child.send(ask)

    async def _bury(self) -> None:
        child, self._child = self._child, None
        if child:
            await child.bury()
