"""What a pet may be called, and which names are one and the same; and what of a text can be seen.

A name is counted by what people see as one character: by grapheme clusters (Unicode Standard Annex 29). The `regex`
package knows these, and a current Unicode; Python's own table is years old and takes newer emoji for unassigned.
Knows: characters. Does not know: pets, or what Discord makes of a text (cogs/shared/text.py).
"""

import unicodedata

import regex

LONGEST_NAME = 32  # grapheme clusters
MOST_UNITS = 64  # of UTF-16, as Discord's clients count: with its owner's name it fits wherever a name is shown
MOST_MARKS = 4  # in a row on one letter (Unicode Technical Standard 39, section 5.4); more pile up over other lines

USEFUL = r"""(
    (?<=\p{Extended_Pictographic}) [\uFE0E\uFE0F]  # of an emoji: coloured or not
  | (?<=[0-9*\#]) \uFE0F (?=\u20E3)  # of a keycap
  | (?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?) \u200D (?=\p{Extended_Pictographic})  # of a family
  | (?<=[\p{Arabic}[\p{M}--\p{Variation_Selector}]]) [\u200C\u200D] (?=\p{L})  # of Persian words, Indic conjuncts
  | (?<=\U0001F3F4) [\U000E0020-\U000E007E]{2,6} \U000E007F  # of a flag such as England's
)"""  # invisible signs that change what is seen beside them
IDLE = regex.compile(USEFUL + r"| [\p{Variation_Selector}\u200C\u200D]", regex.V1 | regex.X)
BLANK = r"\p{C}\p{Default_Ignorable_Code_Point}\u2800\U00013441\U00013442\U0001D159"
UNSEEN = regex.compile(USEFUL + rf"| [[{BLANK}]--\s]", regex.V1 | regex.X)
STRAY = regex.compile(rf"(?<!\S)\p{{M}}+ | (?<=[\p{{Mn}}\p{{Me}}]{{{MOST_MARKS}}}) [\p{{Mn}}\p{{Me}}]+", regex.X)
COPIED = regex.compile(r"[\p{Bidi_Control}\u200B]+")  # what text.py puts into messages


class BadName(ValueError):
    """A pet's name has 1 to 32 visible characters."""


def clean_name(raw: str) -> str:
    """A name as it is kept: NFKC, single spaces, 1 to 32 characters, each of them visible. Raises BadName."""
    name = _normalised(IDLE.sub(r"\1", _normalised(raw)))
    if not name or name != visible(name) or len(name.encode("utf-16-le")) > 2 * MOST_UNITS:
        raise BadName(BadName.__doc__)
    if len(regex.findall(r"\X", name)) > LONGEST_NAME:
        raise BadName(BadName.__doc__)
    return name


def name_key(name: str) -> str:
    """The key under which all spellings of one name are the same, also one that was copied from a message."""
    return _normalised(_normalised(COPIED.sub("", name)).casefold())


def visible(text: str) -> str:
    """What can be seen of a text, on one line: no control, bidirectional or unassigned signs, no blanks but spaces."""
    return " ".join(STRAY.sub("", UNSEEN.sub(r"\1", text)).split())


def shorten(text: str, limit: int) -> str:
    """The text in at most `limit` characters, cut between two grapheme clusters; "…" stands for the rest."""
    if len(text) <= limit:
        return text
    ends = [cluster.end() for cluster in regex.finditer(r"\X", text[: limit + 1])]
    return text[: max((end for end in ends if end < limit), default=0)] + "…"


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())
