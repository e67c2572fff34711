"""A few of the made photos (tests/bench/photos_made.py): the right verdict on each, and the right pixels."""

import io
import json
from collections import Counter

import pytest
from PIL import Image

from storage.decoder.verdict import answer
from tests.bench.photos import MOST_DIFFERENCE, difference
from tests.bench.photos_browser import Browser
from tests.bench.photos_made import LEAST_PX, photos

COUNT, SEED = 120, 7  # not the bench's own 500
MOST_OFF = 6.0  # of 255 on average: what JPEG does to hard edges that are a few pixels wide


def test_made_photos_are_judged_and_shown_right():
    seen = Counter[str]()
    for made in photos(COUNT, SEED):
        head, _, picture = answer(made.data, LEAST_PX).partition(b"\n")
        verdict = json.loads(head).get("refused", "taken")
        assert verdict == made.verdict, made.name
        seen[verdict] += 1
        if made.shown:
            with Image.open(io.BytesIO(picture)) as kept:
                assert kept.size == made.shown.size, made.name
                assert difference(kept, made.shown) < MOST_OFF, made.name
    assert {"taken", "truncated", "wrong_type", "not_an_image", "too_small", "hdr"} == set(seen)


@pytest.mark.skipif(Browser.find() is None, reason="no Chromium is installed here")
async def test_a_browser_shows_the_same():
    browser, made = Browser.find(), [one for one in photos(60, SEED) if one.shown and one.as_in_browser]
    assert browser
    seen = await browser.show([one.data for one in made])
    assert sum(picture is not None for picture in seen) > len(made) * 0.7  # not HEIC
    for one, picture in zip(made, seen, strict=True):
        if picture:
            with Image.open(io.BytesIO(answer(one.data, LEAST_PX).partition(b"\n")[2])) as kept:
                assert difference(kept, picture) <= MOST_DIFFERENCE, one.name


@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_the_same_each_time(seed: int):
    assert [made.data for made in photos(12, seed)] == [made.data for made in photos(12, seed)]
