"""The values that cross seams: what goes into the studio, what comes out, and how it looks as JSON.

Knows: shapes of jobs and results. Does not know: torch, PIL, Discord, SQL, or what anybody does with a value.
Everything here is a frozen dataclass of ints, floats, strings, tuples and Paths, so a job can be stored, retried,
and run on another machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, TypeAdapter

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture, each in 0..1."""

Size = tuple[int, int]
"""Width and height in pixels."""

Quality = Literal["draft", "normal", "fine"]
"""How much work a portrait gets; what that means, the profile says."""

Shape = Literal["square", "portrait", "landscape", "wide"]
"""Of a picture; how many pixels it has, the profile says."""

Flaw = Literal["no_dog", "too_small", "several_dogs", "other_pet", "too_few_pixels", "duplicate"]
"""Why a photo cannot be learnt from. `other_pet`: not the same one as in the others; a `duplicate` is learnt once."""

Advice = Literal[
    "few_pixels", "blurred", "too_dark", "too_bright", "head_cut_off", "covered", "person", "sideways", "same_scene"
]
"""What is poor about a photo. `covered`: something stands before the pet; `person`: hands or clothes lie on it."""

Lack = Literal["one_scene", "no_side_view", "no_whole_body"]
"""What a set of photos has nothing of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A checked photo on disk: upright, RGB, without metadata (storage/intake.py made it)."""

    path: Path
    sha256: str  # of the bytes on disk; also its name
    width: int  # pixels
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """The dog of one photo: a crop around it and a soft mask of equal size."""

    image: Path  # RGB PNG
    mask: Path  # L PNG, 255 = dog
    photo: str  # sha256 of the Photo it came from
    share: float  # dog pixels / photo pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A photo that cannot be learnt from, and why."""

    photo: str  # sha256
    reason: Flaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What is poor about a photo; of one where another pet is seen, perhaps the reason why."""

    photo: str  # sha256
    what: Advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What was learnt about one pet: a folder with LoRA, token rows and recipe.json (gpu/studio/adapter.py)."""

    folder: Path
    tokens: tuple[str, ...]  # in prompt order, e.g. ("<s0>", "<s1>")
    class_word: str
    base: str  # hash of the base model it was trained on
    steps: int
    likeness: float | None = None  # of its first portrait to the cut-outs, -1..1; None: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked for, as typed."""

    style: str  # a key of styles.toml, or free text
    text: str = ""  # any language
    negative: str = ""  # with a style that a server added: what it must not be


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the painter is told."""

    text: str  # holds the pet's tokens exactly once
    negative: str = ""
    thought: str = ""  # the rewriter's reasoning, for people who ask why
    box: Box | None = None  # where the dog should stand
    source: Literal["llm", "llm-retried", "template"] = "llm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How a portrait is denoised, and how many are painted for each that is shown."""

    steps: int
    guidance: float
    few_step: bool = False  # with the few-step LoRA beside the pet's, and the scheduler that it was distilled for
    tries: int = 1
    batch: int | None = None  # pictures that are painted at a time; None: the profile's


Around = tuple[tuple[int, float], ...]
"""The noise that a variation begins near: for each earlier seed, the share of the next one's noise mixed into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One painted picture and all that is needed to paint it again, pixel for pixel, on the same machine.

    A recipe from before there were presets and shapes has None for them: it was the profile's normal one, and square.
    """

    path: Path
    seed: int
    prompt: Prompt
    likeness: float | None  # None: the pet was imported, without its photos
    photos_likeness: float | None = None  # what the pet's own photos score against each other
    agreement: float | None = None  # of the picture with the words, -1..1; None: it was not chosen from several
    copied: bool = False  # its dog is nearly that of a photo
    profile: str
    batch: int  # paint batch size: part of the pixels (reference: same seed in another batch differs)
    preset: Preset | None = None
    size: Size | None = None
    around: Around = ()
    parent: str | None = None  # how it was asked for under which portrait: "style 0123456789ab/77", a job and a seed
    versions: tuple[tuple[str, str], ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Enroll:
    """Learn one dog from its photos, then paint a first portrait."""

    kind: Literal["enroll"] = "enroll"
    job_id: str
    folder: Path  # the job's own folder; cut-outs, checkpoints, adapter and portrait go below it
    photos: tuple[Photo, ...]
    wish: Wish  # of the first portrait
    class_word: str = "dog"  # or "auto": what the set agrees on
    seed: int = 0
    imported: bool = False  # it was learnt elsewhere: the adapter is in the folder, and there are no photos


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Cut the pet out of its photos and say what is wrong with them, before anything is learnt."""

    kind: Literal["look"] = "look"
    job_id: str
    folder: Path  # the enrolment's folder: what is cut out here is learnt from later
    photos: tuple[Photo, ...]
    class_word: str = "auto"  # "dog", "cat", ...; auto: what the set agrees on


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintOptions:
    """How to paint, beside the words and the seeds. What is None, the profile says."""

    preset: Preset | None = None  # None: the normal one
    size: Size | None = None  # None: the square
    batch: int | None = None  # a recipe's own: with it, and nothing else, the pixels are the same again
    around: Around = ()
    choose: bool = False  # the best of all that are painted; else exactly these seeds
    parent: str | None = None  # as in Portrait


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Paint portraits of a learnt dog, one for each seed."""

    kind: Literal["paint"] = "paint"
    job_id: str
    folder: Path
    adapter: Adapter
    cutouts: tuple[Cutout, ...]  # to score likeness against
    wish: Wish
    seeds: tuple[int, ...]
    prompt: Prompt | None = None  # a reroll keeps the prompt; None: the rewriter makes one
    options: PaintOptions = PaintOptions()


Job = Annotated[Enroll | Paint | Look, Field(discriminator="kind")]
JobKind = Literal["enroll", "paint", "look"]


class Cause(StrEnum):
    """Why a job failed: each is the name of a StudioError (errors.py). Rows and payloads keep these words."""

    TOO_FEW_PHOTOS = "TooFewPhotos"
    OUT_OF_MEMORY = "OutOfMemory"
    NOT_FINITE = "NotFinite"
    MODELS_MISSING = "ModelsMissing"
    NO_DEVICE = "NoDevice"
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
    picture: Path | None = None  # the contact sheet, once there is one
    checkpoint: int = 0  # the newest training step that is safe on disk
    learnt: Enrolled | None = None  # said once, when the adapter is safe on disk: whatever fails after it, it is kept


Report = Callable[[Progress], None]
"""Called between steps. It may raise Cancelled or PauseAsked (errors.py): that is how both take effect."""


Ending = Literal["exited", "hung", "not_ready", "out_of_memory", "device_lost"]
"""Why a process that computes was no good any more: it ended by itself, gave no sign of life, never got ready, had too
little memory on the card, or could not use the card any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStats:
    """What became of the processes that an executor computes in."""

    started: int = 0  # started, or tried to start, the first included
    died: int = 0  # of them, before their time: killed, hung, failed to start, or no good any more after a job
    ending: Ending | None = None  # of the last one that did
    reserved: int = 0  # bytes of the card's memory that the present one held when its last job ended
    pid: int | None = None  # of the present one


JOB: TypeAdapter[Enroll | Paint] = TypeAdapter(Annotated[Enroll | Paint, Field(discriminator="kind")])
"""As a row keeps it: a look is made of its Enroll when its turn comes."""
ENROLLED: TypeAdapter[Enrolled] = TypeAdapter(Enrolled)
ADAPTER: TypeAdapter[Adapter] = TypeAdapter(Adapter)
LOOKED: TypeAdapter[Looked] = TypeAdapter(Looked)
CUTOUTS: TypeAdapter[tuple[Cutout, ...]] = TypeAdapter(tuple[Cutout, ...])
PORTRAIT: TypeAdapter[Portrait] = TypeAdapter(Portrait)
