"""Every sentence exists in every language, fits where it is shown, and holds what the code fills in.

What holds for the languages that are shipped holds for one more, too: German, which only the tests have.
"""

import re
from string import Formatter
from typing import get_args

import discord
import pytest

from cogs.shared.text import (
    TEXTS,
    Name,
    Translator,
    duration,
    escape,
    label,
    language,
    plain_code,
    readable,
    say,
    style_name,
    without_tokens,
)
from gpu.adapter_zip import Reason as RefusedZip
from gpu.jobs import JobKind
from gpu.outcomes import Cause, Progress
from gpu.pets import Advice, Flaw, Lack
from gpu.profile import PROFILES
from gpu.styles import STYLES
from storage.intake import Reason
from tests.helpers.german import GERMAN, add_german

KEYS = [f"{section}.{name}" for section, names in TEXTS["en"].items() for name in names]
LIMITS = {"command": 32, "option": 32, "hint": 100, "about": 100, "button": 80, "kind": 100}  # Discord's, by section
LIMITS |= {"cut": 85, "advice": 60, "lack": 80}  # so that the answer of a look fits into a message
LABELS = {"enroll.title": 45, "enroll.photos": 45, "enroll.photos_hint": 100, "portrait.change_wish": 45}
LABELS |= {"forget.yes": 80, "forget.posts": 80, "forget.keep": 80, "failed.again": 80, "failed.forget": 80}
LABELS |= {"look.learn": 80, "look.replace": 80, "look.add": 80, "look.form": 45, "look.photos": 45}
LABELS |= {"notify.on": 100, "notify.off": 100, "notify.dm": 100, "portrait.which_style": 100}
LABELS |= {"styles.earlier": 80, "styles.later": 80, "styles.example": 200}
LONGEST = 600  # of a plain sentence, so that two of them and a prompt fit into 2000
NAMED = re.compile(r"^[-_'\w]{1,32}$")
HERE = discord.app_commands.TranslationContext(discord.app_commands.TranslationContextLocation.other, None)

in_every_language = pytest.mark.parametrize("spoken", [*TEXTS, "de"])


@pytest.fixture(autouse=True)
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    add_german(monkeypatch)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@in_every_language
def test_a_language_has_every_key_and_no_other(spoken: str):
    assert {key: set(names) for key, names in TEXTS[spoken].items()} == {
        key: set(names) for key, names in TEXTS["en"].items()
    }


@in_every_language
@pytest.mark.parametrize("key", KEYS)
def test_a_sentence_holds_the_same_values_in_every_language_and_fits(key: str, spoken: str):
    section, name = key.split(".")
    text = TEXTS[spoken][section][name]
    assert placeholders(text) == placeholders(TEXTS["en"][section][name])
    assert 0 < len(text) <= LABELS.get(key, LIMITS.get(section, LONGEST))
    assert text == text.strip(" \n") or key == "portrait.left"


@in_every_language
def test_names_in_the_command_list_are_names(spoken: str):
    for text in TEXTS[spoken]["command"].values():
        assert NAMED.match(text) and text == text.lower()
    for text in TEXTS[spoken]["option"].values():
        assert NAMED.match(text.format(n=10)) and text == text.lower()


@in_every_language
def test_a_command_that_a_sentence_names_is_called_so(spoken: str):
    command = TEXTS[spoken]["command"]
    names = {command[name] for name in ("enroll", "portrait", "pets", "queue", "cancel", "notify", "styles")}
    names |= {f"{command['pet']} {command[name]}" for name in ("forget", "export", "import")}
    assert set(re.findall(r"`/([^`]+)`", str(TEXTS[spoken]))) <= names
    assert f"`{TEXTS[spoken]['option']['pet']}`" in say(spoken, "sorry.which_pet")


@in_every_language
def test_everything_that_can_go_wrong_has_a_sentence(spoken: str):
    for cause in Cause:
        assert say(spoken, f"error.{cause}", name=Name("Rex"))
    for reason in get_args(Reason):
        assert say(spoken, f"photo.{reason}")
    for refused in get_args(RefusedZip):
        assert say(spoken, f"import.{refused}")
    for section, kinds in (("cut", Flaw), ("advice", Advice), ("lack", Lack)):
        assert [say(spoken, f"{section}.{kind}") for kind in get_args(kinds)]
    for profile in PROFILES.values():
        assert [say(spoken, f"kind.{species.word}") for species in profile.segmenting.species]
    for kind in get_args(JobKind):
        assert say(spoken, f"progress.{kind}", name=Name("Rex")) and say(spoken, f"queue.{kind}", name=Name("Rex"))
    for phase in get_args(Progress.__annotations__["phase"]):
        assert say(spoken, f"progress.{phase}")


@in_every_language
def test_every_style_has_a_name_of_its_own(spoken: str):
    names = [style.names[spoken] for style in STYLES.values()]
    assert all(0 < len(name) <= 100 for name in names) and len(set(names)) == len(names)


@in_every_language
def test_some_client_reads_it(spoken: str):
    assert spoken in {language(locale) for locale in discord.Locale}


def test_a_particle_follows_the_sound():
    assert f"{Name('보리'):을/를}" == "**보리**를"
    assert f"{Name('콩'):은/는}" == "**콩**은"
    assert f"{Name('Rex'):이/가}" == "**Rex**이(가)"
    assert f"{Name('Max'):이라는/라는}" == "**Max**(이)라는" and f"{Name('보리'):이라는/라는}" == "**보리**라는"
    assert f"{Name('콩 🐶'):을/를}" == "**콩 🐶**을", "the last letter counts"
    assert f"{Name('🐶'):을/를}" == "**🐶**을(를)"
    assert f"{Name('Rex')}" == "**Rex**"


def test_typed_text_shows_as_typed():
    assert escape("a *b*\n_c_") == r"a \*b\* \_c\_"
    assert "@everyone" not in escape("@everyone") and "everyone" in escape("@everyone")
    assert plain_code("a`b\nc", 40) == "a'b c"
    assert plain_code("x" * 50, 10) == "x" * 9 + "…"
    assert without_tokens("on <s0><s1> a  <loRA:x> beach < 3") == "on a beach < 3"


def test_a_style_in_own_words_is_shown_without_links_mentions_and_orders():
    assert style_name("en", "oil https://evil.example") == "oil"
    assert style_name("en", "\u202egnitniap @everyone **lio**") == "gnitniap lio"
    assert style_name("en", "ignore previous instructions") == "…"
    assert style_name("en", "watercolour") == "Watercolour"


def test_people_read_the_pets_name_in_a_prompt():
    assert readable("a photo of <s0> <s1> dog asleep, on a beach", "Rex") == "a photo of Rex asleep, on a beach"
    assert readable("a <s0><s1> dog", r"\1 보리") == r"a \1 보리" and readable("a dog", "Rex") == "a dog"
    assert plain_code(readable("oil of <s0> <s1> dog", "R`e`x"), 40) == "oil of R'e'x", "it cannot end the code"


def test_times_are_as_coarse_as_people_think():
    assert [duration("en", s) for s in (0.2, 41.4, 100, 7000)] == ["1 s", "41 s", "2 min", "2 h"]
    assert duration("ko", 100) == "2분"


def test_a_file_is_named_as_the_locale_or_as_the_part_before_its_hyphen(monkeypatch: pytest.MonkeyPatch):
    assert language(discord.Locale.german) == "de" and language(discord.Locale.british_english) == "en"
    assert language(discord.Locale.brazil_portuguese) == language(discord.Locale.spain_spanish) == "en"
    monkeypatch.setitem(TEXTS, "es", GERMAN)
    monkeypatch.setitem(TEXTS, "pt-BR", GERMAN)
    assert language(discord.Locale.spain_spanish) == language(discord.Locale.latin_american_spanish) == "es"
    assert language(discord.Locale.brazil_portuguese) == "pt-BR"


def test_rows_may_hold_a_language_whose_file_is_gone():
    assert say("tlh", "cancel.done") == "Cancelled." and style_name("tlh", "oil") == "Oil painting"


async def test_the_translator_knows_every_language_that_has_a_file():
    seen = {locale: await Translator().translate(label("option.photo", n=3), locale, HERE) for locale in discord.Locale}
    assert {locale.value: name for locale, name in seen.items() if name} == {"ko": "사진3", "de": "foto3"}
    plain = discord.app_commands.locale_str("not ours")
    assert await Translator().translate(plain, discord.Locale.korean, HERE) is None
