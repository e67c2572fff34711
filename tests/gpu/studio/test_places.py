"""Where a wish wants the dog, in four languages; what only sounds like it is left alone."""

import pytest

from gpu.portraits import Wish
from gpu.studio import places
from gpu.studio.exclusions import read
from gpu.studio.plan import Plan, join, template, where
from gpu.words import clean

TOKENS = ("<s0>", "<s1>")


def said(text: str) -> str:
    box = places.box(read(clean(text)).wanted)
    return where(box) if box else ""


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("on the left, in the snow, no hat", "on the left"),
        ("On the right side of the picture, reading", "on the right"),
        ("sleeping in the bottom right corner", "at the bottom on the right"),
        ("at the top of the picture", "at the top"),
        ("far away on a beach", "far away"),
        ("a close-up with a scarf", "a close-up"),
        ("눈 내리는 날 왼쪽에 앉아 있는 모습", "on the left"),
        ("오른쪽 아래에서 자는 모습", "at the bottom on the right"),
        ("멀리서 본 모습", "far away"),
        ("左上に、雪の中", "at the top on the left"),
        ("遠くから", "far away"),
        ("a la derecha, en la playa", "on the right"),
        ("en primer plano", "a close-up"),
        ("with a red hat on the left, in the snow", "on the left"),
        ("a dog far away on a beach", "far away"),
        ("왼쪽에 모자 쓴 강아지", "on the left"),
    ],
)
def test_a_place_is_heard(text: str, place: str) -> None:
    assert said(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "with a patch on the left ear", "on top of a hill", "left behind by the train", "at the top of a mountain",
        "왼쪽 귀에 꽃", "all right, on a beach", "", "on the left of a tree", "at the bottom of the sea",
        "in a meadow with mountains in the distance", "con montañas a lo lejos", "遠くに富士山が見える",
        "멀리 산이 보이는 들판", "city lights far away", "in a galaxy far far away", "왼쪽을 보는 강아지",
        "오른쪽을 바라보는", "mirando hacia la derecha", "左に向いた犬", "mirando hacia arriba", "patas arriba",
        "boca abajo", "a parrot on the right shoulder", "왼쪽 어깨에 새", "왼쪽 앞다리를 든",
        "with a lighthouse on the left", "왼쪽에 나무", "左右に木がある道", "on the right track",
        "on the right side of the couch", "メイクアップで",
    ],
)  # fmt: skip
def test_what_is_no_place_in_the_picture_is_not(text: str) -> None:
    assert said(text) == ""


def planned(box: tuple[int, int, int, int]) -> Plan:
    return Plan(
        thought="", subject="", scene="in the snow", box=box, lighting="", medium="an oil painting", negative=""
    )


def test_the_wish_wins_over_a_plan_that_overheard_it() -> None:
    wish = Wish(style="oil", text="on the left, in the snow")
    prompt = join(planned((20, 15, 80, 95)), wish, TOKENS, "dog")
    assert "on the left" in prompt.text and prompt.box == (0.0, 0.15, 0.45, 0.95)


def test_a_plan_that_heard_it_keeps_its_own_box() -> None:
    wish = Wish(style="oil", text="on the left, in the snow")
    assert join(planned((5, 30, 40, 90)), wish, TOKENS, "dog").box == (0.05, 0.3, 0.4, 0.9)
    assert join(planned((5, 30, 40, 90)), Wish(style="oil", text="in the snow"), TOKENS, "dog").box


def test_the_template_hears_it_too() -> None:
    english = template(Wish(style="oil", text="on the left, in the snow"), TOKENS, "dog")
    assert english.text.count("on the left") == 1 and english.box == (0.0, 0.15, 0.45, 0.95)
    korean = template(Wish(style="oil", text="눈밭 왼쪽에"), TOKENS, "dog")
    assert korean.text.count("on the left") == 1 and korean.box == english.box
    assert template(Wish(style="oil", text="in the snow"), TOKENS, "dog").box is None
