"""What a wish refuses: "no hat", "모자 말고", "帽子なし", "en vez de la playa". No torch.

Knows: the words of refusal in four languages (exclusions.toml). Does not know: who wrote them, plans, models. A painter
paints what is named, "without a hat" most of all: so what is refused must stand nowhere but in the negative.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu.studio.gate import is_english
from gpu.studio.phrases import SUFFIX, once
from gpu.studio.things import JOINED, SPACED, Thing, forms, in_one_language, named, spelled
from gpu.words import fold, harmless

_TEXT = Path(__file__).with_suffix(".toml").read_text("utf-8")
_DATA: dict[str, Any] = tomllib.loads(unicodedata.normalize("NFKC", _TEXT))  # as fold() leaves a wish
_WANTED = re.compile("|".join(_DATA["wanted"]))
_THINGS = rf"(?P<thing>(?:(?:{JOINED})\s*(?:{_DATA['join_after']}){{0,2}}\s*){{0,5}}(?:{JOINED}))"
_AFTER = [
    re.compile(pattern.replace("{things}", things), flags)
    for table, things, flags in (("after", _THINGS, 0), ("after_spaced", rf"(?P<thing>{SPACED})", re.IGNORECASE))
    for pattern in _DATA[table]
]
_IMPLIED = {name: re.compile(pattern) for name, pattern in _DATA["implied"].items()}
_WEARS = re.compile(_DATA["wears"])
_END, _ALSO = re.compile(_DATA["end"]), re.compile(_DATA["also"])
_BEFORE = re.compile(
    rf"(?<![\w-])(?:(?P<spanish>{'|'.join(_DATA['before_spanish'])})|{'|'.join(_DATA['before'])}) {_DATA['filler']}"
)
_LIST = re.compile(r"(?:, [\w ]{2,24}?){0,4},?\s(?:or|nor|o|ni) (?P<last>[\w' ]{2,24})")
MOST_WORDS = 4  # of one refused thing that no dictionary knows


@dataclass(frozen=True, slots=True)
class Reading:
    """A wish, read for what it refuses."""

    wanted: str  # the rest of it, folded, each thing in it once
    refused: tuple[str, ...]  # in English: names of things, or the words as typed
    insists: bool = False  # it says outright what is wanted: "don't forget", "wearing"

    @property
    def is_clear(self) -> bool:
        """Does it have words of refusal, or of the opposite, that we know? Else a model may know better."""
        return self.insists or bool(self.refused)

    @property
    def things(self) -> list[Thing]:
        """What is wanted and known."""
        return [thing for thing in named(self.wanted) if thing.name not in self.refused]


def read(wish: str) -> Reading:
    """What a wish refuses, whatever its language. Of "a blue hat, not the red hat" a hat stays wanted."""
    text, insists = _WANTED.subn(" ", in_one_language(fold(spelled(wish.casefold()))))
    refused, bare = list[str](), set[str]()
    text = _without_known(text, refused)
    while match := _BEFORE.search(text):
        phrase, stop = _phrase(text, match.end())
        bare |= {thing.name for thing in named(phrase) if thing.english.fullmatch(phrase.strip())}
        _note(refused, phrase, known_only=bool(match["spanish"]) or not is_english(wish))
        text = f"{text[: match.start()]} , {text[stop:]}"
    rest = re.sub(r"(?:\s*,)+", ",", " ".join(text.split())).strip(" ,")
    stays = {thing.name for thing in named(rest) if thing.name not in bare or _described(thing.name, rest)}
    kept = tuple(one for one in dict.fromkeys(refused) if one not in stays)
    return Reading(once(rest).casefold(), kept, insists > 0 or bool(_WEARS.search(rest)))


def _without_known(text: str, refused: list[str]) -> str:
    """The text without the refusals that hold a known thing, which are noted: "bareheaded", "모자 말고", "hatless"."""
    for name, pattern in _IMPLIED.items():
        text = pattern.sub(lambda _, name=name: _note(refused, name), text)
    for pattern in _AFTER:
        text = pattern.sub(lambda match: _note(refused, match["thing"]), text)
    return SUFFIX.sub(lambda match: _note(refused, match["thing"]) if named(match["thing"]) else match.group(), text)


def _described(thing: str, text: str) -> bool:
    """Another one of it, with a word of its own: "a red hat"."""
    return bool(re.search(rf"\b(?:an?|the|his|her|its|my) [\w-]+ {forms(thing).pattern}", text, re.IGNORECASE))


def _phrase(text: str, start: int) -> tuple[str, int]:
    """The refused words that begin here, and where they end; a list that ends in "or" is refused as a whole."""
    stop = _end(text, start)
    if more := _LIST.match(text, stop):
        stop = _end(text, more.start("last"))
    return text[start:stop], stop


def _end(text: str, start: int) -> int:
    """Where the clause ends that is read from here."""
    found = _END.search(text, start)
    return found.start() if found else len(text)


def _note(refused: list[str], phrase: str, known_only: bool = True) -> str:
    """Note what is refused; what stands in its place, for re.sub()."""
    if (known := named(phrase, refused=True)) or known_only:
        refused += [thing.name for thing in known]
        return " , "
    for part in _ALSO.split(phrase):
        plain = harmless(re.sub(rf"^{_DATA['filler']}", "", f"{part} ")).strip(" -'\"")
        if plain.isascii() and re.search(r"[a-z]{3}", plain) and len(plain.split()) <= MOST_WORDS:
            refused.append(plain)
    return " , "
