"""English words without a thing, and without saying a thing twice; what is left has no loose ends. No torch.

Knows: where phrases begin, what they hang on, what cannot end one (phrases.toml). Does not know: which things are
refused, or why (exclusions.py), plans.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from gpu.studio.things import Thing, forms, mentions, named

_DATA: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_BEGINS = _DATA["begins"]
_BEGIN = re.compile(rf"\s*(,\s*(?:and )?|\b(?:and|or|but)\b\s*)?((?:\b(?:{_BEGINS})\b\s*)*)", re.IGNORECASE)
_SPLIT = re.compile(rf"(?<!\band)(?<!\bor)(?<!\bbut)(?<!,)(?:\s+(?=(?:{_BEGINS})\b)|(?=,))", re.IGNORECASE)
_GOVERNS = re.compile(rf"(?:{_DATA['governs']})\b", re.IGNORECASE)
_BODY = re.compile(_DATA["body"], re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:without|no|not|free of|lacking)\b", re.IGNORECASE)
_DANGLING = re.compile(rf"(?:^|[\s,]+)(?:{_DATA['dangles']})$", re.IGNORECASE)
_VERB = re.compile(r"\w{2,}ing\b", re.IGNORECASE)
_LEAD = re.compile(rf"[\s,]*(?:\b(?:{_BEGINS}|{_DATA['begins_spanish']})\s+)*(?:\b(?:{_DATA['articles']})\s+)?$")
_ALONE = re.compile(rf"\s*,|\s+(?:{_DATA['adds']})\b")
_TAIL = re.compile(r"\s*(?:$|[,.;:!?]|(?:and|y|e)\b)")
SUFFIX = re.compile(
    r"\b(?P<thing>[a-z]+?)(?:-?(?:free|less)\b| free\b(?! (?:as|like|to|and|in|at|on|from)\b))", re.IGNORECASE
)


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
    bare = SUFFIX.search(chunk)
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


def once(text: str) -> str:
    """The text, folded and spelled, with each thing said once: "the scarf 🧣", "con bufanda, scarf"."""
    return _words_once(_signs_once(text))


def _signs_once(text: str) -> str:
    """Without the emoji, which spelled() leaves in capitals, of what words or earlier emoji name."""
    found, again, before = list(mentions(text)), list[tuple[int, int]](), set[Thing]()
    in_words = {thing for mention, thing in found if not mention.group().isupper()}
    for mention, thing in found:
        lead = _lead(text, mention)
        is_loose = thing in in_words and not lead.group().strip()
        if mention.group().isupper() and (thing in before or is_loose):
            again.append((lead.start(), mention.end()))
        else:
            before.add(thing)
    return _cut(text, again)


def _words_once(text: str) -> str:
    """Without the phrases that say only what was said. Two English words for a thing say more than one: "on a sofa, in
    a living room".
    """
    again, said, end = list[tuple[int, int]](), defaultdict[Thing, list[str]](list), -1
    for mention, thing in mentions(text):
        lead = _lead(text, mention)
        alone = _ALONE.match(lead.group()) and _TAIL.match(text, mention.end())
        next_to_it = lead.start() == end and not lead.group().strip()
        if (alone or next_to_it) and any(_is_same(mention.group(), word, thing) for word in said[thing]):
            again.append((lead.start(), mention.end()))
        said[thing].append(mention.group())
        end = mention.end()
    return _cut(text, again)


def _lead(text: str, mention: re.Match[str]) -> re.Match[str]:
    """What a thing hangs on: " with a "."""
    lead = _LEAD.search(text, 0, mention.start())
    assert lead  # it matches nothing, too
    return lead


def _is_same(word: str, other: str, thing: Thing) -> bool:
    """The same word, or one of them in another language than English."""
    one, two = (said.casefold().removesuffix("s") for said in (word, other))
    return one == two or not all(thing.english.fullmatch(said) for said in (word, other))


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Without these parts, which follow one another."""
    for start, end in reversed(spans):
        text = text[:start] + text[end:]
    return tidy(text) if spans else text
