"""What people read: sentences by language and key, filled with values (each file in texts/ holds a language).

Knows: languages, Korean particles, how times and names are written, what Discord makes of typed text, which strings
its command list shows. Does not know: when a sentence is said, or who hears it.
"""

import math
import re
import tomllib
import unicodedata
from pathlib import Path

import discord
from discord import app_commands

from gpu.styles import find
from gpu.words import harmless, without_talk
from storage.names import shorten, visible

ENGLISH = "en"
SYNTAX = re.compile(r"[\\*_~|`<>@#:\[\]./-]")  # one of these is in whatever Discord makes of a text
RIGHT_TO_LEFT = ("R", "AL", "AN")  # bidirectional classes, of Hebrew and Arabic
ISOLATED = "\u2068{}\u2069"

Table = dict[str, dict[str, str]]  # section -> name -> sentence


def read_texts(folder: Path) -> dict[str, Table]:
    """The languages whose files are there: Discord's locale, or the part of it before the hyphen -> its sentences."""
    return {file.stem: tomllib.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.toml"))}


TEXTS = read_texts(Path(__file__).with_name("texts"))


class Name(str):
    """A name as somebody typed it: written bold and escaped, with a Korean particle if the sentence asks for one."""

    __slots__ = ()

    def __format__(self, particles: str) -> str:
        return f"**{escape(self) or '…'}**" + (_particle(self, particles) if particles else "")


def _particle(word: str, particles: str) -> str:
    """은 of "은/는" after a final consonant, 는 after a vowel; 은(는) or (이)라는 after what is not Hangul."""
    closed, _, open_ = particles.partition("/")
    letters = [sign for sign in word if sign.isalnum()]
    syllable = ord(letters[-1]) - ord("가") if letters else -1
    if not 0 <= syllable < 11172:
        return f"({closed.removesuffix(open_)}){open_}" if closed.endswith(open_) else f"{closed}({open_})"
    return closed if syllable % 28 else open_


def escape(typed: str) -> str:
    """Typed text that shows as it was typed, on one line, and is nothing else to Discord.

    discord.utils.escape_markdown() leaves channels, times, commands, emoji, guide links and addresses as they are. A
    backslash before each sign of SYNTAX ends them all, and shows nothing itself.
    """
    unheard = discord.utils.escape_mentions(visible(typed))
    return isolated(SYNTAX.sub(r"\\\g<0>", unheard))


def plain_code(typed: str, limit: int) -> str:
    """Typed text for between backticks, where nothing can be escaped; about `limit` characters at most."""
    return isolated(shorten(visible(typed).replace("`", "'"), limit))


def isolated(text: str) -> str:
    """The text, so that letters written from right to left turn nothing around beside it."""
    return ISOLATED.format(text) if any(unicodedata.bidirectional(sign) in RIGHT_TO_LEFT for sign in text) else text


def without_tokens(wish: str) -> str:
    """A wish on one line, without anything that looks like a learnt token (<s0>): only our prompts may hold those."""
    return visible(re.sub(r"<[^<>\s]{0,32}>", " ", visible(wish)))


def readable(prompt: str, name: str) -> str:
    """A prompt for people: the pet's name in place of its tokens and the class word after them ("<s0> <s1> dog")."""
    return re.sub(r"(?:<s\d+>\s*)+\w*", lambda _: name, prompt)


def language(locale: discord.Locale) -> str:
    """The language to answer a client in: "pt-BR" or else "pt", if there is a file of that name; else English."""
    known = (name for name in (locale.value, locale.value.partition("-")[0]) if name in TEXTS)
    return next(known, ENGLISH)


def say(language: str, key: str, **values: object) -> str:
    """The sentence "section.name" in that language. Raises KeyError for a key or a value that is missing.

    A row may hold a language whose file was removed since: its people read English.
    """
    section, _, name = key.partition(".")
    return TEXTS.get(language, TEXTS[ENGLISH])[section][name].format(**values)


def duration(language: str, seconds: float) -> str:
    """A time to wait or waited, as coarse as people think of it."""
    if seconds < 90:
        return say(language, "time.seconds", n=max(1, round(seconds)))
    if seconds < 90 * 60:
        return say(language, "time.minutes", n=math.ceil(seconds / 60))
    return say(language, "time.hours", n=math.ceil(seconds / 3600))


def style_name(language: str, style: str) -> str:
    """A style as people call it."""
    known = find(style)
    if known:
        return known.names.get(language, known.names[ENGLISH])
    return escape(without_talk(harmless(style))) or "…"


def label(key: str, **values: object) -> app_commands.locale_str:
    """A string of the command list: English here, translated when the commands are sent to Discord."""
    return app_commands.locale_str(say(ENGLISH, key, **values), key=key, values=values)


class Translator(app_commands.Translator):
    """Gives Discord the command names and descriptions in every other language."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        spoken = language(locale)
        if spoken == ENGLISH or "key" not in string.extras:
            return None
        return say(spoken, string.extras["key"], **string.extras["values"])
