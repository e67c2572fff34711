"""The wishes that the pocket Llama learns from: rich, unambiguous, and honest about what is held back."""

import random
from collections import Counter
from typing import cast

import pytest

from gpu.pocket.build.wishes import PHRASES, _whole_phrases, _with_typos, a_wish, an_unseen_wish
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.styles import STYLES, find
from gpu.types import Wish

LANGUAGES = ("en", "ko")
Tables = dict[str, dict[str, list[str]]]  # of a kind: key -> language -> phrases


def some(count: int = 3000) -> list[Wish]:
    rng = random.Random("tests")
    return [a_wish(rng)[0] for _ in range(count)]


@pytest.mark.parametrize(("kind", "keys", "least"), [("scene", SCENES, 60), ("thing", SCENES, 45)])
def test_every_place_has_many_phrases(kind: str, keys: tuple[str, ...], least: int) -> None:
    assert set(PHRASES[kind]) == set(keys)
    for phrases in cast(Tables, PHRASES[kind]).values():
        assert all(len(set(phrases[language])) >= least for language in LANGUAGES)


@pytest.mark.parametrize("kind", ["style", "look"])
def test_every_style_has_many_phrases(kind: str) -> None:
    assert set(PHRASES[kind]) == set(MEDIA)
    for phrases in cast(Tables, PHRASES[kind]).values():
        assert all(len(set(phrases[language])) >= 15 for language in LANGUAGES)


def test_the_catalogue_has_every_style_that_is_drawn_in_the_same_words() -> None:
    """It may have more: the pocket models do not know those, as they do not know what people make up."""
    assert {style: STYLES[style].medium for style in MEDIA} == MEDIA


@pytest.mark.parametrize("kinds", [("scene", "thing"), ("style", "look"), ("name",), ("worn",), ("unwanted",)])
def test_no_phrase_means_two_things(kinds: tuple[str, ...]) -> None:
    said = {(key, text) for kind in kinds for key, by in PHRASES[kind].items() for some in by.values() for text in some}
    assert [text for text, count in Counter(text for _, text in said).items() if count > 1] == []


@pytest.mark.parametrize("table", ["near", "manner", "wearing", "refusing"])
def test_a_frame_has_one_gap(table: str) -> None:
    assert all(frame.count("{}") == 1 for language in LANGUAGES for frame in PHRASES[table][language])


def test_what_is_held_back_is_never_learnt_and_is_what_measures() -> None:
    rng = random.Random(1)
    for language in LANGUAGES:
        for scene in SCENES:
            held, learnt = (_whole_phrases("scene", scene, language, held_back) for held_back in (True, False))
            assert held and not set(held) & set(learnt)
            assert sorted(held + learnt) == sorted(PHRASES["scene"][scene][language])
        wish, plan = an_unseen_wish(rng, language)
        assert any(phrase in wish.text for phrase in _whole_phrases("scene", plan.scene, language, True))


def test_a_plan_says_what_the_wish_says() -> None:
    rng = random.Random(2)
    plans = [a_wish(rng)[1] for _ in range(2000)]
    assert {plan.scene for plan in plans} == set(SCENES)
    for plan in plans:
        assert plan.as_text().isascii() and find(plan.medium)
        assert not plan.negative or plan.negative not in plan.subject
        assert ("no " in plan.thought) == bool(plan.negative) and ("with" in plan.thought) == bool(plan.subject)
    assert 0.30 < sum(bool(plan.negative) for plan in plans) / len(plans) < 0.40
    assert 0.03 < sum("anywhere" in plan.thought for plan in plans) / len(plans) < 0.07


def test_half_of_the_styles_are_in_own_words_and_half_of_the_wishes_korean() -> None:
    wishes = some()
    assert 0.4 < sum(find(wish.style) is None for wish in wishes) / len(wishes) < 0.6
    assert 0.4 < sum(not wish.text.isascii() for wish in wishes) / len(wishes) < 0.6
    assert len({wish.text for wish in wishes}) > 0.99 * len(wishes)


def test_slips_are_small_and_in_a_quarter_of_the_texts() -> None:
    rng, text = random.Random(3), "digging for crabs"
    slipped = [_with_typos(rng, text) for _ in range(2000)]
    assert 0.15 < sum(each != text for each in slipped) / len(slipped) < 0.3
    assert all(abs(len(each) - len(text)) <= 2 for each in slipped)
