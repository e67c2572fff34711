"""The library of wishes with plans: each plan is one that we would want, and the nearest to a wish are found."""

from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from gpu.portraits import Wish
from gpu.studio import examples as lib
from gpu.studio.examples import Example, Examples, curated
from gpu.studio.exclusions import read
from gpu.studio.phrases import names
from gpu.studio.plan import SCHEMA, Plan, join, where

FILES = sorted(Path(lib.__file__).with_suffix("").glob("*.toml"))
ALL = [example for path in FILES for example in lib.read(path)]
each = pytest.mark.parametrize("example", ALL, ids=[f"{one.wish.style}: {one.wish.text}" for one in ALL])


def test_there_are_two_hundred_over_forty_styles_in_four_languages() -> None:
    assert [path.stem for path in FILES] == ["en", "es", "ja", "ko"]
    assert len(ALL) >= 200
    assert len({(one.wish.style, one.wish.text) for one in ALL}) == len(ALL)
    assert len({one.plan.medium for one in ALL}) >= 40


@each
def test_a_plan_could_be_an_answer_and_keeps_to_its_wish(example: Example) -> None:
    plan = example.plan
    jsonschema.validate(plan.model_dump(mode="json"), SCHEMA)
    assert plan.fault() == ""
    asked = read(example.wish.text)
    said = ", ".join((plan.subject, plan.scene, plan.lighting))
    assert not names(said, asked.refused)
    assert all(names(plan.negative, [one]) for one in asked.refused)
    prompt = join(plan, example.wish, ("<s0>", "<s1>"), "dog")
    assert {plan.subject, plan.scene, plan.lighting} - {""} <= set(_phrases(prompt.text, plan)), "the guard has to do"


def _phrases(text: str, plan: Plan) -> list[str]:
    return [part for part in (plan.subject, plan.scene, plan.lighting) if part in text]


def test_they_teach_no_habits() -> None:
    """No word stands in one negative of six, and most boxes are around the middle."""
    negatives = Counter(word for one in ALL for word in set(one.plan.negative.split(", ")) - {""})
    assert max(negatives.values()) < len(ALL) / 6
    assert sum(not one.plan.negative for one in ALL) > len(ALL) / 4
    assert 20 < sum(bool(where(one.plan.box)) for one in ALL) < len(ALL) / 4


@pytest.mark.parametrize(
    ("wish", "medium", "word"),
    [
        (Wish(style="a photo", text="dont forget the scarff"), "a photo", "scarf"),
        (Wish(style="수묵화", text="대나무숲에서"), "an ink wash painting", "bamboo"),
        (Wish(style="a photo", text="帽子なしで"), "a photo", "hat"),
        (Wish(style="cartel de viaje", text="granada sin texto"), "a vintage travel poster", "text"),
    ],
)
def test_the_nearest_are_like_the_wish_and_the_most_alike_comes_last(wish: Wish, medium: str, word: str) -> None:
    found = curated().nearest(wish, 4)
    assert len(found) == 4
    assert found[-1].plan.medium == medium
    assert word in found[-1].plan.as_text()


def test_a_wish_like_no_other_finds_some_all_the_same() -> None:
    assert len(curated().nearest(Wish(style="ᚠᚢᚦ"), 3)) == 3
    assert curated().nearest(Wish(style="a photo"), 0) == []


def test_a_server_may_have_examples_of_its_own() -> None:
    liked = Example(Wish(style="a photo", text="in a bathtub"), ALL[0].plan)
    assert Examples([*ALL, liked]).nearest(Wish(style="a photo", text="in the bathtub"), 1) == [liked]
