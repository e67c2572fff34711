"""The child's side of the pipes: runs one job after the other, and takes commands meanwhile.

Knows: the messages on the pipes, which thread does what, and when to end. Does not know: the line, the database,
Discord, or what a job means. One thread reads commands and notes them, so that the running job sees them at its next
step; the main thread runs the jobs. When the bot's end of the pipe closes, this process ends at once.

The child itself decides when it has served long enough (recycle.py): it knows its memory, what it keeps warm and
whether its device still answers. It says so with the outcome, so that no job is sent to a child that is leaving.
"""

import logging
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import BinaryIO

from gpu.errors import NoDevice
from gpu.machine import resident
from gpu.outcomes import Cause, Failed
from gpu.profile import RecyclePolicy
from gpu.wire import COMMAND, EVENT, HEADER, Ask, Close, End, Ready, Run, Step, frame
from gpu.worker.control import JobControl, StudioProtocol, run_job
from gpu.worker.recycle import RecycleTracker
from gpu.worker.refusing import RefusingStudio

log = logging.getLogger(__name__)


def serve(build: Callable[[], StudioProtocol], fd_in: int, fd_out: int, recycle: RecyclePolicy) -> None:
    """Run jobs until told to close, or until served long enough; then write a checkpoint of each paused training.

    Not of one that was cancelled, even if that was while the last job ran.
    """
    commands: SimpleQueue[Run | Ask | Close] = SimpleQueue()
    control = JobControl()
    inbox = os.fdopen(fd_in, "rb")
    threading.Thread(target=_listen, args=(inbox, control, commands), name="commands", daemon=True).start()
    with os.fdopen(fd_out, "wb") as outbox:
        _work(build, control, commands, lambda event: _send(outbox, event), recycle)


def _work(
    build: Callable[[], StudioProtocol],
    control: JobControl,
    commands: SimpleQueue[Run | Ask | Close],
    send: Callable[[Ready | Step | End], None],
    recycle: RecyclePolicy,
) -> None:
    studio = _built(build)
    tracker = RecycleTracker(recycle, resident)
    send(Ready(studio.device_report()))
    last = False
    while not (last and commands.empty()) and not isinstance(command := commands.get(), Close):
        if isinstance(command, Ask):
            studio.drop(command.job_id)
            continue
        outcome = run_job(studio, command.job, control, lambda progress: send(Step(progress)))
        last = tracker.is_due(outcome)
        send(End(outcome, last, studio.memory_reserved()))
        if isinstance(outcome, Failed) and outcome.cause is Cause.WORKER_DIED:
            return  # the device is gone, and what was warm with it
    studio.checkpoint_paused()


def _built(build: Callable[[], StudioProtocol]) -> StudioProtocol:
    """A machine that cannot compute has a child all the same: it says so, and no other one is started in its place."""
    try:
        return build()
    except NoDevice as error:
        return RefusingStudio(str(error))


def _send(outbox: BinaryIO, event: Ready | Step | End) -> None:
    outbox.write(frame(EVENT, event))
    outbox.flush()


def _listen(inbox: BinaryIO, control: JobControl, commands: SimpleQueue[Run | Ask | Close]) -> None:
    try:
        while True:
            command = _receive(inbox)
            if isinstance(command, Run):
                control.begin(command.job.job_id)
            elif isinstance(command, Close):
                control.close()
            elif control.request(command.do, command.job_id) or command.do == "pause":
                continue  # the job sees it at its next step, or there is nothing to pause
            commands.put(command)
    except EOFError:
        os._exit(0)  # the parent is gone
    except Exception:
        log.exception("The child cannot hear its commands any more")
        os._exit(1)


def _receive(inbox: BinaryIO) -> Run | Ask | Close:
    header = inbox.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    (length,) = HEADER.unpack(header)
    body = inbox.read(length)
    if len(body) < length:
        raise EOFError
    return COMMAND.validate_json(body)
