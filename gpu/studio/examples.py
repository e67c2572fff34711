"""Wishes with good plans (examples/*.toml), and which of them are most like a wish. No torch.

Knows: the library, how alike two wishes are: BM25 over the letters that they share, in any script, as typos and endings
leave most of them. Does not know: the chat, models. Whoever has more examples (portraits that a server liked) makes an
Examples of them all.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bm25s

from gpu import styles
from gpu.portraits import Wish
from gpu.studio.plan import Plan
from gpu.words import clean, fold

LETTERS = (2, 3, 4)  # in a row: two are a word in Korean and Japanese, four are most of one in English


@dataclass(frozen=True, slots=True)
class Example:
    """A wish, and a plan that does what it asks."""

    wish: Wish
    plan: Plan


class Examples:
    """A library to look things up in."""

    def __init__(self, library: Sequence[Example]) -> None:
        self._library = library
        self._index = bm25s.BM25()
        self._index.index([_letters(one.wish) for one in library], show_progress=False)

    def nearest(self, wish: Wish, count: int) -> list[Example]:
        """So many, the most alike last: what a model reads last it follows most."""
        if count == 0:
            return []
        found, _ = self._index.retrieve([_letters(wish)], k=min(count, len(self._library)), show_progress=False)
        return [self._library[number] for number in reversed(found[0].tolist())]


@cache
def curated() -> Examples:
    """Those that come with the project."""
    folder = Path(__file__).with_suffix("")
    return Examples([example for path in sorted(folder.glob("*.toml")) for example in read(path)])


def read(path: Path) -> Iterator[Example]:
    """The examples of a file. Raises ValidationError for one that is no plan."""
    for table in tomllib.loads(path.read_text("utf-8"))["example"]:
        wish = Wish(style=table.pop("style"), text=table.pop("wish", ""))
        yield Example(wish, Plan.model_validate({"subject": "", "lighting": "", "negative": ""} | table))


def _letters(wish: Wish) -> list[str]:
    """What is compared: letters in a row, of each word, with its ends."""
    padded = [f" {word} " for word in fold(clean(f"{styles.medium(wish.style)} {wish.text}")).casefold().split()]
    return [word[i : i + n] for word in padded for n in LETTERS for i in range(len(word) - n + 1)]
