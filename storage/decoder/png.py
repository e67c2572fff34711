"""PNG: only the chunks that its picture is made of are given to Pillow; those about colours are read here.

Knows: the chunks of the PNG specification (third edition). Does not know: what the colours' numbers mean.
So no text or other extra of any size makes a photo unreadable, and none of it is ever unpacked.
"""

import struct
import zlib
from typing import NamedTuple

from storage.decoder.reasons import BadPhoto

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
EXTRAS = {b"cICP": 4, b"iCCP": 3, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"eXIf": 1}  # the fewest bytes each has
MOST_PROFILE = 4 << 20  # bytes; a printer's has one or two megabytes


class Png(NamedTuple):
    """A PNG taken apart."""

    picture: bytes
    extras: dict[bytes, bytes]
    depth: int  # bits a channel
    grey: bool

    @property
    def profile(self) -> bytes | None:
        """The ICC profile."""
        name, _, packed = self.extras.get(b"iCCP", b"").partition(b"\0")
        try:
            return zlib.decompressobj().decompress(packed[1:], MOST_PROFILE) if name else None
        except zlib.error:
            return None

    def eight_bits(self, transparent: int | tuple[int, ...] | bytes) -> int | tuple[int, ...] | bytes:
        """The transparent colour as Pillow's pixels have it: it scales those to 8 bits, but not this colour."""
        if isinstance(transparent, tuple):
            return tuple(value >> 8 for value in transparent) if self.depth == 16 else transparent
        if isinstance(transparent, bytes) or not self.grey or self.depth in (1, 8):
            return transparent
        return transparent >> 8 if self.depth == 16 else transparent * 255 // ((1 << self.depth) - 1)


def taken_apart(data: bytes) -> Png:
    """Raises BadPhoto("truncated")."""
    picture, extras, at = [SIGNATURE], dict[bytes, bytes](), len(SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        chunk = data[at : at + 12 + length]
        good = len(chunk) == 12 + length and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        if name in PICTURE:
            if not good and len(chunk) == 12 + length:
                raise BadPhoto("truncated")
            picture.append(chunk)
        elif good and length >= EXTRAS.get(name, 1 << 32):
            extras.setdefault(name, chunk[8:-4])
        at += len(chunk)
        if name == b"IEND":
            break
    header = picture[1] if len(picture) > 1 else b""
    if header[4:8] != b"IHDR" or len(header) < 25:
        raise BadPhoto("truncated")
    return Png(b"".join(picture), extras, depth=header[16], grey=header[17] == 0)
