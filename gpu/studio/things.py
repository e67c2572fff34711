"""The things that wishes name, in English, Korean, Japanese and Spanish (things.toml). No torch.

Knows: which words mean a thing, whether it is worn or is a place. Does not know: what is wanted and what is refused
(exclusions.py), plans, prompts.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gpu.words import fold


@dataclass(frozen=True, eq=False)
class Thing:
    """Something that a wish can name."""

    name: str  # as a negative says it
    worn: str = ""  # as it stands after "wearing"; "": it is not worn
    scene: str = ""  # the place that it makes; "": it makes none
    en: tuple[str, ...] = ()
    ko: tuple[str, ...] = ()
    ja: tuple[str, ...] = ()
    es: tuple[str, ...] = ()
    sign: tuple[str, ...] = ()  # emoji
    short: tuple[str, ...] = ()  # means it only where it is refused

    @cached_property
    def english(self) -> re.Pattern[str]:
        """Its words in a plan."""
        return words(self.en)


def words(forms: Iterable[str]) -> re.Pattern[str]:
    """Any of these as whole words, also of many; a Korean particle may follow ("hat은")."""
    found = "|".join(re.escape(fold(form)) for form in _longest(forms))
    return re.compile(rf"(?<![a-z])(?:{found})s?(?![a-z])", re.IGNORECASE)


def _longest(forms: Iterable[str]) -> list[str]:
    return sorted(forms, key=len, reverse=True)


def _tables(thing: Thing) -> tuple[tuple[str, ...], ...]:
    return (thing.en, thing.ko, thing.ja, thing.es, thing.short)


def _read(path: Path) -> tuple[Thing, ...]:
    tables = tomllib.loads(path.read_text("utf-8"))
    return tuple(
        Thing(name=name, **{key: value if isinstance(value, str) else tuple(value) for key, value in table.items()})
        for name, table in tables.items()
    )


THINGS = _read(Path(__file__).with_suffix(".toml"))
NAMED = {thing.name: thing for thing in THINGS}
JOINED = "|".join(
    re.escape(form) for form in _longest(form for thing in THINGS for form in (*thing.ko, *thing.ja, *thing.short))
)
"""A pattern for any Korean or Japanese word of them that can be refused: those are not parted by spaces."""

_MEANS = {fold(form).casefold(): thing for thing in reversed(THINGS) for table in _tables(thing) for form in table}
SPACED = words(form for thing in THINGS for form in (*thing.en, *thing.es)).pattern
_LONG = "|".join(re.escape(form) for form in _longest(form for thing in THINGS for form in (*thing.ko, *thing.ja)))
_ANY, _REFUSED = (re.compile(f"{SPACED}|{joined}", re.IGNORECASE) for joined in (_LONG, JOINED))
_SIGNS = {sign: thing for thing in reversed(THINGS) for sign in thing.sign}
_SIGN = re.compile("|".join(_SIGNS))


def named(text: str, *, refused: bool = False) -> list[Thing]:
    """The things that a text names, as typed, or as it refuses them; each once. Of two ("gafas de sol") the longer."""
    said = (match.group().casefold() for match in (_REFUSED if refused else _ANY).finditer(fold(spelled(text))))
    return list(dict.fromkeys(_MEANS.get(word) or _MEANS[word.removesuffix("s")] for word in said))


def spelled(text: str) -> str:
    """The text with the names of things in place of their emoji."""
    return _SIGN.sub(lambda match: f" {_SIGNS[match.group()].name} ", text)
