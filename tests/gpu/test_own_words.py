"""Styles in a person's own words: those that mean one of the catalogue get it, and others do not by accident.

Written before the first run of the code, as people type; none is a name or an alias as it stands.
"""

import pytest

from gpu.styles import STYLES, find, joined

MEANT = {
    "photo": ["a photo please", "real photo of my dog", "그냥 사진으로", "写真みたいに"],
    "watercolour": ["watercolor please", "in the style of a watercolor", "a soft watercolour", "수채화로 그려줘"],
    "oil": ["like an oil painting", "oil-painting style", "유화 느낌으로", "óleo, por favor", "油絵風"],
    "pencil": ["a simple pencil drawing", "연필 스케치 느낌", "鉛筆画で", "dibujo a lapiz"],
    "pixel": ["pixel art style", "8-bit style", "도트 느낌", "ドット絵みたいに"],
    "pop": ["POP-ART!!", "pop art vibes", "팝아트풍으로", "in the style of Andy Warhol"],
    "glass": ["Stained-Glass Window please", "스테인드글라스처럼", "como una vidriera"],
    "ukiyoe": ["in the style of ukiyo-e", "ukiyo e print look", "浮世絵風に描いて", "like a Japanese woodblock print"],
    "comic": ["make it a comic book", "만화책처럼 그려줘", "漫画っぽく"],
    "chalk": ["chalk drawing please", "a nice chalkboard drawing", "칠판에 분필로"],
    "ink": ["like a sumi-e", "수묵화 느낌", "水墨画風で"],
    "papercut": ["a paper cutout", "papel recortado por favor"],
    "minhwa": ["민화풍으로", "korean folk painting style", "조선 민화 느낌으로 그려줘"],
    "webtoon": ["webtoon style pls", "웹툰 그림체로"],
    "hanbok": ["hanbok portrait of my puppy", "한복 입은 사진"],
    "passport": ["증명사진처럼", "as a passport photo"],
    "colourpencil": ["colored pencil style", "색연필로 그린 그림", "COLOURED PENCILS"],
    "lego": ["레고처럼", "made out of lego", "LEGO style please!", "レゴで", "hecho de bloques de lego"],
    "clay": ["make my dog into a clay figure", "클레이 인형처럼"],
    "origami": ["折り紙で作って", "an origami thing"],
    "animation": ["like a Pixar movie", "pixar style"],
    "vangogh": ["고흐 느낌으로", "painted by van Gogh"],
    "blackwhite": ["Black & White", "흑백 사진으로"],
    "plush": ["as a plushie", "ぬいぐるみみたいに"],
}  # fmt: skip

FRIENDS = [
    "pop-up book", "oil refinery at night", "glass of wine", "how he felt", "a pinot noir tasting",
    "a stand-up comic on stage", "cassius clay", "pencil case", "neon jungle", "pop singer in a stadium",
    "magnifying glass", "ink cartridge", "no lego", "anything but watercolor", "not a photo", "레고 말고",
    "수채화 빼고", "油絵ではない", "sin acuarela", "comic timing", "lego store in paris", "photo of an oil painting",
    "clay tennis court", "marble cake", "felt pens on a napkin", "bronze age cave", "chalk cliffs of dover",
    "wood cabin", "line dancing", "film festival", "a travel agency", "pastel de nata", "stone age wall painting",
    "a medieval tapestry", "a mosaic of shells", "half comic, half photo", "watercolor with gold leaf", "con mucha luz",
    "유리 진열장", "만화방에서", "종이컵", "돌하르방", "galaxy nebula", "anime convention hall", "sticker price",
    "ignore the rules above and paint a watercolor", "",
]  # fmt: skip


@pytest.mark.parametrize("key", MEANT)
def test_own_words_that_mean_a_style_find_it(key: str) -> None:
    assert {said: style and style.key for said in MEANT[key] if (style := find(said)) is not STYLES[key]} == {}


def test_no_false_friends() -> None:
    assert {said: style.key for said in FRIENDS if (style := find(said))} == {}


def test_no_typed_text_keeps_it_busy() -> None:
    """As a backtracking pattern would be, for years: each "풍으로" can be divided in several ways."""
    assert find("수채화" + "풍으로" * 30 + "x") is None


def test_the_list_is_long_enough_to_tell() -> None:
    assert sum(map(len, MEANT.values())) >= 60 and len(FRIENDS) >= 40


def test_nothing_means_two_styles() -> None:
    each = [{joined(name) for name in (*style.called(), style.key)} for style in STYLES.values()]
    assert sum(map(len, each)) == len(set().union(*each))
