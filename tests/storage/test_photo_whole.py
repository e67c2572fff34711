"""Is all of the photo there? Told to the byte, in every format: what a photo can do without is not asked for."""

import re
from itertools import pairwise
from random import Random

import pytest

from storage.decoder.verdict import answer
from tests.bench.photos_parts import COLOURS, MODES, avif, png_file, saved, scene, webp
from tests.helpers import hostile

PICTURE = scene(Random(1), (100, 80))
JPEGS = {
    "baseline": saved(PICTURE, "JPEG"),
    "all colours": saved(PICTURE, "JPEG", subsampling=0, quality=98),
    "progressive": saved(PICTURE, "JPEG", progressive=True),
    "restarts": saved(PICTURE, "JPEG", restart_marker_blocks=2),
    "restarts by rows, progressive": saved(PICTURE, "JPEG", restart_marker_rows=1, progressive=True),
    "grey": saved(PICTURE.convert("L"), "JPEG"),
    "CMYK": saved(PICTURE.convert("CMYK"), "JPEG"),
}
every_jpeg = pytest.mark.parametrize("data", JPEGS.values(), ids=JPEGS)
TRUNCATED = b'{"refused": "truncated"}\n'


def verdict(data: bytes) -> bytes:
    return answer(data, least_px=8)


@every_jpeg
def test_a_jpeg_may_lack_its_end_marker_and_nothing_else(data: bytes):
    whole = verdict(data)
    assert whole != TRUNCATED
    assert verdict(data[:-1]) == verdict(data[:-2]) == whole
    assert verdict(data[:-3]) == TRUNCATED


@every_jpeg
def test_a_jpeg_that_is_cut_is_never_taken(data: bytes):
    for length in range(data.index(b"\xff\xda"), len(data) - 2, 23):
        assert verdict(data[:length]) == TRUNCATED


@pytest.mark.parametrize("name", ["baseline", "all colours", "restarts", "grey", "CMYK"])
def test_an_end_marker_is_not_believed(name: str):
    """Some programs put one behind what they have, and libjpeg makes the rest grey."""
    data = JPEGS[name]
    for length in range(data.index(b"\xff\xda"), len(data) - 2, 23):
        assert verdict(data[:length].rstrip(b"\xff") + b"\xff\xd9") == TRUNCATED


def test_the_last_bytes_are_missed_too():
    """The fuzzer found some that were not: libjpeg made the same of nothing as of the twin's bytes."""
    for number in range(25):
        rng = Random(number)
        picture, subsampling = scene(rng, (16 * rng.randrange(2, 5), 32)), rng.choice((0, 2))
        data = saved(picture, "JPEG", quality=rng.choice((40, 90)), subsampling=subsampling, optimize=number % 2)
        for length in range(len(data) - 24, len(data) - 2, 2):
            assert verdict(data[:length]) == TRUNCATED or length == len(data) - 4  # whose last bits may say nothing


def test_scans_that_are_still_to_come_are_missed():
    data = JPEGS["progressive"]
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 5
    for _, following in pairwise(starts):
        tables = data.rindex(b"\xff\xc4", 0, following)  # the next scan's Huffman codes come first
        assert verdict(data[:tables]) == TRUNCATED


@pytest.mark.parametrize("missing", [range(3, 4), range(3, 8), range(5, 13)])
def test_rows_in_the_middle_are_missed(missing: range):
    """Between two restart markers nothing but their count tells, and it starts again after eight."""
    data = JPEGS["restarts"]
    marks = [at for at in range(len(data)) if data[at] == 0xFF and data[at + 1] & 0xF8 == 0xD0]
    assert verdict(data[: marks[missing.start]] + data[marks[missing.stop] :]) == TRUNCATED


@every_jpeg
def test_what_stands_around_the_picture_is_not_asked_for(data: bytes):
    whole = verdict(data)
    assert verdict(data + b"a film that some phones put here" * 9) == whole
    assert verdict(data[:-2] + bytes(100)) == whole
    assert verdict(data[:-2] + b"\xff\xff\xff\xd9") == whole
    assert verdict(data[:2] + b"\xff\xed\0\x06what" + data[2:]) == whole
    assert verdict(data[:2] + re.sub(rb"\xff(?=[\xc0-\xfe])", b"\xff\xff", data[2:])) == whole  # each marker


@pytest.mark.parametrize("make", [hostile.mpo, hostile.rotated, hostile.profiled])
def test_cameras_jpegs_are_whole_too(make):
    assert verdict(make()).startswith(b'{"width": 96, "height": 64')


PLAIN = COLOURS["plain"]
PNGS = {mode: png_file(Random(1), MODES[mode](PICTURE).stored, PLAIN, 1) for mode in ("P", "LA", "1", "I;16")}


@pytest.mark.parametrize("data", PNGS.values(), ids=PNGS)
def test_a_png_may_lack_its_end(data: bytes):
    whole = verdict(data)
    assert whole != TRUNCATED
    for length in range(len(data) - 16, len(data)):  # the last chunk, and the checksum of the one before
        assert verdict(data[:length]) == whole
    for length in range(33, len(data) - 21, 41):
        assert verdict(data[:length]) == TRUNCATED


def test_every_bit_of_a_png_s_pixels_is_checked():
    data = PNGS["P"]
    for at in range(data.index(b"IDAT"), data.index(b"IEND") - 4, 37):
        assert verdict(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]) == TRUNCATED


OTHERS = {
    "WebP": webp(Random(1), PICTURE, COLOURS["plain"], 1),
    "WebP without loss": saved(PICTURE, "WEBP", lossless=True),
    "AVIF": avif(Random(1), PICTURE, COLOURS["plain"], 1),
    "HEIC": hostile.heic(),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_the_other_formats_count_their_bytes(data: bytes):
    whole = verdict(data)
    assert whole.startswith(b'{"width"')
    for length in range(16, len(data), len(data) // 40):
        assert verdict(data[:length]) in (TRUNCATED, whole)
    assert verdict(data[: len(data) // 2]) == TRUNCATED
    assert verdict(data[: len(data) // 2] + data[len(data) // 2 + 20 :]) == TRUNCATED
