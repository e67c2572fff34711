"""The pet in the words of a prompt."""

import pytest

from gpu.studio.subjects import of_any, phrases, scene_alone, wearing_nothing


def test_any_dog_stands_where_the_pet_stood() -> None:
    assert of_any("a photo of <s0> <s1> dog, in a park", ("<s0>", "<s1>")) == "a photo of a dog, in a park"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a photo of a dog wearing a hat, in a park", "a photo of a dog, in a park"),
        ("a photo of a dog wearing a hat and glasses, in a park", "a photo of a dog, in a park"),
        ("a photo of a dog sitting and wearing a scarf", "a photo of a dog sitting"),
        ("a photo of a dog dressed as a detective, in a park", "a photo of a dog, in a park"),
        ("a photo of a dog, a red wall", "a photo of a dog, a red wall"),
    ],
)
def test_it_wears_nothing(text: str, left: str) -> None:
    assert wearing_nothing(text) == left


def test_a_scene_without_the_pet_keeps_the_medium_and_all_around() -> None:
    text = "an oil painting of <s0> <s1> dog wearing a hat, on the left, in the snow"
    assert scene_alone(text, ("<s0>", "<s1>")) == "an oil painting, on the left, in the snow"
    assert scene_alone("<s0> dog asleep, in the snow", ("<s0>",)) == "in the snow"


def test_each_thing_that_it_wears_is_a_phrase() -> None:
    whole, rest = phrases("a photo of <s0> dog wearing a hat and glasses, in a park", ("<s0>",))
    assert whole == "a photo of a dog wearing a hat and glasses, in a park"
    assert rest == [
        "a dog wearing a hat and glasses, in a park",
        "a photo of a dog wearing glasses, in a park",
        "a photo of a dog wearing a hat, in a park",
        "a photo of a dog wearing a hat and glasses",
    ]
