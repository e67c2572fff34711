"""What Discord makes of a message's text: a small reading of its own, of the rules in Discord's client.

Knows: the markup that a client turns into something else than text, and the signs that begin a line of another kind.
Does not know: what the bot escapes, or how. It sees more than a client may: any `:word:` is an emoji here.
"""

import re
from dataclasses import dataclass

ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])")
CODE = re.compile(r"(`+)(?P<text>[\s\S]*?[^`])\1(?!`)")
LINE = {
    "heading": r"#{1,3}\s",
    "subtext": r"-#\s",
    "quote": r">(?:>>)?\s",
    "list": r" *(?:[-*]|\d+\.)\s",
}
INLINE = {
    "person": r"<@!?\d+>",
    "role": r"<@&\d+>",
    "channel": r"<#\d+>",
    "everybody": r"@(?:everyone|here)",
    "time": r"<t:-?\d+(?::[tTdDfFRsS])?>",
    "command": r"</[^<>:]+:\d+>",
    "guide": r"<id:\w+>",
    "emoji": r"<a?:\w+:\d+>|:[\w+-]+(?:::skin-tone-\d)?:",
    "address": r"<[^\s<>:]+:/?[^\s<>]+>|<[^\s<>@]+@[^\s<>]+>|(?:https?|steam|discord)://[^\s<]+|discord(?:app)?\.(?:gg|com/invite)/\w+",
    "link": r"\[[^\[\]]*\]\([^()\s]+[^()]*\)",
    "mark": r"\*\*|__|~~|\|\||\*|_",
}
RULES = {kind: re.compile(pattern) for kind, pattern in INLINE.items()}
STARTS = {kind: re.compile(pattern) for kind, pattern in LINE.items()}


@dataclass(frozen=True)
class Reading:
    """What a text becomes."""

    text: str  # as people see it, without what the kinds below stand for
    kinds: tuple[str, ...]  # in order: everything that is more than text


def read(text: str) -> Reading:
    """Read a message's text as Discord's client does."""
    shown: list[str] = []
    kinds: list[str] = []
    position = 0
    while position < len(text):
        kind, end, plain = _at(text, position)
        shown.append(plain)
        kinds += [kind] if kind else []
        position = end
    return Reading("".join(shown), tuple(kinds))


def _at(text: str, position: int) -> tuple[str, int, str]:
    """What stands here: its kind ("": text), where it ends, and what is seen of it as text."""
    if position == 0 or text[position - 1] == "\n":
        for kind, pattern in STARTS.items():
            if found := pattern.match(text, position):
                return kind, found.end(), ""
    if found := ESCAPED.match(text, position):
        return "", found.end(), found[1]
    if found := CODE.match(text, position):
        return "code", found.end(), found["text"]
    for kind, pattern in RULES.items():
        if found := pattern.match(text, position):
            return kind, found.end(), ""
    return "", position + 1, text[position]
