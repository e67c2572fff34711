"""Everything that can go wrong in the studio, by name. The docstring is the default message, for the log.

Knows: kinds of failure. Does not know: how people are told (cogs/shared/texts has a sentence for each cause).
"""

from gpu.outcomes import Cause, Failed
from gpu.pets import Rejected


class StudioError(Exception):
    """The studio could not do the job."""

    cause = Cause.INTERNAL
    rejected: tuple[Rejected, ...] = ()

    def __init__(self, message: str = "", *, rejected: tuple[Rejected, ...] = ()) -> None:
        super().__init__(message or type(self).__doc__)
        self.rejected = rejected

    def as_failed(self, checkpoint: int = 0) -> Failed:
        """This error as a value that crosses seams."""
        return Failed(cause=self.cause, message=str(self), rejected=self.rejected, checkpoint=checkpoint)


class TooFewPhotos(StudioError):
    """Fewer than three photos show exactly one dog well enough."""

    cause = Cause.TOO_FEW_PHOTOS


class OutOfMemory(StudioError):
    """The GPU ran out of memory."""

    cause = Cause.OUT_OF_MEMORY


class NotFinite(StudioError):
    """The numbers ran away (NaN or infinity) and the result was thrown away."""

    cause = Cause.NOT_FINITE


class ModelsMissing(StudioError):
    """A model's files are missing or cannot be read."""

    cause = Cause.MODELS_MISSING


class NoDevice(StudioError):
    """There is no card that can be used, and the CPU is not allowed."""

    cause = Cause.NO_DEVICE


class DiskFull(StudioError):
    """The disk is full; what was on it is still there."""

    cause = Cause.DISK_FULL


class AdapterMismatch(StudioError):
    """The adapter was learnt on another base model."""

    cause = Cause.ADAPTER_MISMATCH


class WorkerDied(StudioError):
    """The GPU process ended in the middle of the job, or hung and was ended; the message says which."""

    cause = Cause.WORKER_DIED


class Cancelled(StudioError):
    """Somebody cancelled the job."""

    cause = Cause.CANCELLED


class Internal(StudioError):
    """Something nobody expected; the log has the traceback."""


class PauseAsked(Exception):
    """Raised by a report between two steps: stop here, keep what is there. Not a failure."""
