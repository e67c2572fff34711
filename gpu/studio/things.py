"""The things that wishes name, in English, Korean, Japanese and Spanish (things.toml). No torch.

Knows: which words mean a thing, whether it is worn or is a place. Does not know: what is wanted and what is refused
(exclusions.py), plans, prompts.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
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


def _read(path: Path) -> tuple[tuple[str, ...], tuple[Thing, ...]]:
    """Words that only look like things, and the things."""
    tables = tomllib.loads(path.read_text("utf-8"))
    other = tuple(tables.pop("other"))
    return other, tuple(
        Thing(name=name, **{key: value if isinstance(value, str) else tuple(value) for key, value in table.items()})
        for name, table in tables.items()
    )


def _joined(forms: Iterable[str]) -> str:
    """Any of these, also with others right beside it; but a syllable, or one with a particle, begins a word."""
    begins = ((r"(?<![가-힣])" if _SYLLABLE.match(form) else "", form) for form in _longest(forms))
    return "|".join(begin + re.escape(form) for begin, form in begins)


_SYLLABLE = re.compile(r"[가-힣](?:$| |[은는이가도에를들속])")
OTHER, THINGS = _read(Path(__file__).with_suffix(".toml"))
NAMED = {thing.name: thing for thing in THINGS}
JOINED = _joined(form for thing in THINGS for form in (*thing.ko, *thing.ja, *thing.short))
"""A pattern for any Korean or Japanese word of them that can be refused: those are not parted by spaces."""

_MEANS = {fold(form).casefold(): thing for thing in reversed(THINGS) for table in _tables(thing) for form in table}
SPACED = words(form for thing in THINGS for form in (*thing.en, *thing.es)).pattern
_LONG = _joined(form for thing in THINGS for form in (*thing.ko, *thing.ja))
_NONE = "|".join((words(one for one in OTHER if one.isascii()).pattern, *(one for one in OTHER if not one.isascii())))
_ANY, _REFUSED = (re.compile(f"(?P<none>{_NONE})|{SPACED}|{joined}", re.IGNORECASE) for joined in (_LONG, JOINED))
_MIXED = re.compile(rf"(?P<thing>{SPACED})(?=\s*(?:(?P<korean>[가-힣])|[\u3041-\u30ff\u4e00-\u9fff]))", re.IGNORECASE)
_SIGNS = {sign: thing for thing in reversed(THINGS) for sign in thing.sign}
_SIGN = re.compile("|".join(_SIGNS))


def named(text: str, *, refused: bool = False) -> list[Thing]:
    """The things that a text names, as typed, or as it refuses them; each once."""
    return list(dict.fromkeys(thing for _, thing in mentions(fold(spelled(text)), refused=refused)))


def mentions(text: str, *, refused: bool = False) -> Iterator[tuple[re.Match[str], Thing]]:
    """Where a folded text without emoji names which thing."""
    for match in (_REFUSED if refused else _ANY).finditer(text):
        if not match["none"]:
            yield match, _thing(match.group())


def spelled(text: str) -> str:
    """The text with the names of things in place of their emoji, in capitals: they are not part of a sentence."""
    return _SIGN.sub(lambda match: f" {_SIGNS[match.group()].name.upper()} ", text)


def in_one_language(text: str) -> str:
    """The folded text with English things in the language of what follows them: "hat 말고" is "모자 말고"."""
    return _MIXED.sub(lambda match: _translated(match["thing"], korean=match["korean"] is not None), text)


def _translated(word: str, *, korean: bool) -> str:
    thing = _thing(word)
    return (thing.ko if korean else thing.ja)[0]


def _thing(word: str) -> Thing:
    return _MEANS.get(word.casefold()) or _MEANS[word.casefold().removesuffix("s")]


def forms(name: str) -> re.Pattern[str]:
    """What must not be said in English if this is refused: the words of a known thing, else the name itself."""
    return NAMED[name].english if name in NAMED else words([name, f"{name}s", name.removesuffix("s")])
