"""Everything that can go wrong in the studio, by name. The docstring is the default message, for the log.

Knows: kinds of failure. Does not know: how people are told (cogs/shared/text.py has a sentence for each class name).
"""

from gpu.types import Failed, Rejected


class StudioError(Exception):
    """The studio could not do the job."""

    rejected: tuple[Rejected, ...] = ()

    def __init__(self, message: str = "", *, rejected: tuple[Rejected, ...] = ()) -> None:
        super().__init__(message or type(self).__doc__)
        self.rejected = rejected

    def as_failed(self, checkpoint: int = 0) -> Failed:
        """This error as a value that crosses seams."""
        return Failed(error=type(self).__name__, message=str(self), rejected=self.rejected, checkpoint=checkpoint)


class TooFewPhotos(StudioError):
    """Fewer than three photos show exactly one dog well enough."""


class OutOfMemory(StudioError):
    """The GPU ran out of memory."""


class NotFinite(StudioError):
    """The numbers ran away (NaN or infinity) and the result was thrown away."""


class ModelsMissing(StudioError):
    """A model's files are missing or cannot be read."""


class AdapterMismatch(StudioError):
    """The adapter was learnt on another base model."""


class WorkerDied(StudioError):
    """The GPU process ended in the middle of the job, or hung and was ended; the message says which."""


class Cancelled(StudioError):
    """Somebody cancelled the job."""


class Internal(StudioError):
    """Something nobody expected; the log has the traceback."""


class PauseAsked(Exception):
    """Raised by a report between two steps: stop here, keep what is there. Not a failure."""


SPOILT = (OutOfMemory.__name__, WorkerDied.__name__)
"""Failures of the process, not of the job: a new one is as good as new, and may well get the job done."""
