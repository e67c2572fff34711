"""Everything that can go wrong in the studio, by name. The docstring is the default message, for the log.

Knows: kinds of failure. Does not know: how people are told (cogs/text.py has a sentence for each class name).
"""

import re

from gpu.types import Failed, Rejected

BROKEN = re.compile(
    r"CUDA (driver )?error|cu(dnn|fft|solver)( frontend)? error|triton error \[cuda\]|unable to find an engine",
    re.IGNORECASE,
)
"""As torch and Triton word what the card and its libraries say. The last is cuDNN's: every way to convolve failed."""


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


def of_machine(error: Exception) -> StudioError:
    """What an exception means that the studio has no name for.

    Told by names and words, since the bot's process does not import torch. After any CUDA error but a plain lack of
    memory every later call on the device fails too, and only a new process helps (pytorch#17425): that one is dead.
    The first call that meets it may be a library's: a convolution then says "cuDNN error" and nothing of CUDA.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    first_line = str(error).partition("\n")[0]
    if kinds & {"OutOfMemoryError", "MemoryError"}:
        return OutOfMemory(first_line)
    if "AcceleratorError" in kinds or BROKEN.search(first_line):
        return WorkerDied(f"The device cannot be used any more: {first_line}")
    return Internal()
