"""One child process as the bot sees it: a process with a session of its own, and the two pipes to it.

Knows: processes and pipes. Does not know: jobs, when a child is needed (process.py), what it computes.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from gpu.wire import COMMAND, EVENT, HEADER, Ask, Close, End, Ready, Run, Step, frame

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
REAP_S = 5.0  # for the system to end a killed child: one that sleeps in a driver may never end


class Child:
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
        self.reserved = 0  # bytes of the card's memory, as it last reported
        self.leaving = False  # it has sent its last outcome and ends by itself
        self._abandoned = False  # it was killed and did not end: nobody waits for it any more

    @classmethod
    async def spawn(cls, command: Sequence[str], environment: Mapping[str, str] | None) -> "Child":
        """Start the command with the numbers of its two pipe ends behind it. Raises OSError."""
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        loop, events, ours = asyncio.get_running_loop(), asyncio.StreamReader(), ExitStack()
        protocol = asyncio.StreamReaderProtocol(events)
        try:
            source = ours.enter_context(os.fdopen(ours_in, "rb", buffering=0))
            sink = ours.enter_context(os.fdopen(ours_out, "wb", buffering=0))
            reading, _ = await loop.connect_read_pipe(lambda: protocol, source)
            ours.callback(reading.close)
            writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sink)
            ours.callback(writing.close)
            process = await asyncio.create_subprocess_exec(
                *command,
                *(str(theirs_in), str(theirs_out)),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,  # Ctrl-C is for the bot, which then drains
                cwd=ROOT,
                env=environment,
            )
        except BaseException:  # also when asked to stop in the middle of it
            ours.close()
            raise
        finally:
            os.close(theirs_in)  # or the end of the child would not be the end of the pipe
            os.close(theirs_out)
        ours.pop_all()  # the child has them from here on
        return cls(process, events, reading, writing)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._events.at_eof() and not self.leaving

    def send(self, command: Run | Ask | Close) -> None:
        self._writing.write(frame(COMMAND, command))

    async def receive(self, within_s: float) -> Ready | Step | End:
        """The child's next event. Raises EOFError once the child is gone, TimeoutError if none comes in time.

        An event that lies in the pipe already is in time, however late this process looks.
        """
        event = asyncio.create_task(self._receive())
        try:
            await asyncio.wait({event}, timeout=within_s)
            if event.done():
                return event.result()
            raise TimeoutError
        finally:
            event.cancel()

    async def _receive(self) -> Ready | Step | End:
        (length,) = HEADER.unpack(await self._events.readexactly(HEADER.size))
        return EVENT.validate_json(await self._events.readexactly(length))

    async def ended(self, within_s: float) -> bool:
        """Whether it ends in that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    def kill(self) -> None:
        """Kill it and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def reap(self) -> int | None:
        """Kill it if it still lives, and close its pipes; returns its exit status, negative for a signal.

        None if it is not gone REAP_S after it was killed: then it is given up, and asyncio reaps it should it ever end.
        """
        if self._process.returncode is None:
            self.kill()
        try:
            if not self._abandoned and not await self.ended(REAP_S):
                self._abandoned = True
                log.error("Child %d was killed and is not gone: it is given up, with all it holds", self._process.pid)
        finally:  # also where nobody waits for that any more
            self._reading.close()
            self._writing.close()
        return self._process.returncode
