"""Every sentence exists in every language, fits where it is shown, and holds what the code fills in."""

import re
from string import Formatter
from typing import get_args

import discord
import pytest

from cogs.shared.text import TEXTS, Name, duration, escape, label, language, plain_code, say, without_tokens
from gpu.types import Cause, Progress, Rejected
from storage.intake import Reason

KEYS = [f"{section}.{name}" for section, names in TEXTS["en"].items() for name in names]
LIMITS = {"command": 32, "option": 32, "hint": 100, "about": 100}  # Discord's, by section
LABELS = {"enroll.title": 45, "enroll.photos": 45, "enroll.photos_hint": 100, "forget.yes": 80, "forget.posts": 80}
LONGEST = 600  # of a plain sentence, so that two of them and a prompt fit into 2000
NAMED = re.compile(r"^[-_'\w]{1,32}$")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys():
    assert {key: set(names) for key, names in TEXTS["en"].items()} == {
        key: set(names) for key, names in TEXTS["ko"].items()
    }


@pytest.mark.parametrize("key", KEYS)
def test_a_sentence_says_the_same_in_both_languages_and_fits(key: str):
    section, name = key.split(".")
    texts = [TEXTS[locale][section][name] for locale in ("en", "ko")]
    assert placeholders(texts[0]) == placeholders(texts[1])
    for text in texts:
        assert 0 < len(text) <= LABELS.get(key, LIMITS.get(section, LONGEST))
        assert text == text.strip(" \n") or key == "portrait.left"


@pytest.mark.parametrize("locale", ["en", "ko"])
def test_names_in_the_command_list_are_names(locale: str):
    for text in TEXTS[locale]["command"].values():
        assert NAMED.match(text) and text == text.lower()
    for text in TEXTS[locale]["option"].values():
        assert NAMED.match(text.format(n=10)) and text == text.lower()


@pytest.mark.parametrize("locale", ["en", "ko"])
def test_everything_that_can_go_wrong_has_a_sentence(locale: str):
    for cause in Cause:
        assert say(locale, f"error.{cause}", name=Name("Rex"))
    for reason in get_args(Reason):
        assert say(locale, f"photo.{reason}")
    for reason in get_args(Rejected.__annotations__["reason"]):
        assert say(locale, f"cut.{reason}")
    for phase in get_args(Progress.__annotations__["phase"]):
        assert say(locale, f"progress.{phase}")


def test_a_particle_follows_the_sound():
    assert f"{Name('보리'):을/를}" == "**보리**를"
    assert f"{Name('콩'):은/는}" == "**콩**은"
    assert f"{Name('Rex'):이/가}" == "**Rex**이(가)"
    assert f"{Name('Rex')}" == "**Rex**"


def test_typed_text_shows_as_typed():
    assert escape("a *b*\n_c_") == r"a \*b\* \_c\_"
    assert "@everyone" not in escape("@everyone") and "everyone" in escape("@everyone")
    assert plain_code("a`b\nc", 40) == "a'b c"
    assert plain_code("x" * 50, 10) == "x" * 9 + "…"
    assert without_tokens("on <s0><s1> a  <loRA:x> beach < 3") == "on a beach < 3"


def test_times_are_as_coarse_as_people_think():
    assert [duration("en", s) for s in (0.2, 41.4, 100, 7000)] == ["1 s", "41 s", "2 min", "2 h"]
    assert duration("ko", 100) == "2분"


async def test_the_translator_knows_korean_only():
    from cogs.shared.text import Translator

    assert language(discord.Locale.korean) == "ko" and language(discord.Locale.german) == "en"
    where = discord.app_commands.TranslationContext(discord.app_commands.TranslationContextLocation.other, None)
    assert await Translator().translate(label("option.photo", n=3), discord.Locale.korean, where) == "사진3"
    assert await Translator().translate(label("option.photo", n=3), discord.Locale.german, where) is None
