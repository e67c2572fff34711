"""What a wish refuses, and words without it: "no hat", "모자 말고", "帽子なし", "en vez de la playa". No torch.

Knows: the words of refusal in four languages (exclusions.toml), and how to take a thing out of English words cleanly.
Does not know: who wrote the words, models. A painter paints what is named, "without a hat" most of all: so what is
refused must stand nowhere but in the negative.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu.studio.gate import is_english
from gpu.studio.things import JOINED, NAMED, SPACED, Thing, named, spelled, words
from gpu.words import fold, harmless

_DATA: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_WANTED = re.compile("|".join(_DATA["wanted"]))
_THINGS = rf"(?P<thing>(?:(?:{JOINED})\s*(?:{_DATA['join_after']})*\s*)*(?:{JOINED}))"
_AFTER = [
    re.compile(pattern.replace("{things}", things))
    for table, things in (("after", _THINGS), ("after_spaced", rf"(?P<thing>{SPACED})"))
    for pattern in _DATA[table]
]
_END, _ALSO = re.compile(_DATA["end"]), re.compile(_DATA["also"])
_BEFORE = re.compile(
    rf"(?<![\w-])(?:(?P<spanish>{'|'.join(_DATA['before_spanish'])})|{'|'.join(_DATA['before'])}) {_DATA['filler']}"
)
_SUFFIX = re.compile(r"\b(?P<thing>[a-z]+?)(?:-| )?(?:free|less)\b", re.IGNORECASE)
_LIST = re.compile(r"(?:, [\w ]{2,24}?){0,4},?\s(?:or|nor|o|ni) (?P<last>[\w' ]{2,24})")
_BEGIN = re.compile(rf"\s*(,\s*(?:and )?|\b(?:and|or|but)\b\s*)?((?:\b(?:{_DATA['begins']})\b\s*)*)", re.IGNORECASE)
_SPLIT = re.compile(rf"(?<!\band)(?<!\bor)(?<!\bbut)(?<!,)(?:\s+(?=(?:{_DATA['begins']})\b)|(?=,))", re.IGNORECASE)
_GOVERNS = re.compile(rf"(?:{_DATA['governs']})\b", re.IGNORECASE)
_BODY = re.compile(_DATA["body"], re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:without|no|not|free of|lacking)\b", re.IGNORECASE)
_DANGLING = re.compile(rf"(?:^|[\s,]+)(?:{_DATA['dangles']})$", re.IGNORECASE)
_VERB = re.compile(r"\w{2,}ing\b", re.IGNORECASE)
MOST_WORDS = 4  # of one refused thing that no dictionary knows


@dataclass(frozen=True, slots=True)
class Reading:
    """A wish, read for what it refuses."""

    wanted: str  # the rest of it, folded
    refused: tuple[str, ...]  # in English: names of things, or the words as typed

    @property
    def things(self) -> list[Thing]:
        """What is wanted and known."""
        return [thing for thing in named(self.wanted) if thing.name not in self.refused]


def read(wish: str) -> Reading:
    """What a wish refuses, whatever its language. Of "a blue hat, not the red hat" a hat stays wanted."""
    text = _WANTED.sub(" ", fold(spelled(wish)).casefold())
    refused, bare = list[str](), set[str]()
    for pattern in _AFTER:
        text = pattern.sub(lambda match: _note(refused, match["thing"]), text)
    text = _SUFFIX.sub(lambda match: _note(refused, match["thing"]) if named(match["thing"]) else match.group(), text)
    while match := _BEFORE.search(text):
        phrase, stop = _phrase(text, match.end())
        bare |= {thing.name for thing in named(phrase) if thing.english.fullmatch(phrase.strip())}
        _note(refused, phrase, known_only=bool(match["spanish"]) or not is_english(wish))
        text = f"{text[: match.start()]} , {text[stop:]}"
    rest = " ".join(text.split())
    wanted = {thing.name for thing in named(rest)}
    kept = tuple(
        one for one in dict.fromkeys(refused) if one not in wanted or (one in bare and not _described(one, rest))
    )
    return Reading(re.sub(r"(?:\s*,)+", ",", rest).strip(" ,"), kept)


def _described(thing: str, text: str) -> bool:
    """Another one of it, with a word of its own: "a red hat"."""
    return bool(re.search(rf"\b(?:an?|the|his|her|its|my) [\w-]+ {forms(thing).pattern}", text))


def _phrase(text: str, start: int) -> tuple[str, int]:
    """The refused words that begin here, and where they end; a list that ends in "or" is refused as a whole."""
    end = _END.search(text, start)
    stop = end.start() if end else len(text)
    more = _LIST.match(text, stop)
    if more:
        after = _END.search(text, more.start("last"))
        stop = after.start() if after else len(text)
    return text[start:stop], stop


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


def forms(refused: str) -> re.Pattern[str]:
    """What must not be said in English if this is refused."""
    return NAMED[refused].english if refused in NAMED else words([refused, f"{refused}s", refused.removesuffix("s")])


def names(text: str, refused: Iterable[str]) -> bool:
    """Does the text name something refused?"""
    return any(forms(one).search(text) for one in refused)


def without(text: str, refused: Iterable[str]) -> str:
    """English words without the phrases that name something refused; what is left has no loose ends.

    "wearing a hat and glasses" without "hat" is "wearing glasses".
    """
    refused, kept = tuple(refused), list[str]()
    governor, governs, dropped = "", False, False  # what two coordinated things hang on; does it stand already?
    for chunk in _SPLIT.split(text):
        if dropped and _BODY.fullmatch(chunk.strip()):
            continue
        link, begins, content = _parts(chunk)
        if begins or not link:
            governor, governs = begins if _GOVERNS.match(begins) else "", False
        if _is_negated(chunk) or (names(chunk, refused) and not (content := _rest(content, refused))):
            dropped = True
            continue
        dropped = False
        if not (begins or governs or _VERB.match(content)):
            begins = governor
        governs = True
        kept.append(f"{link if kept else ''}{begins}{content}")
    return tidy(" ".join(kept))


def _parts(chunk: str) -> tuple[str, str, str]:
    """What links a phrase to the one before it, what it begins with, and the rest: ", and ", "with ", "a hat"."""
    begin = _BEGIN.match(chunk)
    assert begin  # it matches nothing, too
    return begin[1] or "", begin[2] or "", chunk[begin.end() :]


def _is_negated(chunk: str) -> bool:
    """A painter paints what is named, also after "no"."""
    bare = _SUFFIX.search(chunk)
    return bool(_NEGATED.search(chunk) or (bare and named(bare["thing"])))


def _rest(content: str, refused: tuple[str, ...]) -> str:
    """What stays of a phrase whose refused word only describes another one: "snowy mountains"; mostly nothing."""
    for one in refused:
        content = re.sub(rf"{forms(one).pattern}[ -](?=[a-z]{{3}})(?!\w+ing\b)", "", content, flags=re.IGNORECASE)
    return "" if names(content, refused) else content


def tidy(text: str) -> str:
    """Words without loose ends: no double commas, nothing that waits for what is gone."""
    text = re.sub(r"\s+([,.])", r"\1", " ".join(text.split()))
    text = re.sub(r"(?:[,;]\s*){2,}", ", ", text).strip(" ,;.-")
    while shorter := _DANGLING.sub("", text).strip(" ,;.-"):
        if shorter == text:
            return text
        text = shorter
    return ""
