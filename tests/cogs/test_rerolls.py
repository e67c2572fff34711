"""What each way of painting from a portrait keeps of it, and what is new."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from cogs.shared.rerolls import Way, reroll
from gpu.portraits import PORTRAIT, Portrait, Preset, Prompt, Wish
from gpu.restyle import restyled
from gpu.styles import STYLES
from storage.portraits import PortraitRow

OIL, PHOTO = STYLES["oil"], STYLES["photo"]
PROMPT = Prompt(
    text=f"{OIL.medium} of <s0> <s1> dog wearing a hat, on the left, in a forest of oaks, {OIL.details}".removesuffix(
        ", "
    ),
    negative=f"{OIL.negative}, a scarf",
    thought="a hat, no scarf",
    box=(0.0, 0.2, 0.5, 1.0),
)
RECIPE = Portrait(
    path=Path("7.png"),
    seed=7,
    prompt=PROMPT,
    likeness=0.8,
    profile="pocket",
    batch=2,
    preset=Preset(steps=12, guidance=1.5, tries=8),
    size=(96, 144),
    around=((3, 0.3),),
    versions=(),
    seconds=1.0,
)
ROW = PortraitRow(
    id=1, job_id="0123456789ab", pet_id=1, requester_id=1, channel_id=1, message_id=1, portrait=RECIPE,
    wish=Wish(style="oil", text="with a hat, no scarf"), posted=None, deleted=None,
)  # fmt: skip
SECOND = replace(ROW, id=2, portrait=replace(RECIPE, seed=9))


@pytest.mark.parametrize("way", get_args(Way))
def test_every_way_keeps_preset_and_shape_and_says_where_it_came_from(way: Way):
    options = reroll([ROW], way).options
    assert (options.preset, options.size) == (RECIPE.preset, RECIPE.size)
    assert options.parent == f"{way} 0123456789ab/7"


@pytest.mark.parametrize("way", get_args(Way))
def test_as_many_pictures_as_there_were(way: Way):
    assert len(reroll([ROW, SECOND], way).seeds) == 2


def test_exactly_again_is_the_whole_recipe():
    ask = reroll([ROW, SECOND], "exact")
    assert (ask.seeds, ask.prompt, ask.wish) == ((7, 9), PROMPT, ROW.wish)
    assert (ask.options.batch, ask.options.around, ask.options.choose) == (2, ((3, 0.3),), False)


def test_exactly_again_from_a_recipe_that_knew_no_presets_leaves_them_to_the_profile():
    older = PORTRAIT.dump_python(RECIPE, mode="json")
    for name in ("preset", "size", "around", "parent", "agreement", "placed"):
        del older[name]
    ask = reroll([replace(ROW, portrait=PORTRAIT.validate_python(older))], "exact")
    assert (ask.options.preset, ask.options.size, ask.options.batch, ask.options.around) == (None, None, 2, ())


@pytest.mark.parametrize("placed", [True, False])
def test_what_keeps_the_noise_keeps_how_the_dog_was_placed(placed: bool):
    row = replace(ROW, portrait=replace(RECIPE, placed=placed))
    assert [reroll([row], way).options.placed for way in ("exact", "style", "again", "far")] == [
        placed,
        placed,
        True,
        True,
    ]


def test_another_style_keeps_the_seed_and_every_other_word():
    ask = reroll([ROW], "style", Wish(style="photo", text=ROW.wish.text))
    assert ask.prompt and ask.seeds == (7,) and not ask.options.choose and ask.options.around == RECIPE.around
    words = "of <s0> <s1> dog wearing a hat, on the left, in a forest of oaks"
    assert ask.prompt.text == ", ".join(filter(None, [f"{PHOTO.medium} {words}", PHOTO.details]))
    assert ask.prompt.negative == f"{PHOTO.negative}, a scarf"
    assert (ask.prompt.box, ask.prompt.thought) == (PROMPT.box, PROMPT.thought)


def test_a_style_that_a_server_added_has_its_own_negative_and_goes_with_it():
    oil, own = Wish(style="oil"), Wish(style="a zorbing glibber", negative="dust")
    there = restyled(PROMPT, oil, own)
    assert there.text.startswith("a zorbing glibber of <s0> <s1> dog wearing a hat")
    assert there.negative == "dust, a scarf" and (not OIL.details or OIL.details not in there.text)
    assert restyled(there, own, oil) == PROMPT


def test_a_style_in_own_words_that_was_understood_as_a_known_one_goes_whole():
    assert restyled(PROMPT, Wish(style="something like an oil"), Wish(style="oil")) == PROMPT


@pytest.mark.parametrize(("way", "share"), [("near", 0.3), ("far", 0.5)])
def test_a_variation_begins_near_the_noise_of_the_portrait(way: Way, share: float):
    ask = reroll([ROW], way)
    assert ask.options.around == ((3, 0.3), (7, share)) and ask.prompt == PROMPT
    assert ask.seeds != (7,) and ask.options.choose and ask.options.batch is None


def test_again_keeps_the_words_and_another_pose_asks_for_new_ones():
    again, pose = reroll([ROW], "again"), reroll([ROW], "pose")
    assert again.prompt == PROMPT and pose.prompt is None and pose.wish == again.wish == ROW.wish
    assert 7 not in (*again.seeds, *pose.seeds) and again.options.around == ()


def test_the_details_that_end_a_prompt_belong_to_its_style():
    oil, webtoon = Wish(style="oil"), Wish(style="webtoon")
    there = restyled(PROMPT, oil, webtoon)
    assert there.text.endswith(f"in a forest of oaks, {STYLES['webtoon'].details}")
    assert restyled(there, webtoon, oil) == PROMPT


@pytest.mark.parametrize("left", ["plastic bricks with studs", "plastic bricks, photography", ""])
def test_they_go_with_it_too_where_the_window_or_a_refusal_left_only_a_part(left: str):
    cut = replace(PROMPT, text=", ".join(filter(None, [f"{STYLES['lego'].medium} of <s0> <s1> dog, in a park", left])))
    there = restyled(cut, Wish(style="lego"), Wish(style="oil"))
    assert there.text == ", ".join(filter(None, [f"{OIL.medium} of <s0> <s1> dog, in a park", OIL.details]))
