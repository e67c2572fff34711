"""What a file is: pictures of other types are told from what is no picture, and from photos that are broken."""

import io

import pytest
from PIL import Image

from storage.decoder.verdict import answer
from tests.bench.photos_parts import saved
from tests.helpers import hostile

BOXED = [("ftyp", brand) for brand in ("isom", "qt  ", "crx ", "3gp4", "M4V ")] + [("moov", "    "), ("mdat", "    ")]
PICTURES = {
    **{kind: saved(hostile.scene(), kind) for kind in ("GIF", "BMP", "TIFF", "ICO", "PPM", "DDS", "PDF", "SGI")},
    "JPEG 2000": saved(hostile.scene(), "JPEG2000"),
    **{f"{kind} {brand}": bytes(3) + b"\x18" + (kind + brand).encode() + bytes(300) for kind, brand in BOXED},
    "JPEG XL": b"\xff\x0a\xfa\x1f" + bytes(300),
    "JPEG XL in boxes": b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl " + bytes(300),
    "JPEG 2000, bare": saved(hostile.scene(), "JPEG2000", no_jp2=True),
    "Photoshop": b"8BPS\0\1" + bytes(300),
    "DNG": b"II*\0\x08\0\0\0" + bytes(300),
    "Panasonic raw": b"IIU\0\x18\0\0\0" + bytes(300),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><rect/></svg>',
    "SVG with a preface": b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- dog -->\n<!DOCTYPE svg PUBLIC '-'>\n<svg>",
    "Matroska": b"\x1aE\xdf\xa3" + bytes(300),
    "AVI": b"RIFF\0\1\0\0AVI LIST" + bytes(300),
}  # fmt: skip
NO_PICTURES = {
    "text": hostile.text(),
    "text like a BMP": b"BMW is a maker of cars, and its name starts like a picture.\n" * 9,
    "HTML": b"<!doctype html><html><body><svg></svg></body></html>",
    "XML": b"<?xml version='1.0'?><rss></rss>",
    "zip": b"PK\3\4" + bytes(300),
    "WAV": b"RIFF\0\1\0\0WAVEfmt " + bytes(300),
    "zeros": bytes(1000),
    "a byte": b"\xff",
}


def verdict(data: bytes) -> bytes:
    return answer(data, least_px=8)


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES)
def test_another_picture_is_named_so(data: bytes):
    assert verdict(data) == b'{"refused": "wrong_type"}\n'


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_is_not_called_one(data: bytes):
    assert verdict(data) == b'{"refused": "not_an_image"}\n'


def test_many_comments_take_no_time():
    assert verdict(b"<!---->" * 580) == b'{"refused": "not_an_image"}\n'
    assert verdict(b"<!---->" * 500 + b"<svg>") == b'{"refused": "wrong_type"}\n'


@pytest.mark.parametrize("item", [b"unci", b"j2k1", b"avc1", b"vvc1", b"jpeg"])
def test_a_heif_of_another_coding_is_not_called_damaged(item: bytes):
    data = hostile.heic().replace(b"hvc1\0\0\0\0\x15infe", item + b"\0\0\0\0\x15infe")
    assert data != hostile.heic()
    assert verdict(data) == b'{"refused": "wrong_type"}\n'


@pytest.mark.parametrize("frame", [0xC3, 0xC9, 0xCA, 0xF7])
def test_jpegs_that_no_browser_shows_are_another_type(frame: int):
    """Without loss, with arithmetic codes, JPEG-LS."""
    data = hostile.encode(hostile.scene(), "JPEG").replace(b"\xff\xc0", bytes([0xFF, frame]))
    assert verdict(data) == b'{"refused": "wrong_type"}\n'


def test_twelve_bits_are_another_type():
    data = hostile.encode(hostile.scene(), "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    assert verdict(data) == b'{"refused": "wrong_type"}\n'


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"miaf", b"isom"])
def test_a_box_file_is_what_any_of_its_brands_says(brand: bytes):
    data = hostile.avif()
    assert data[8:12] == b"avif" and b"avif" in data[16:32]
    assert verdict(data[:8] + brand + data[12:]) == verdict(data)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"MiHB"])
def test_a_heic_too(brand: bytes):
    data = hostile.heic()
    assert verdict(data[:8] + brand + data[12:]) == verdict(data)
    assert verdict(data).startswith(b'{"width": 96')


def test_an_animation_is_its_first_picture():
    frames = [Image.new("RGB", (80, 80), colour) for colour in ("red", "blue")]
    for kind in ("PNG", "WEBP", "AVIF"):
        data = hostile.encode(frames[0], kind, save_all=True, append_images=frames[1:])
        head, _, picture = verdict(data).partition(b"\n")
        assert head.startswith(b'{"width": 80'), kind
        with Image.open(io.BytesIO(picture)) as image:
            red, green, blue = image.getpixel((40, 40))
        assert red > 240 and max(green, blue) < 12
