"""The two hundred wishes of the rewriter's measurement: none is a training phrase, and verdicts are right."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from gpu.pocket.build.wishes import PHRASES
from gpu.pocket.world.dogs import WEAR
from gpu.pocket.world.scenes import SCENES
from gpu.portraits import Prompt, Wish
from gpu.studio.plan import Plan, join, template
from gpu.styles import STYLES, find
from tests.bench.pocket import rewriter

CATALOGUE = STYLES.keys() | {name for style in STYLES.values() for name in style.names.values()}
FRAMES = ("near", "wearing", "insisting", "refusing", "elsewhere")
WHOLE = ("scene", "thing", "worn", "unwanted", "name", "spot", "place", "framing", "filler", "opener", "closer")
ALL = [asked for wishes in rewriter.WISHES.values() for asked in wishes]


def test_the_wishes_are_two_hundred_and_say_what_the_kennel_knows() -> None:
    assert {language: len(wishes) for language, wishes in rewriter.WISHES.items()} == {"en": 100, "ko": 100}
    assert len({asked.wish for asked in ALL}) == 200
    for asked in ALL:
        assert asked.scene in SCENES and asked.without in ("", *WEAR)
        assert (asked.style not in CATALOGUE) == (asked.means in STYLES), "own words need a meaning, the catalogue none"
        style = find(asked.style)
        assert style is None or style.key == (asked.means or style.key), "nor may own words name another style"


def spoken(tables: Iterable[str], language: str) -> set[str]:
    """Every phrase of these tables of the training, in one language."""
    return {text.strip() for table in tables for some in leaves(PHRASES[table], language) for text in some}


def leaves(table: dict[str, Any], language: str) -> Iterator[list[str]]:
    if language in table:
        yield table[language]
    else:
        yield from (leaf for part in table.values() for leaf in leaves(part, language))


@pytest.mark.parametrize("language", rewriter.WISHES)
def test_no_wish_can_be_made_of_the_phrases_of_the_training(language: str) -> None:
    framed, whole = spoken(FRAMES, language), spoken(WHOLE, language)
    known = sorted({piece.strip() for frame in framed for piece in frame.split("{}")} | whole, key=len)
    for asked in rewriter.WISHES[language]:
        rest = asked.wish
        for phrase in filter(None, reversed(known)):
            rest = rest.replace(phrase, "")
        assert re.search(r"\w", rest), asked.wish


def test_a_wish_with_a_phrase_of_its_scene_counts_as_heard() -> None:
    assert rewriter.heard(rewriter.Asked(style="oil", wish="my boy at the dog run again", scene="in a park")) is False
    assert rewriter.heard(rewriter.Asked(style="oil", wish="my boy playing fetch again", scene="in a park"))
    assert not rewriter.heard(rewriter.Asked(style="oil", wish="playing fetch", scene="on a beach"))
    assert 50 < sum(map(rewriter.heard, ALL)) < 150


def test_no_style_in_own_words_is_one_of_the_training() -> None:
    for language, wishes in rewriter.WISHES.items():
        assert not {asked.style for asked in wishes if asked.means} & spoken(("style", "look"), language)


def answer(asked: rewriter.Asked, **changes: object) -> Prompt:
    """What a rewriter makes of the wish that understands it; or not, with `changes`."""
    plan = Plan(
        thought="", subject="", scene=asked.scene, box=(0, 0, 100, 100), lighting="",
        medium=STYLES[asked.means or asked.style].medium, negative=asked.without,
    ).model_copy(update=changes)  # fmt: skip
    return join(plan, Wish(style=asked.style, text=asked.wish), rewriter.TOKENS, "dog")


ASKED = rewriter.Asked(style="물감 번진 그림", means="watercolour", wish="!", scene="on a beach", without="a hat")


def test_a_right_answer_counts_as_right() -> None:
    for asked in ALL:
        verdict = rewriter.judge(asked, answer(asked))
        assert verdict.valid and verdict.scene and verdict.style and not verdict.template
        assert verdict.without is (True if asked.without else None)
        assert verdict.own_style is (True if asked.means else None)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("scene", {"scene": "in the snow"}),
        ("scene", {"scene": "on a beach in the snow"}),
        ("scene", {"scene": "by the sea"}),
        ("style", {"medium": "an oil painting"}),
        ("own_style", {"medium": "an oil painting"}),
        ("without", {"subject": "wearing a hat"}),
        ("without", {"negative": ""}),
        ("valid", {"scene": "바다"}),
    ],
)
def test_a_wrong_answer_counts_as_wrong(part: str, changes: dict[str, object]) -> None:
    verdict = rewriter.judge(ASKED, answer(ASKED, **changes))
    assert rewriter.shares([verdict])[part] == 0
    assert rewriter.shares([verdict, rewriter.judge(ASKED, answer(ASKED))])[part] == 0.5


def test_the_template_is_counted_and_keeps_to_exclusions() -> None:
    asked = rewriter.Asked(style="oil", wish="no hat", scene="on a beach", without="a hat")
    verdict = rewriter.judge(asked, template(Wish(style="oil", text=asked.wish), rewriter.TOKENS, "dog"))
    assert verdict.template and verdict.valid and verdict.without and not verdict.scene


def test_a_prompt_without_the_pet_or_with_two_of_it_is_not_valid() -> None:
    for text in ("a photo of a dog", "a photo of <s0> <s1> dog and <s0> <s1> dog"):
        assert not rewriter.judge(ASKED, Prompt(text=text)).valid


def test_a_share_of_nothing_is_none() -> None:
    asked = rewriter.Asked(style="oil", wish="sea", scene="on a beach")
    assert rewriter.shares([rewriter.judge(asked, answer(asked))])["without"] is None
