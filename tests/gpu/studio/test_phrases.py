"""English words without a thing, clean; and no thing in them twice, by word, emoji or in two languages."""

import pytest

from gpu.portraits import Wish
from gpu.studio.phrases import without
from gpu.studio.plan import template


@pytest.mark.parametrize(
    ("text", "refused", "left"),
    [
        ("wearing a hat and glasses", "hat", "wearing glasses"),
        ("wearing a hat and glasses", "glasses", "wearing a hat"),
        ("wearing a hat, a scarf and glasses", "hat", "wearing a scarf and glasses"),
        ("wearing a hat, a scarf and glasses", "scarf", "wearing a hat and glasses"),
        ("wearing a red hat", "hat", ""),
        ("sitting on a chair with a hat on its head", "hat", "sitting on a chair"),
        ("with a hat on its head and a scarf around its neck", "hat", "with a scarf around its neck"),
        ("wearing a hat and running in the rain", "hat", "running in the rain"),
        ("sitting and wearing a hat", "hat", "sitting"),
        ("on a snowy mountain", "snow", "on a mountain"),
        ("in the snow on a mountain", "snow", "on a mountain"),
        ("in a park full of people", "people", "in a park"),
        ("surrounded by people", "people", ""),
        ("in a forest without people", "hat", "in a forest"),
        ("hatless, smiling", "hat", "smiling"),
        ("dramatic light from below", "hat", "dramatic light from below"),
        ("under an endless sky", "hat", "under an endless sky"),
    ],
)
def test_words_without_a_thing_have_no_loose_ends(text: str, refused: str, left: str) -> None:
    assert without(text, [refused]) == left


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("don't forget the scarf 🧣", "the scarf"),
        ("🧣🧣🧣", "scarf"),
        ("🧣 in a park, wearing a scarf", "in a park, wearing a scarf"),
        ("on a beach with a scarf, so cute 🏖🧣", "on a beach with a scarf, so cute"),
        ("happy 🎩 dog in a hat", "happy dog in a hat"),
        ("wearing a 🧣, a scarf", "wearing a scarf"),
        ("a scarf, 목도리", "a scarf"),
        ("con una bufanda, scarf y sombrero", "con una bufanda y sombrero"),
        ("scarf マフラー in a park", "wearing a scarf, in a park"),
        ("a hat and a hat", "a hat"),
        ("in the snow, in the snow", "in the snow"),
        ("목도리 🧣 하고 공원에서", "wearing a scarf, in a park"),
        # and what only looks like it
        ("a red scarf and a blue scarf", "a red scarf and a blue scarf"),
        ("on a sofa, in a living room", "on a sofa, in a living room"),
        ("looking at the moon, on a hill under the moon", "looking at the moon, on a hill under the moon"),
        ("with his hat and his other hat", "with his hat and his other hat"),
    ],
)
def test_what_is_said_twice_is_painted_once(wish: str, said: str) -> None:
    asked = template(Wish(style="oil", text=wish), ("<s0>", "<s1>"), "dog").text
    assert asked.removeprefix("an oil painting of <s0> <s1> dog").removeprefix(",").strip() == said
