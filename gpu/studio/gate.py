"""Is a plan fit to be painted, and short enough? Why not, in words that its writer can act on. No torch.

Knows: what no prompt may hold (gate.toml), how long the painter's encoders read. Does not know: wishes, who wrote the
plan, what is done about it. What is wrong with words is said in a line for the model, which may try once more.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gpu.words import fold, harmless, is_talk

_DATA: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_FOREIGN = set(_DATA["foreign"].split())
MOST_REPEATS = {1: 3, 2: 2, 3: 1}  # words in a row -> how often they may be said in one text
WINDOW = 75  # tokens that the encoders read at once, without begin and end
FOREIGN_SHARE = 0.3  # of the words: names like "dia de los muertos" are said in English, too
LEAST_SIDE = 10  # percent of the picture, of a box

Length = Callable[[str], int]
"""How many of the encoders' tokens a text has."""


def fault(texts: Iterable[str], box: tuple[int, int, int, int]) -> str:
    """Why these words or this box cannot be painted, for the model that wrote them; "": they can."""
    found = (_fault(text) for text in texts)
    left, top, right, bottom = box
    flat = right - left < LEAST_SIDE or bottom - top < LEAST_SIDE
    return next(filter(None, found), "the box needs left < right and top < bottom" if flat else "")


def _fault(text: str) -> str:
    plain = fold(text)
    if harmless(text) != " ".join(text.split())[:300]:
        return "no links, no mentions, no markdown"
    if not plain.isascii() or not is_english(plain):
        return "write English, in plain letters"
    if is_talk(plain):
        return "say only what can be seen: nothing about yourself, and no orders"
    return "say nothing twice" if is_loop(plain) else ""


def is_english(text: str) -> bool:
    """Not in another language, as far as its little words tell."""
    said = re.findall(r"[a-z]+", fold(text).casefold())
    return len(_FOREIGN.intersection(said)) < 2 or sum(word in _FOREIGN for word in said) < FOREIGN_SHARE * len(said)


def is_loop(text: str) -> bool:
    """The same words again and again."""
    said = re.findall(r"[\w']+", text.casefold())
    counts = ((n, Counter(zip(*(said[i:] for i in range(n)), strict=False))) for n in MOST_REPEATS)
    return any(
        times > MOST_REPEATS[n]
        for n, some in counts
        for gram, times in some.items()
        if n > 2 or len(gram[0]) > 3  # "in the" may be said often
    )


def whole(text: str, most: int) -> str:
    """The text as it is, or where its writer was cut off at `most` characters, without the last word."""
    return text if len(text) < most else text[:most].rpartition(" ")[0]


def fit(text: str, length: Length) -> str:
    """The text within one window of the encoders: whole phrases go from its end, then words; the first always stays."""
    return next((shorter for shorter in _shorter(text) if length(shorter) <= WINDOW), text)


def _shorter(text: str) -> Iterator[str]:
    phrases = text.split(", ")
    for count in range(len(phrases), 0, -1):
        yield ", ".join(phrases[:count])
    said = phrases[0].split()
    for count in range(len(said) - 1, 0, -1):
        yield " ".join(said[:count])
