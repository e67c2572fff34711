"""Where a wish wants the dog: "on the left", "멀리서", "左上に", "en primer plano". No torch.

Knows: the words for it in four languages (places.toml), and the box that each of them means. Does not know: plans,
prompts, how a dog is led to a box (layout.py). A small language model often misses such words.
"""

import re
import tomllib
import unicodedata
from pathlib import Path

from gpu.studio.things import mentions, named

Percent = tuple[int, int, int, int]
"""Left, top, right, bottom of a box, in percent of the picture."""

_TEXT = Path(__file__).with_suffix(".toml").read_text("utf-8")
_PLACES = {
    name: re.compile("|".join(patterns), re.IGNORECASE)
    for name, patterns in tomllib.loads(unicodedata.normalize("NFKC", _TEXT)).items()
}  # as fold() leaves a wish
_CLAUSE, _WITH = re.compile(r"[,.;]| and | y "), re.compile(r"\b(?:with|con)\b", re.IGNORECASE)
_KOREAN = re.compile(r"[가-힣]")
LATER = 2  # characters: a particle and a space
SIDES = {"left": (0, 45), "right": (55, 100), "top": (0, 50), "bottom": (50, 100)}
WIDTH, HEIGHT = (25, 75), (15, 95)  # where nothing is said of one of them
FAR = 0.4  # of the box's sides, about its middle


def box(text: str) -> Percent | None:
    """The box that a wish names, as exclusions.read() leaves it; None: it names none."""
    said = {name for name, pattern in _PLACES.items() if any(_of_the_dog(text, at) for at in pattern.finditer(text))}
    if not said:
        return None
    if "near" in said:
        return (0, 0, 100, 100)
    left, right = next((SIDES[name] for name in ("left", "right") if name in said), WIDTH)
    top, bottom = next((SIDES[name] for name in ("top", "bottom") if name in said), HEIGHT)
    if "far" in said:
        left, right = _shrunk(left, right)
        top, bottom = _shrunk(top, bottom)
    return (left, top, right, bottom)


def _of_the_dog(text: str, at: re.Match[str]) -> bool:
    """Not of something that is there beside it: "with a lighthouse on the left", "왼쪽에 나무"."""
    before, after = _CLAUSE.split(text[: at.start()])[-1], text[at.end() :]
    beside = _WITH.search(before) and not any(thing.worn for thing in named(before))
    next_to_it = next((thing for found, thing in mentions(after) if found.start() <= LATER), None)
    other = next_to_it and not next_to_it.worn and not next_to_it.scene
    return not (beside or (other and _KOREAN.search(at.group())))


def _shrunk(low: int, high: int) -> tuple[int, int]:
    middle, half = (low + high) / 2, (high - low) / 2 * FAR
    return round(middle - half), round(middle + half)
