"""What becomes of a job: its progress, then its outcome.

Knows: shapes, and which failures have names. Does not know: what anybody does about them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, TypeAdapter

from gpu.pets import Adapter, Cutout, Lack, Rejected, Remark
from gpu.portraits import Portrait


class Cause(StrEnum):
    """Why a job failed: each is the name of a StudioError (errors.py). Rows and payloads keep these words."""

    TOO_FEW_PHOTOS = "TooFewPhotos"
    OUT_OF_MEMORY = "OutOfMemory"
    NOT_FINITE = "NotFinite"
    MODELS_MISSING = "ModelsMissing"
    NO_DEVICE = "NoDevice"
    DISK_FULL = "DiskFull"
    ADAPTER_MISMATCH = "AdapterMismatch"
    WORKER_DIED = "WorkerDied"
    CANCELLED = "Cancelled"
    INTERNAL = "Internal"

    @property
    def needs_new_process(self) -> bool:
        """It is the process that failed, not the job: in a new one the job may well get done."""
        return self in (Cause.OUT_OF_MEMORY, Cause.WORKER_DIED)

    @property
    def is_final(self) -> bool:
        """Another try with the same photos would end in the same way, or nobody wants one."""
        return self in (Cause.TOO_FEW_PHOTOS, Cause.CANCELLED)

    @classmethod
    def _missing_(cls, value: object) -> "Cause":
        """A cause that only another version knows (its rows outlive it) is read as one that nobody expected."""
        return cls.INTERNAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A StudioError as a value."""

    kind: Literal["failed"] = "failed"
    cause: Annotated[Cause, Field(validation_alias=AliasChoices("cause", "error"))]  # older rows say "error"
    message: str  # English, for the log
    rejected: tuple[Rejected, ...] = ()
    checkpoint: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    kind: Literal["enrolled"] = "enrolled"
    adapter: Adapter
    cutouts: tuple[Cutout, ...]
    rejected: tuple[Rejected, ...]
    sheet: Path | None  # contact sheet of the cut-outs; None: there are none, as it was imported
    portraits: tuple[Portrait, ...]  # the first one; none where it failed, or is not painted yet
    failed: Failed | None = None  # what kept the first portrait from being painted: the pet is known all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What became of the photos of one pet."""

    kind: Literal["looked"] = "looked"
    cutouts: tuple[Cutout, ...]
    rejected: tuple[Rejected, ...]
    remarks: tuple[Remark, ...] = ()
    lacks: tuple[Lack, ...] = ()
    sheet: Path  # contact sheet: every photo in the order in which they were given, numbered from 1, with a mark
    class_word: str = "dog"  # of the species that the set agrees on


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    kind: Literal["painted"] = "painted"
    portraits: tuple[Portrait, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    kind: Literal["done"] = "done"
    result: Annotated[Enrolled | Painted | Looked, Field(discriminator="kind")]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    kind: Literal["paused"] = "paused"
    checkpoint: int = 0


Outcome = Annotated[Done | Paused | Failed, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One true step of a job. steps and seconds_left count the phase, not the job."""

    phase: Literal["loading", "cutting", "learning", "thinking", "painting"]
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    picture: Path | None = None  # to be shown: the contact sheet, once there is one, or a preview of what is learnt
    painted: int = 0  # denoising steps since that step: pictures by which it is judged, or that a training begins with
    checkpoint: int = 0  # the newest training step that is safe on disk
    learnt: Enrolled | None = None  # said once, when the adapter is safe on disk: whatever fails after it, it is kept


Report = Callable[[Progress], None]
"""Called between steps. It may raise Cancelled or PauseAsked (errors.py): that is how both take effect."""

ENROLLED: TypeAdapter[Enrolled] = TypeAdapter(Enrolled)
LOOKED: TypeAdapter[Looked] = TypeAdapter(Looked)
