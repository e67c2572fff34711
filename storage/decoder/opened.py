"""A photo whose header was read, and none of whose pixels are decoded yet.

Knows: how each format is opened, and what the next steps ask of all of them. Does not know: what they do with it.
Pillow tells the format by the first bytes that it knows. formats.py has decided already, so Pillow may try just one.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image, WebPImagePlugin

from storage.decoder import colours, jpeg, png
from storage.decoder.formats import MOST_PIXELS, Format
from storage.decoder.reasons import BadPhoto

assert WebPImagePlugin.SUPPORTED  # imported here, or Pillow would import all of its plugins to find it


class Opened(NamedTuple):
    """`profile`: ICC, or None for sRGB. `exif`: only its orientation is ever used."""

    photo: Image.Image
    profile: bytes | None = None
    exif: bytes | None = None
    lossless: bool = False
    twin: Image.Image | None = None  # must decode to the same pixels, or a part of the photo is missing


def opened(data: bytes, kind: Format) -> Opened:
    """Raises BadPhoto, DecompressionBombError, and whatever the decoders raise at broken data."""
    return OPENERS[kind](data)


def _open(data: bytes, kind: Format, most_pixels: int) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = most_pixels // 2  # Pillow warns from there on, and refuses twice as many before it decodes
    return Image.open(io.BytesIO(data), formats=[kind])


def _jpeg(data: bytes) -> Opened:
    parts = jpeg.taken_apart(data)
    photo, twin = (_open(parts.with_more(more), "JPEG", parts.most_pixels) for more in (jpeg.SOME, jpeg.OTHERS))
    return Opened(photo=photo, profile=photo.info.get("icc_profile"), exif=photo.info.get("exif"), twin=twin)


def _png(data: bytes) -> Opened:
    parts = png.taken_apart(data)
    photo = _open(parts.picture, "PNG", MOST_PIXELS["PNG"])
    if "transparency" in photo.info:
        photo.info["transparency"] = parts.eight_bits(photo.info["transparency"])
    return Opened(photo=photo, profile=colours.of_png(parts), exif=parts.extras.get(b"eXIf"), lossless=True)


def _webp(data: bytes) -> Opened:
    photo = _open(data, "WEBP", MOST_PIXELS["WEBP"])
    return Opened(photo=photo, profile=photo.info.get("icc_profile"), exif=photo.info.get("exif"))


def _boxes(data: bytes, kind: Format, brand: bytes) -> Opened:
    from storage.decoder import heif  # takes a while to load

    data = heif.specified(data)
    boxes = heif.read(data, kind)
    if boxes.size[0] * boxes.size[1] > MOST_PIXELS[kind]:
        raise BadPhoto("too_many_pixels")
    photo = _open(data[:8] + brand + data[12:], kind, MOST_PIXELS[kind])  # Pillow looks at the major brand alone
    profile = boxes.profile or (colours.of_boxes(*boxes.numbers) if boxes.numbers else None)
    return Opened(photo=photo, profile=profile, exif=photo.info.get("exif"))


OPENERS: dict[Format, Callable[[bytes], Opened]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "AVIF": lambda data: _boxes(data, "AVIF", b"avif"),
    "HEIF": lambda data: _boxes(data, "HEIF", b"heic"),
}
