"""Typed or generated words, made plain: no links, mentions, markdown, orders, nothing that nobody sees; and in ASCII.

Knows: characters, how orders begin (words.toml). Does not know: wishes, plans, Discord. What is plain is safe in a
prompt, in a log and, between backticks or escaped, in a message.
"""

import re
import tomllib
import unicodedata
from itertools import takewhile
from pathlib import Path

_TOKENS = re.compile(r"<\|[^<>]*\|>|<\s*s\d+\s*>", re.IGNORECASE)  # of chat templates, and of pets
_LINKS = re.compile(
    r"\S*(?:://|\bwww\.|mailto:|javascript:)\S*|\S+@\S+\.\S+"  # with a scheme of any kind; a mail address
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|gg|io|ru|dev|app|xyz|link|info)\b(?:/\S*)?"
    r"|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/\S*"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\S*",
    re.IGNORECASE,
)
_MENTIONS = re.compile(r"<[^<>\s]{1,60}>|[@＠]\s?\S*")
_MARKDOWN = re.compile(r"[\\*_~|`<>#\[\]{}]+|(?:^|\s)-{2,}(?=\s|$)")
_PLAIN = str.maketrans({
    "‘": "'", "’": "'", "‚": "'", "′": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-",
    "−": "-", "…": "...", "×": "x", "æ": "ae", "Æ": "AE", "œ": "oe", "ø": "o", "Ø": "O", "ß": "ss", "ł": "l", "ı": "i",
    "¡": "", "¿": "", "、": ", ", "。": ". ", "「": '"', "」": '"', "·": " ", "•": " ",
})  # fmt: skip


_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_TALK = re.compile("|".join(_DATA[name] for name in ("orders", "typed", "refusals")))


def clean(text: str, most: int = 300) -> str:
    """One line without chat-template tokens and without anything that looks like a pet's token; `most` characters."""
    return " ".join(_TOKENS.sub(" ", text).split())[:most]


def harmless(text: str, most: int = 300) -> str:
    """The same without links, mentions, markdown and invisible signs. What is harmless stays as it is."""
    seen = "".join(sign if sign.isspace() or not unicodedata.category(sign).startswith("C") else "" for sign in text)
    for unwanted in (_TOKENS, _LINKS, _MENTIONS, _MARKDOWN):
        seen = unwanted.sub(" ", seen)
    return clean(seen, most)


def is_talk(text: str) -> bool:
    """Does it tell somebody to do something, or refuse to, in the place of what can be seen?"""
    return bool(_TALK.search(fold(text).casefold()))


def without_talk(text: str) -> str:
    """The clauses of a text before the first that gives an order: what comes after it mostly goes with it."""
    return ", ".join(takewhile(lambda clause: not is_talk(clause), re.split(r"[.!?;:]\s+|,\s*|\n", text)))


def fold(text: str) -> str:
    """Typographic signs and accents as ASCII; emoji and other signs go, letters of other scripts stay as they are."""
    return " ".join("".join(map(_folded, unicodedata.normalize("NFKC", text.translate(_PLAIN)))).split())


def _folded(sign: str) -> str:
    if sign.isascii():
        return sign
    base = unicodedata.normalize("NFKD", sign)
    plain = "".join(part for part in base if part.isascii())
    if plain:
        return plain
    return sign if sign.isalpha() else ""
