"""How one job is run in the process that computes. Cancel and pause take effect between two steps, never by a signal.

Knows: what an executor needs of a studio, how a report stops a job, which outcome an exception is. Does not know:
pipes, threads, the line, what a job means.
"""

import errno
import logging
import re
import time
from typing import Literal, Protocol

from gpu.device import DeviceReport
from gpu.errors import Cancelled, DiskFull, Internal, OutOfMemory, PauseAsked, StudioError, WorkerDied
from gpu.jobs import Enroll, Job, Look, Paint
from gpu.outcomes import Done, Enrolled, Failed, Looked, Painted, Paused, Progress, Report

log = logging.getLogger(__name__)

REPORT_S = 0.1  # least time between two reports that differ in nothing but the step

DEVICE_ERROR = re.compile(
    r"CUDA (driver )?error|cu(dnn|fft|solver)( frontend)? error|triton error \[cuda\]|unable to find an engine",
    re.IGNORECASE,
)
"""How torch and Triton word errors of the card and its libraries. The last is cuDNN's: every convolution failed."""


class StudioProtocol(Protocol):
    """What an executor needs of gpu.studio.studio.Studio. Called from one thread, one call at a time."""

    def enroll(self, job: Enroll, report: Report) -> Enrolled:
        """Raises StudioError, or what `report` raises.

        After PauseAsked the same job goes on where it stopped; after anything else nothing is kept warm for it.
        """
        ...

    def look(self, job: Look, report: Report) -> Looked:
        """Raises StudioError, or what `report` raises. Too few good photos are no error here: the result says it.

        The enrolment in the same folder learns from what was cut out, and does not cut again.
        """
        ...

    def paint(self, job: Paint, report: Report) -> Painted:
        """Raises StudioError, or what `report` raises."""
        ...

    def checkpoint_paused(self) -> None:
        """Write a checkpoint of what is paused, unless its job's folder is gone or the disk is full."""
        ...

    def drop(self, job_id: str) -> None:
        """Forget a paused training; a job it does not know is fine."""
        ...

    def device_report(self) -> DeviceReport:
        """What it computes on, and how the memory there is shared."""
        ...

    def memory_reserved(self) -> int:
        """Bytes of the card's memory that this process holds; 0 without a card. Never raises, device broken or not."""
        ...


class JobControl:
    """What was asked of the running job: set by one thread, read by the job's own thread at its next step."""

    def __init__(self) -> None:
        self._job_id: str | None = None
        self._asked: Literal["pause", "cancel"] | None = None
        self._closing = False

    def begin(self, job_id: str) -> None:
        """A job begins, and nothing was asked of it yet."""
        self._job_id, self._asked = job_id, None

    def finish(self) -> None:
        self._job_id = None

    def request(self, do: Literal["pause", "cancel"], job_id: str) -> bool:
        """True if that job runs and will see it. A cancel is not taken back by a pause."""
        if self._job_id != job_id:
            return False
        if self._asked != "cancel":
            self._asked = do
        return True

    def close(self) -> None:
        """Pause whatever runs, now and later."""
        self._closing = True

    def check(self) -> None:
        """Raises Cancelled or PauseAsked if it was asked for."""
        if self._asked == "cancel":
            raise Cancelled
        if self._asked == "pause" or self._closing:
            raise PauseAsked


class _ControlledReport:
    """The report that the studio calls: sends on what is new, and raises Cancelled or PauseAsked if that was asked."""

    def __init__(self, control: JobControl, send: Report) -> None:
        self.checkpoint = 0
        self._control = control
        self._send = send
        self._sent: tuple[object, ...] = ()
        self._sent_at = 0.0

    def __call__(self, progress: Progress) -> None:
        self.checkpoint = max(self.checkpoint, progress.checkpoint)
        position = (progress.phase, progress.picture, progress.checkpoint, progress.learnt)
        now = time.monotonic()
        if position != self._sent or now - self._sent_at >= REPORT_S:
            self._sent, self._sent_at = position, now
            self._send(progress)
        self._control.check()


def run_job(studio: StudioProtocol, job: Job, control: JobControl, send: Report) -> Done | Paused | Failed:
    """Run a job to its outcome, in the thread that calls; whatever the job raises becomes a value."""
    watch = _ControlledReport(control, send)
    began = time.monotonic()
    try:
        return Done(result=_result(studio, job, watch), seconds=time.monotonic() - began)
    except PauseAsked:
        return Paused(checkpoint=watch.checkpoint)
    except StudioError as error:
        return error.as_failed(watch.checkpoint)
    except Exception as error:
        log.exception("Job %s failed in a way nobody expected", job.job_id)
        return as_studio_error(error).as_failed(watch.checkpoint)
    finally:
        control.finish()


def _result(studio: StudioProtocol, job: Job, report: Report) -> Enrolled | Painted | Looked:
    match job:
        case Enroll():
            return studio.enroll(job, report)
        case Look():
            return studio.look(job, report)
        case Paint():
            return studio.paint(job, report)


def as_studio_error(error: Exception) -> StudioError:
    """The StudioError for an exception that the studio did not expect.

    Told by class names and messages, since this file imports no torch. After any CUDA error but a plain lack of memory
    every later call on the device fails too, and only a new process helps (pytorch#17425): so it counts as WorkerDied.
    The first call that fails may be a library's: a convolution then says "cuDNN error" and nothing of CUDA.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    first_line = str(error).partition("\n")[0]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(first_line)
    if kinds & {"OutOfMemoryError", "MemoryError"}:
        return OutOfMemory(first_line)
    if "AcceleratorError" in kinds or DEVICE_ERROR.search(first_line):
        return WorkerDied(f"The device cannot be used any more: {first_line}")
    return Internal()
