"""What people say when they wish, in four languages, and which of it is held back.

Knows: languages/*.toml, how a phrase is chosen or put together. Does not know: wishes as a whole, plans, models.
One whole phrase in twelve, of every key, is never in a wish to learn from: only those measure what is understood of
words that were not learnt.
"""

import random
import tomllib
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "ko", "ja", "es")
FRAMED = {  # whole phrases -> what the others are put together of: the thing, and the words around it
    "scene": ("thing", ("near",)),
    "style": ("look", ("manner",)),
    "worn": ("name", ("wearing", "insisting")),
    "unwanted": ("name", ("refusing",)),
}
HELD_BACK = 12


def _by_language(said: dict[str, Any]) -> Any:
    """The tables of each language as tables that hold, at the place of each list, those of all languages."""
    tables = said["en"]
    if isinstance(tables, list):
        return said
    return {key: _by_language({language: some[key] for language, some in said.items()}) for key in tables}


def _read(folder: Path) -> dict[str, Any]:
    return {language: tomllib.loads((folder / f"{language}.toml").read_text("utf-8")) for language in LANGUAGES}


PHRASES: dict[str, Any] = _by_language(_read(Path(__file__).with_name("languages")))
"""Kind of phrase -> key, if the kind has keys -> language -> phrases."""


@cache
def whole_phrases(kind: str, key: str, language: str, held_back: bool) -> list[str]:
    """Whole phrases, to learn from or held back. In the order of a checksum, so that no neighbours go together."""
    phrases = sorted(PHRASES[kind][key][language], key=lambda phrase: zlib.crc32(phrase.encode()))
    return phrases[::HELD_BACK] if held_back else [p for i, p in enumerate(phrases) if i % HELD_BACK]


class Speaker:
    """Says one thing at a time in one language, differently each time."""

    def __init__(self, rng: random.Random, language: str, unseen: bool = False) -> None:
        """With `unseen`, places and styles in phrases that are held back."""
        self.rng, self.language, self.unseen = rng, language, unseen

    def one(self, *tables: str) -> str:
        """Any phrase of a table that has no keys, or of one of several."""
        return self.rng.choice(PHRASES[self.rng.choice(tables)][self.language])

    def phrase(self, kind: str, key: str) -> str:
        """What is said for one thing: a whole phrase, or one put together."""
        held_back = self.unseen and kind in ("scene", "style")
        thing, frames = FRAMED.get(kind, ("", ()))
        if held_back or self.rng.random() < 0.5 or key not in PHRASES.get(thing, ()):
            return self.rng.choice(whole_phrases(kind, key, self.language, held_back))
        return self.one(*frames).format(self.called(thing, key))

    def called(self, table: str, key: str) -> str:
        """A thing's name."""
        return self.rng.choice(PHRASES[table][key][self.language])

    def together(self, kind: str, keys: Sequence[str]) -> list[str]:
        """Several things to wear, or not to wear: two times in three in one breath, else each by itself."""
        if len(keys) < 2 or self.rng.random() < 1 / 3:
            return [self.phrase(kind, key) for key in keys]
        names = [self.called("name", key) for key in keys]
        self.rng.shuffle(names)
        return [self.one(*FRAMED[kind][1]).format(self.one("both" if kind == "worn" else "nor").join(names))]

    def instead(self, table: str, wanted: str, unwanted: str) -> str:
        """One thing in place of another."""
        return self.one("instead").format(yes=self.called(table, wanted), no=self.called(table, unwanted))
