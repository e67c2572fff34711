"""What is counted in pictures that a painter made: captions kept, dogs brought back, and what leaks from the photos."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from gpu.outcomes import LOOKED
from gpu.pocket.world.styling import MEDIA
from gpu.studio.studio import build
from tests.bench.pocket import enrolment, leak
from tests.bench.pocket.painter import kept, said, unseen
from tests.bench.pocket.reader import Network, Reader
from tests.bench.pocket.readings import right, some
from tests.bench.pocket.truth import Verdict

# ------------------------------------------------------------------------------------------------------------- painter


def test_a_caption_is_held_to_what_it_says() -> None:
    asked = [unseen(number) for number in range(60)]
    for one in asked:
        assert all(word in one.drawing.caption for name, word in one.says.items() if name != "style")
        assert MEDIA[one.says["style"]] in one.drawing.caption
    for name in ("family", "scene", "ears"):
        assert 0 < sum(name in one.says for one in asked) < len(asked), "some captions say it, some do not"


def test_what_is_not_said_is_not_counted() -> None:
    (dog, shot), (other, _) = some(2, "oil")
    other = replace(other, family="grey" if dog.family != "grey" else "red", ears=dog.ears)
    asked = replace(unseen(0), says=said(f"an oil painting of a {dog.family} dog", dog, shot))
    assert asked.says == {"style": "oil", "family": dog.family}
    found = kept([asked, asked], [right(dog, shot), right(other, shot)])
    assert (found["style"], found["family"]) == (1, 0.5)
    assert np.isnan(found["scene"]) and np.isnan(found["ears"])


# ----------------------------------------------------------------------------------------------------------- enrolment


def test_colours_count_where_a_style_shows_them_and_a_refused_dog_counts_as_wrong() -> None:
    good, bad = Verdict(coat=True, patch=True, second=True), Verdict(coat=False, patch=False, second=False)
    shown = [enrolment.Shown("photo", good, 3.0), enrolment.Shown("neon", replace(bad, patch=True), 40.0)]
    assert enrolment.summary(shown) == {"pictures": 2, "coat": 1, "patch": 1, "second": 1, "coat_de": 3.0}
    (dog, _), asked = some(1)[0], enrolment.wishes(0, 2)
    refused = enrolment.look(Reader(Network()), dog, asked, [])
    assert [one.style for one in refused] == [wish.style for wish in asked]
    figures = enrolment.figures([*shown, *refused], prompts=2)
    assert (figures["pictures"], figures["patch"]) == (2, 0.5)
    by_dog, by_style = figures["by_dog"], figures["by_style"]
    assert isinstance(by_dog, list) and isinstance(by_style, dict)
    assert [dog["patch"] for dog in by_dog] == [1, 0] and by_style["neon"]["patch"] == 1


# ---------------------------------------------------------------------------------------------------------------- leak


def test_a_leak_is_a_hand_or_a_room_and_none_counts_as_one() -> None:
    dog, shot = some(1, "photo")[0]
    clean = replace(right(dog, shot), scene=leak.ELSEWHERE, hand=0.2)
    hand, room = replace(clean, hand=0.9), replace(clean, scene=leak.ROOM)
    figures = leak.figures({"mask": [clean] * 4, "all_ones": [clean, hand, room, replace(hand, scene=leak.ROOM)]})
    assert figures["mask"] == {"hand": 0, "room": 0, "either": 0}
    assert figures["all_ones"] == {"hand": 0.5, "room": 0.5, "either": 0.75}
    assert figures["times"] == 3
    assert leak.figures({"mask": [hand, room], "all_ones": [hand, room]})["times"] == 1


def test_a_process_has_one_studio_for_each_way_of_learning() -> None:
    one, plain = enrolment.studio_of(enrolment.LEARNING), enrolment.studio_of(enrolment.PLAIN_LORA)
    assert enrolment.studio_of(enrolment.LEARNING) is one and one is not plain
    assert plain.profile.learning == enrolment.PLAIN_LORA


async def test_a_mask_of_ones_is_all_that_changes(tmp_path: Path) -> None:
    _, photos = enrolment.unseen(0)
    studio, enrol = build(enrolment.POCKET), await enrolment.job(tmp_path, photos[:1])
    leak.cut_all(studio, enrol)
    cut = LOOKED.validate_json((enrol.folder / "cutouts" / "cut.json").read_bytes())  # where the studio goes on
    assert len(cut.cutouts) == 1
    for cutout in cut.cutouts:
        with Image.open(cutout.image) as image, Image.open(cutout.mask) as mask:
            assert image.size == mask.size and mask.getextrema() == (255, 255)
            assert cutout.share < 0.9, "the dog itself is smaller"
