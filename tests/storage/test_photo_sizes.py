"""How many pixels a photo may have, and how many are kept. The limits are what decoding costs, and are told truly."""

import struct
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cogs.shared.text import TEXTS
from storage.decoder import jpeg
from storage.decoder.formats import MOST_PIXELS
from storage.decoder.pixels import LONGEST_EDGE, SHORTEST_EDGE, target
from storage.decoder.verdict import answer
from storage.intake import DECODER
from tests.bench.photos_parts import saved, scene
from tests.helpers import hostile

PHOTOS = Path(__file__).with_name("photos")
edges = st.integers(1, 65_535)


def verdict(data: bytes, least_px: int = 64) -> bytes:
    return answer(data, least_px).partition(b"\n")[0]


@given(edges, edges)
def test_a_photo_keeps_its_shape_within_the_pixels_of_a_square(width: int, height: int):
    kept = target(width, height)
    assert kept[0] <= width and kept[1] <= height
    assert kept[0] * kept[1] <= LONGEST_EDGE**2 * 1.01 + 65_535
    if max(width, height) * SHORTEST_EDGE <= min(width, height) * LONGEST_EDGE:
        assert max(kept) == min(LONGEST_EDGE, max(width, height))
    if min(kept) > 20:
        assert kept[0] / kept[1] == pytest.approx(width / height, rel=0.03)


def test_small_is_what_the_photo_itself_is():
    long = Image.new("RGB", (8000, 64))
    assert verdict(saved(long, "JPEG")) == b'{"width": 8000, "height": 64, "suffix": ".jpg"}'
    assert verdict(saved(long, "JPEG"), least_px=65) == b'{"refused": "too_small"}'
    for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
        assert verdict(saved(Image.new("RGB", (300, 63)), kind)) == b'{"refused": "too_small"}'
    assert verdict(hostile.heic(), least_px=65) == b'{"refused": "too_small"}'


def test_a_panorama_keeps_its_height():
    assert (
        verdict(saved(Image.new("RGB", (12000, 350)), "JPEG")) == b'{"width": 11992, "height": 350, "suffix": ".jpg"}'
    )
    assert verdict(saved(Image.new("RGB", (900, 9000)), "PNG")) == b'{"width": 512, "height": 5120, "suffix": ".png"}'


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The photo says in its header that it is larger."""
    if data.startswith(b"\xff\xd8"):
        at = data.index(b"\xff\xc2" if b"\xff\xc2" in data else b"\xff\xc0") + 5
        return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]
    if data.startswith(b"RIFF"):
        at = data.index(b"\x9d\x01\x2a") + 3
        return data[:at] + struct.pack("<HH", width, height) + data[at + 4 :]
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


PICTURE = scene(Random(1), (96, 64))
LIMITS = {
    "JPEG": (saved(PICTURE, "JPEG"), jpeg.MOST_PIXELS),
    "progressive JPEG": (saved(PICTURE, "JPEG", progressive=True), jpeg.MOST_PIXELS_PROGRESSIVE),
    "WebP": (saved(PICTURE, "WEBP"), MOST_PIXELS["WEBP"]),
    "AVIF": (saved(PICTURE, "AVIF"), MOST_PIXELS["AVIF"]),
    "HEIC": (hostile.heic(), MOST_PIXELS["HEIF"]),
}


@pytest.mark.parametrize(("data", "most"), LIMITS.values(), ids=LIMITS)
def test_too_many_pixels_are_seen_in_the_header(data: bytes, most: int):
    width = 10_000 if most < 160_000_000 else 40_000
    for height in (most // width + 1, min(2 * most // width + 1, 16_000)):
        assert verdict(with_size(data, width, height)) == b'{"refused": "too_many_pixels"}'
    assert verdict(with_size(data, width, most // width)) != b'{"refused": "too_many_pixels"}'


@pytest.mark.parametrize("language", TEXTS)
def test_the_sentence_names_the_limits(language: str):
    sentence = TEXTS[language]["photo"]["too_many_pixels"]
    limits = {jpeg.MOST_PIXELS, jpeg.MOST_PIXELS_PROGRESSIVE, *MOST_PIXELS.values()}
    said = {"en": ["250", "60", "50"], "ko": ["2억 5천만", "6천만", "5천만"]}[language]
    assert limits == {250_000_000, 60_000_000, 50_000_000}
    assert all(number in sentence for number in said)


def process(data: bytes) -> bytes:
    """The decoder with its limits."""
    command = [sys.executable, "-I", str(DECODER), "64"]
    return subprocess.run(command, input=data, capture_output=True, env={}, check=False).stdout.partition(b"\n")[0]


BIG = {
    "JPEG, 50.1 MP": lambda: saved(Image.new("RGB", (8160, 6144)), "JPEG"),
    **{path.stem: path.read_bytes for path in sorted(PHOTOS.glob("50mp*"))},
}


@pytest.mark.parametrize("make", BIG.values(), ids=BIG)
def test_the_most_pixels_fit_into_the_decoder(make):
    assert process(make()).startswith(b'{"width": 2048, "height": 15')
