"""PNGs of every kind in the specification: Pillow reads most and writes few.

Knows: the PNG specification (third edition). Does not know: what the picture is for.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type: grey, RGB, palette, grey + alpha, RGB + alpha
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7


@dataclass(frozen=True, slots=True)
class Layout:
    """Bits a channel, colour type, and whether it is interlaced."""

    depth: int
    colour_type: int
    interlaced: bool = False

    @property
    def bits(self) -> int:
        return self.depth * CHANNELS[self.colour_type]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(size: tuple[int, int], layout: Layout, samples: Sequence[int], before: bytes = b"") -> bytes:
    """`samples`: one a channel, row by row. `before`: whole chunks that stand before the picture."""
    header = struct.pack(">IIBBBBB", *size, layout.depth, layout.colour_type, 0, 0, layout.interlaced)
    rows = b"".join(b"\0" + _row(one, layout) for one in _rows(size, layout, samples))
    picture = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + picture + chunk(b"IEND", b"")


def _rows(size: tuple[int, int], layout: Layout, samples: Sequence[int]) -> Iterator[Sequence[int]]:
    (width, height), each = size, CHANNELS[layout.colour_type]
    for x, y, across, down in PASSES if layout.interlaced else ((0, 0, 1, 1),):
        columns = range(x, width, across)
        for row in range(y, height, down) if columns else ():
            start = row * width
            yield [samples[(start + column) * each + n] for column in columns for n in range(each)]


def _row(samples: Sequence[int], layout: Layout) -> bytes:
    if layout.depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    if layout.depth == 8:
        return bytes(samples)
    bits = "".join(f"{sample:0{layout.depth}b}" for sample in samples)
    return int(bits.ljust(-len(bits) % 8 + len(bits), "0"), 2).to_bytes(-(-len(bits) // 8))
