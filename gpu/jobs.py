"""The jobs that the studio does: learn a pet, look at its photos, paint it.

Knows: what each one is given. Does not know: what becomes of it (outcomes.py), or whose turn it is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from gpu.learning import RecipeName
from gpu.pets import Adapter, Cutout, Photo
from gpu.portraits import Around, Preset, Prompt, Size, Wish


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
    recipe: RecipeName = "pivotal"  # how it is learnt
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
    placed: bool = True  # where the prompt has a box, the dog is led to it; not so in older recipes
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

JOB: TypeAdapter[Enroll | Paint] = TypeAdapter(Annotated[Enroll | Paint, Field(discriminator="kind")])
"""As a row keeps it: a look is made of its Enroll when its turn comes."""
