"""The catalogue of styles, read from styles.toml.

Knows: styles, their names in each locale, how what somebody typed finds one: by a name however it is spelt, or in words
that say nothing besides (style_words.toml). Does not know: prompts, models, Discord, the styles that servers add.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

LATIN_ACCENTS = re.compile("[\u0300-\u036f]")  # the marks of Japanese are others: they make another sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    key: str
    names: dict[str, str]  # locale -> name
    medium: str  # opens the prompt: "a watercolour painting"
    negative: str = ""
    details: str = ""  # ends the prompt: "brush strokes, rice paper"
    description: dict[str, str] = field(default_factory=dict[str, str])  # locale -> what it looks like, in a line
    aliases: tuple[str, ...] = ()  # what else it is called, in any language
    pocket: bool = False  # have the pocket models learnt it?

    def called(self) -> set[str]:
        """Everything that it is called, but for its key."""
        return {self.medium, *self.names.values(), *self.aliases}


def _read(path: Path) -> dict[str, Style]:
    tables = tomllib.loads(path.read_text("utf-8"))
    return {key: _style(key, **table) for key, table in tables.items()}


def _style(key: str, aliases: Iterable[str] = (), **table: Any) -> Style:
    return Style(key=key, aliases=tuple(aliases), **table)


def fold(text: str) -> str:
    """The text as words that are the same however they are spelt: no case, accents, punctuation, British "colour"."""
    bare = LATIN_ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    words = re.sub("['’]", "", unicodedata.normalize("NFKC", bare))
    return " ".join(re.sub(r"[^\w\s&]|_", " ", words).replace("colour", "color").replace("grey", "gray").split())


def joined(text: str) -> str:
    """The same without spaces: "water colour", "Water-Color" and "watercolor" are one name."""
    return fold(text).replace(" ", "")


STYLES: dict[str, Style] = _read(Path(__file__).with_suffix(".toml"))
MOST_WORDS = 12  # of own words that may be a name and politeness; whoever says more says something else
_WORDS = tomllib.loads(Path(__file__).with_name("style_words.toml").read_text("utf-8"))
_FILLER = {joined(word) for word in _WORDS["filler"]}
_LONGEST_FIRST = sorted(map(joined, _WORDS["endings"]), key=len, reverse=True)
_ENDINGS = re.compile(rf"(?:{'|'.join(_LONGEST_FIRST)})++")  # possessive: no typed text makes it try every division
_CALLED = {joined(name): style for style in STYLES.values() for name in style.called()}
_BY_NAME = _CALLED | {joined(style.key): style for style in STYLES.values()}


def find(text: str) -> Style | None:
    """The style with this key, medium, alias, or name in any locale, or that these own words mean; None for others."""
    return _BY_NAME.get(joined(text)) or _meant(fold(text).split())


def _meant(words: list[str]) -> Style | None:
    """The style that is named among words that add nothing to it; a key alone is no name here ("oil", "glass")."""
    if len(words) > MOST_WORDS:
        return None
    for start, end in sorted(combinations(range(len(words) + 1), 2), key=lambda span: span[0] - span[1]):
        style = _named("".join(words[start:end]))
        if style and all(_adds_nothing(word) or _named(word) is style for word in words[:start] + words[end:]):
            return style
    return None


def _named(word: str) -> Style | None:
    return next((_CALLED[stem] for stem in _stems(word) if stem in _CALLED), None)


def _adds_nothing(word: str) -> bool:
    return any(stem in _FILLER for stem in _stems(word))


def _stems(word: str) -> Iterator[str]:
    """The word, and what is left of it without endings, the most first; never nothing."""
    yield word
    for at in range(1, len(word)):
        if _ENDINGS.fullmatch(word, at):
            yield word[:at]


def medium(text: str) -> str:
    """The words that open the prompt: the catalogue's for a known style, else what was typed."""
    style = find(text)
    return style.medium if style else " ".join(text.split())
