"""The wishes that the pocket Llama learns from: rich in each language, unambiguous, honest about what is held back."""

import random
import re
from collections import Counter
from typing import cast

import pytest

from gpu.pocket.build.phrases import LANGUAGES, PHRASES, whole_phrases
from gpu.pocket.build.rewriter import new_tokenizer
from gpu.pocket.build.wishes import a_wish, with_typos
from gpu.pocket.world.dogs import WEAR
from gpu.pocket.world.scenes import PLAIN, SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Wish
from gpu.studio.plan import Plan, where

Tables = dict[str, dict[str, list[str]]]  # of a kind: key -> language -> phrases
LEAST = {"scene": 60, "thing": 45, "style": 20, "look": 14, "worn": 18, "unwanted": 12, "place": 13, "framing": 25}
PLAIN_LEAST = {"scene": 30, "thing": 12}


def some(count: int = 2000, language: str = "", unseen: bool = False) -> list[tuple[Wish, Plan]]:
    rng = random.Random("tests")
    return [a_wish(rng, language, unseen) for _ in range(count)]


@pytest.mark.parametrize("kind", LEAST)
def test_every_key_has_many_phrases_in_every_language(kind: str) -> None:
    for key, phrases in cast(Tables, PHRASES[kind]).items():
        least = PLAIN_LEAST[kind] if key == PLAIN else LEAST[kind]
        assert {language: len(set(some)) for language, some in phrases.items() if len(set(some)) < least} == {}
        assert set(phrases) == set(LANGUAGES)


def test_the_kennel_has_every_key_and_no_other() -> None:
    scenes = {*SCENES, PLAIN}
    assert set(PHRASES["scene"]) == set(PHRASES["thing"]) == set(PHRASES["spot"]) == scenes
    assert set(PHRASES["style"]) == set(PHRASES["look"]) == set(MEDIA)
    assert set(PHRASES["worn"]) == set(PHRASES["name"]) == set(WEAR) < set(PHRASES["unwanted"])


MEANINGS = [
    ("scene", "thing"), ("style", "look"), ("name",), ("worn",), ("unwanted",), ("spot",), ("place", "framing"),
]  # fmt: skip


@pytest.mark.parametrize("kinds", MEANINGS)
def test_no_phrase_means_two_things(kinds: tuple[str, ...]) -> None:
    said = {(key, text) for kind in kinds for key, by in PHRASES[kind].items() for some in by.values() for text in some}
    assert [text for text, count in Counter(text for _, text in said).items() if count > 1] == []


@pytest.mark.parametrize("table", ["near", "manner", "wearing", "insisting", "refusing", "elsewhere", "instead"])
def test_a_frame_has_its_gaps(table: str) -> None:
    gaps = ["{no}", "{yes}"] if table == "instead" else ["{}"]
    for frame in (frame for language in LANGUAGES for frame in PHRASES[table][language]):
        assert sorted(re.findall(r"\{\w*\}", frame)) == gaps, frame


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_held_back_is_never_learnt_and_is_what_measures(language: str) -> None:
    for scene in PHRASES["scene"]:
        held, learnt = (whole_phrases("scene", scene, language, held_back) for held_back in (True, False))
        assert held and not set(held) & set(learnt)
        assert sorted(held + learnt) == sorted(PHRASES["scene"][scene][language])
    for wish, plan in some(100, language, unseen=True):
        assert any(wish.style in whole_phrases("style", style, language, True) for style in MEDIA)
        asked = "anywhere" not in plan.thought and "not " not in plan.thought  # else a spot may stand for it
        assert not asked or any(p in wish.text for p in whole_phrases("scene", plan.scene, language, True))


def test_a_plan_is_plain_and_does_not_contradict_itself() -> None:
    plans = [plan for _, plan in some()]
    assert {plan.scene for plan in plans} == {*SCENES, PLAIN}
    for plan in plans:
        assert plan.as_text().isascii() and plan.medium in MEDIA.values()
        refused = list(filter(None, plan.negative.split(", ")))
        assert not any(thing in plan.subject or thing in plan.scene for thing in refused)
        assert len(refused) == plan.thought.count(", no ") + plan.thought.count(", not ")
        assert bool(plan.subject) == ("with " in plan.thought)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wish_says_all_that_its_plan_knows_of_wear_and_place(language: str) -> None:
    for wish, plan in some(400, language, unseen=True):
        worn = [thing for thing in WEAR if thing in plan.subject]
        refused = [thing for thing in plan.negative.split(", ") if thing in PHRASES["unwanted"]]
        aside = [
            (kind, key) for kind in ("place", "framing") for key in PHRASES[kind] if f", {key}," in f"{plan.thought},"
        ]
        for kind, thing in [*(("worn", thing) for thing in worn), *(("unwanted", thing) for thing in refused), *aside]:
            named = PHRASES["name"].get(thing, {}).get(language, [])
            assert any(phrase in wish.text for phrase in [*PHRASES[kind][thing][language], *named]), (wish, plan)


def test_a_box_is_where_the_wish_wants_the_dog_and_else_around_the_middle() -> None:
    seen: dict[str, set[tuple[int, int, int, int]]] = {}
    for _, plan in some(6000):
        asked = [part for part in plan.thought.split(", ") if part in PHRASES["place"] or part in PHRASES["framing"]]
        said = ", ".join(sorted(part for part in asked if part != "in the middle"))
        assert ", ".join(sorted(filter(None, where(plan.box).split(", ")))) == said, plan
        seen.setdefault(said, set()).add(plan.box)
    assert len(seen) == 1 + 1 + 8 + 1 + 8, "nothing, a close-up, eight places, far away, and there"
    assert all(len(boxes) >= 3 for boxes in seen.values())


def test_each_kind_of_wish_is_often_enough_to_be_learnt() -> None:
    wishes = some(4000)
    shares = {
        "two worn": sum(" and " in plan.subject for _, plan in wishes),
        "several refused": sum(", " in plan.negative for _, plan in wishes),
        "a place refused": sum(", not " in plan.thought for _, plan in wishes),
        "wanted with a no": sum(bool(plan.subject and not plan.negative) for _, plan in wishes),
        "a place in the picture": sum(where(plan.box) not in ("", "far away", "a close-up") for _, plan in wishes),
        "far or near": sum(where(plan.box) in ("far away", "a close-up") for _, plan in wishes),
        "anywhere": sum("anywhere" in plan.thought for _, plan in wishes),
    }
    assert {kind: count for kind, count in shares.items() if count < 0.05 * len(wishes)} == {}
    assert 0.4 < sum(not plan.negative for _, plan in wishes) / len(wishes) < 0.6
    assert 0.5 < sum(wish.style not in MEDIA.values() for wish, _ in wishes) / len(wishes) < 0.7
    assert len({wish.text for wish, _ in wishes}) > 0.99 * len(wishes)


def test_the_languages_are_asked_alike() -> None:
    texts = [wish.text for wish, _ in some()]
    korean, japanese = (sum(bool(re.search(f"[{signs}]", text)) for text in texts) for signs in ("가-힣", "ぁ-ヿ"))
    assert 0.22 < korean / len(texts) < 0.28 and 0.22 < japanese / len(texts) < 0.28


def test_slips_are_small_and_in_a_quarter_of_the_texts() -> None:
    rng, text = random.Random(3), "digging for crabs"
    slipped = [with_typos(rng, text) for _ in range(2000)]
    assert 0.15 < sum(each != text for each in slipped) / len(slipped) < 0.3
    assert all(abs(len(each) - len(text)) <= 2 for each in slipped)


def test_the_tokenizer_reads_what_is_typed_differently_alike_and_keeps_what_differs() -> None:
    tokenizer = new_tokenizer([wish.text for wish, _ in some(300)])

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False).input_ids

    for one, other in [
        ("En la montaña, ¡pásame el balón!", "en la montana, ¡pasame el balon!"), ("don’t “no”", "don't \"no\""),
        ("🏖️", "🏖"), ("ｶﾆと１２", "カニと12"), ("é", "e\u0301"),
    ]:  # fmt: skip
        assert ids(one) == ids(other)
    assert ids("かき") != ids("がき") and ids("모자") != ids("보자")
    assert ids("公園で") == ids("公園") + ids("で") and ids("メガネを") == ids("メガネ") + ids("を")
    assert tokenizer.decode(ids("公園で 모자 año")) == "公園で 모자 ano"
