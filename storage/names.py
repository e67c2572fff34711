"""What a pet may be called, and which names are one and the same.

Knows: characters. Does not know: pets.
"""

import unicodedata

LONGEST_NAME = 32  # characters
JOINERS = "\u200c\u200d"  # invisible, but part of emoji and of Persian words


class BadName(ValueError):
    """A pet's name has 1 to 32 visible characters."""


def clean_name(raw: str) -> str:
    """A name as it is kept: NFKC, single spaces, 1 to 32 visible characters. Raises BadName."""
    name = " ".join(unicodedata.normalize("NFKC", raw).split())
    kinds = {unicodedata.category(sign) for sign in name if sign not in JOINERS}
    if len(name) > LONGEST_NAME or not kinds or any(kind[0] == "C" for kind in kinds):
        raise BadName(BadName.__doc__)
    return name


def name_key(name: str) -> str:
    """The key under which all spellings of one name are the same."""
    return unicodedata.normalize("NFKC", " ".join(unicodedata.normalize("NFKC", name).split()).casefold())
