"""Whatever is typed shows as it was typed, and is nothing else to Discord: names, styles, wishes, file names."""

import json
import re

import pytest
import regex
from hypothesis import example, given, settings

from cogs.admin import MOST_LINES as MOST_JOBS
from cogs.pets import MOST_LINES as MOST_PETS
from cogs.shared.photos import PLACED, photo_name, reasons
from cogs.shared.text import TEXTS, Name, duration, escape, isolated, plain_code, say, style_name, without_tokens
from storage.names import MOST_UNITS, BadName, clean_name, name_key, shorten, visible
from tests.helpers.discord_markdown import read
from tests.helpers.typed import EXAMPLES, MEANT_BY_DISCORD, typed

LONGEST = 2000  # characters of a message
PET_LINES = ("ready", "learning", "looked", "missing", "failed")
ISOLATES = str.maketrans("", "", "\u2068\u2069\u200b")  # ours
fuzzed = settings(max_examples=EXAMPLES, deadline=None)


def seen(text: str) -> str:
    return read(text).text.translate(ISOLATES)


# ---- a reading of Discord's own --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sign", [one for one in MEANT_BY_DISCORD if len(one) > 4 and one.isascii() and one != "www.a.b"]
)
def test_the_reading_knows_what_discord_makes_of_it(sign: str):
    assert read(f"a {sign} b").kinds


def test_the_reading_knows_lines():
    kinds = [read(f"{sign}x").kinds for sign in ("# ", "-# ", "> ", "- ", "* ", "1. ")]
    assert kinds == [("heading",), ("subtext",), ("quote",), ("list",), ("list",), ("list",)]
    assert read(r"\# x \<@1\> **`<@1>`**") == read("\\# x \\<@1\\> **`<@1>`**")
    assert read(r"**\# x** `<@1>`").kinds == ("mark", "mark", "code")


# ---- names, styles, wishes -------------------------------------------------------------------------------------------


@fuzzed
@example("@everyone").via("＠everyone becomes it")
@example("\\")
@example("`")
@given(typed)
def test_a_sentence_means_the_same_whatever_is_in_it(text: str):
    for spoken in TEXTS:
        sentence = say(spoken, "portrait.painted", name=Name(text), style=style_name(spoken, text), user="<@1>")
        plain = say(spoken, "portrait.painted", name=Name("x"), style=style_name(spoken, "x"), user="<@1>")
        assert read(sentence).kinds == read(plain).kinds
        json.dumps(sentence, ensure_ascii=False).encode()  # no lone surrogate
    assert seen(escape(text)) == visible(text).translate(ISOLATES)
    assert "\n" not in escape(text)


@fuzzed
@given(typed, typed)
def test_code_is_code_whatever_is_in_it(text: str, other: str):
    lines = reasons("en", [(f"3/{text}", "photo.empty"), (other, "photo.empty")])
    assert read(lines).kinds == ("code", "code") and lines.count("\n") == 1
    code = plain_code(text, 40)
    assert len(code) <= 42 and "`" not in code
    prompt = say("en", "portrait.prompt", prompt=plain_code(text, 600) or "…")
    assert read(prompt).kinds == ("quote", "code")


@fuzzed
@given(typed)
def test_nothing_typed_turns_its_neighbours_around(text: str):
    """Whatever direction it opens it closes, so it cannot end its isolation."""
    for shown in (escape(text), plain_code(text, 40), isolated(visible(text))):
        inner = shown.removeprefix("\u2068").removesuffix("\u2069")
        assert not regex.search(r"\p{Bidi_Control}|\p{Cc}|\p{Cs}|\p{Co}", inner)
        assert (inner != shown) == bool(regex.search(r"[\p{bc=R}\p{bc=AL}\p{bc=AN}]", shown))
        assert not regex.search(r"[\p{Mn}\p{Me}]{5}", shown)


@fuzzed
@example("<@123456789012345678>\u0301").via("a mark that has nothing to stand on once a token is gone")
@given(typed)
def test_no_token_of_ours_is_in_a_wish(text: str):
    wish = without_tokens(text)
    assert not re.search(r"<s\d+>|<\|\w+\|>", wish, re.IGNORECASE) and wish == without_tokens(wish)
    wish.encode()


@fuzzed
@given(typed)
def test_a_name_that_is_taken_fits_everywhere(raw: str):
    try:
        name = clean_name(raw)
    except BadName:
        return
    assert clean_name(name) == name and name == visible(name) != ""
    assert 1 <= len(regex.findall(r"\X", name)) <= 32 and len(name.encode("utf-16-le")) <= 2 * MOST_UNITS
    assert name_key(isolated(name)) == name_key(name) == name_key(name_key(name))
    assert seen(escape(name)) == name
    assert len(escape(name)) <= 2 * MOST_UNITS


@fuzzed
@given(typed)
def test_a_text_is_cut_between_characters(text: str):
    clusters = regex.findall(r"\X", text)
    for limit in (1, 5, 10):
        short = shorten(text, limit)
        assert len(short) <= limit
        if short != text:
            kept = regex.findall(r"\X", short.removesuffix("…"))
            assert short.endswith("…") and kept == clusters[: len(kept)]


# ---- names of pets ---------------------------------------------------------------------------------------------------

TAKEN = [
    "🩷 Bori", "🫨", "🫎", "🪾", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "👨‍👩‍👧‍👦",
    "👩🏽‍🚒", "🇰🇷", "❤️", "1️⃣", "می‌خواهم", "नमस्ते", "שלום", "보리", "🐶" * 32, "👨‍👩‍👧" * 8, "Z̷̡̢̛a̵l̶g̷o",
    "O'Malley", "null", "id:1", "<#123456789012345678>",
]  # fmt: skip
REFUSED = [
    "", " ", "\u3164", "\u2800", "\ufe0f", "\u200d", "\u200b", "\u0301\u0301", "a \u0301", "a\u202eb", "a\u2066b",
    "\u115f", "\uffa0", "a\u2060b", "a\u00adb", "\ue000", "\uffff", "\U000e0067", "a\U000e0067\U000e007f", "\ud83d",
    "a\x00b", "a\x1bb", "a" + "\u0301" * 6, "🐶" * 33, "x" * 33, "👨‍👩‍👧" * 9,
    "🏴" + "\U000e0067" * 7 + "\U000e007f",
]  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_what_can_be_seen_is_a_name(name: str):
    assert clean_name(f"  {name} ") == name


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_seen_is_none(name: str):
    with pytest.raises(BadName):
        clean_name(name)


def test_signs_that_do_nothing_are_left_out():
    assert (
        clean_name("Rex™️") == "RexTM" and clean_name("R\u200dex\ufe0f") == "Rex" and clean_name("❤\ufe0f\ufe0f") == "❤️"
    )
    assert name_key(f"{Name('@here')}".strip("*").replace("\\", "")) == name_key("@HERE")


@pytest.mark.parametrize("spoken", TEXTS)
@pytest.mark.parametrize("sign", ["*\u0301", "🐶\ufe0f"[:1], "א\u05b0", "@here"])
def test_lists_of_the_longest_names_fit_into_a_message(spoken: str, sign: str):
    name, biggest = Name(clean_name((sign * 32)[: 32 if len(sign) > 2 else 64])), 2**63
    who = {"name": name, "owner": f"<@{biggest}>", "place": f"<#{biggest}>", "when": "<t:1764370000:R>"}
    longest = max((say(spoken, f"pets.{state}", **who) for state in PET_LINES), key=len)
    pets = [longest] * MOST_PETS
    left = say(spoken, "portrait.left", time=duration(spoken, 89 * 60))
    line = [
        say(spoken, "queue.waiting", place=10_000, what=say(spoken, "queue.look", name=name), left=left)
        for _ in range(MOST_JOBS)
    ]
    for kind, lines in (("pets", pets), ("queue", line)):
        assert (
            len("\n".join([say(spoken, f"{kind}.title"), *lines, say(spoken, f"{kind}.more", count=10_000)])) <= LONGEST
        )


# ---- names of files --------------------------------------------------------------------------------------------------


def test_a_photo_is_named_by_its_place_and_its_own_name():
    assert photo_name(3, "_.jpg", "보리 산책") == "3/보리 산책.jpg"
    assert photo_name(3, "_.jpg", "보리 산책.jpg") == "3/보리 산책.jpg"
    assert photo_name(1, "image.png", None) == "1/image.png"
    assert photo_name(1, "gnpa.exe", "a\u202egn\np") == "1/agn p.exe"
    assert photo_name(10, "_.jpg", "보리" * 30) == f"10/{'보리' * 19}보…"


def test_it_is_told_so_and_older_rows_hold_only_names():
    lines = reasons(
        "ko", [("3/보리 산책.jpg", "photo.empty"), ("_.jpg", "photo.empty"), ("7", "photo.empty"), ("", "photo.empty")]
    )
    assert lines.split("\n") == [
        "• 사진 3번 · `보리 산책.jpg`: 파일이 비어 있어요",
        "• `_.jpg`: 파일이 비어 있어요",
        "• `7`: 파일이 비어 있어요",
        "• `…`: 파일이 비어 있어요",
    ]


@fuzzed
@given(typed, typed)
def test_any_file_name_can_be_kept_and_told(filename: str, title: str):
    name = photo_name(10, filename, title)
    name.encode()
    assert PLACED.fullmatch(name)
    longest = say("en", "enroll.too_few", count=2, reasons=reasons("en", [(name, "photo.wrong_type")] * 10))
    assert len(longest) <= LONGEST and read(longest).kinds == ("code",) * 10
