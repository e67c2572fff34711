"""A pet as the studio sees it: its photos, what is cut out of them and said about them, and what was learnt.

Knows: shapes. Does not know: how a pet is found or learnt, its name, or whose it is (storage/pets.py).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

Flaw = Literal["no_dog", "too_small", "several_dogs", "other_pet", "too_few_pixels", "duplicate", "not_finite"]
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


ADAPTER: TypeAdapter[Adapter] = TypeAdapter(Adapter)
CUTOUTS: TypeAdapter[tuple[Cutout, ...]] = TypeAdapter(tuple[Cutout, ...])
