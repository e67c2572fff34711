"""A portrait, and what is asked of it: the wish, the prompt made of it, and how it is painted.

Knows: shapes. Does not know: how a wish becomes a prompt, how a picture is painted, or where one is shown.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture, each in 0..1."""

Size = tuple[int, int]
"""Width and height in pixels."""

Quality = Literal["draft", "normal", "fine"]
"""How much work a portrait gets; what that means, the profile says."""

Shape = Literal["square", "portrait", "landscape", "wide"]
"""Of a picture; how many pixels it has, the profile says."""


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
    surroundings: bool = False  # painted by the base model, which is asked once more in each step; not with few_step
    worn: bool = False  # with surroundings: what the pet wears is asked of the base model, too
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
    misplaced: bool = False  # its dog does not stand where it was to be led
    profile: str
    batch: int  # paint batch size: part of the pixels (reference: same seed in another batch differs)
    preset: Preset | None = None
    size: Size | None = None
    around: Around = ()
    placed: bool = False  # the prompt's box decided about the pixels, too
    parent: str | None = None  # how it was asked for under which portrait: "style 0123456789ab/77", a job and a seed
    versions: tuple[tuple[str, str], ...]
    seconds: float


PORTRAIT: TypeAdapter[Portrait] = TypeAdapter(Portrait)
