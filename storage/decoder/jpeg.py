"""JPEG: how much it may cost to decode, and whether all of it is there.

Knows: the marker syntax of ITU-T T.81, annex B. Does not know: Huffman codes; libjpeg decodes them.
libjpeg fills what is missing with grey, and Pillow does not hear of it. So each photo is decoded twice, the second time
with more bytes after each of its entropy-coded segments: where a segment is whole they change nothing.
"""

import re
from typing import NamedTuple

from storage.decoder.reasons import BadPhoto

MOST_PIXELS = 250_000_000  # it is decoded at a half, a quarter or an eighth of its size
MOST_PIXELS_PROGRESSIVE = 100_000_000  # all its coefficients are kept until the last scan: 2 bytes each

MARKER = re.compile(rb"\xff+([\x01-\xfe])")
END_OF_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")  # not 0, which is a data byte, and not a restart
RESTART = re.compile(rb"\xff+[\xd0-\xd7]")

WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
END, SCAN = 0xD9, 0xDA
FRAMES = {0xC0, 0xC1, 0xC2}  # Huffman: baseline, extended, progressive. No browser shows the others
OTHER_FRAMES = {0xF7, *range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = 0xC2

ANY_BYTES = bytes.fromhex("5ac3693c96a51e7883d42bb1")
END_MARKER = b"\xff\xd9"


class Segment(NamedTuple):
    """What stands between two markers: data[start:stop], and for a scan data[stop:end], which is entropy-coded."""

    marker: int
    start: int
    stop: int
    end: int


class Jpeg(NamedTuple):
    """A JPEG taken apart. `data` ends at the end marker, or where it would have to be."""

    data: bytes
    frame: Segment
    scans: tuple[Segment, ...]

    @property
    def most_pixels(self) -> int:
        return MOST_PIXELS_PROGRESSIVE if self.frame.marker == PROGRESSIVE else MOST_PIXELS

    @property
    def whole(self) -> bytes:
        """With an end marker, which some programs leave off and browsers do not miss."""
        return self.data + END_MARKER

    @property
    def twin(self) -> bytes:
        """The same photo, with bytes that nothing should come to read after each entropy-coded segment."""
        parts, at = list[bytes](), 0
        for scan in self.scans:
            coded = self.data[scan.stop : scan.end]
            one_more = bytes([0xFF, 0xD0 + len(RESTART.findall(coded)) % 8])
            parts += [self.data[at : scan.stop], RESTART.sub(ANY_BYTES + rb"\g<0>", coded)]
            parts += [ANY_BYTES, one_more, ANY_BYTES]
            at = scan.end
        return b"".join([*parts, self.data[at:], END_MARKER])

    def lacks_restarts(self) -> bool:
        """Is one left out? They count from 0 to 7 and over again."""
        counts = (RESTART.findall(self.data[scan.stop : scan.end]) for scan in self.scans)
        return any(marker[-1] & 7 != n % 8 for count in counts for n, marker in enumerate(count))

    def lacks_scans(self) -> bool:
        """Is a coefficient of a component nowhere, or nowhere to its last bit?"""
        last_bit = dict[tuple[int, int], int]()  # (component, coefficient) -> what the last scan of it left for others
        for scan in self.scans:
            body = self.data[scan.start : scan.stop]
            first, last, bits = body[-3:]
            last_bit |= {(component, k): bits & 15 for component in body[1:-3:2] for k in range(first, last + 1)}
        components = self.data[self.frame.start + 6 : self.frame.stop : 3]
        return any(last_bit.get((component, k)) != 0 for component in components for k in range(64))


def taken_apart(data: bytes) -> Jpeg:
    """Raises BadPhoto."""
    segments, ended = _segments(data.rstrip(b"\xff"))  # half an end marker
    frames = [one for one in segments if one.marker in FRAMES | OTHER_FRAMES]
    scans = tuple(one for one in segments if one.marker == SCAN)
    if frames and (frames[0].marker in OTHER_FRAMES or data[frames[0].start] != 8):  # bits
        raise BadPhoto("wrong_type")
    if not frames or not scans:
        raise BadPhoto("truncated")
    jpeg = Jpeg(data[: segments[-1].end], frames[0], scans)
    if jpeg.lacks_restarts() or (not ended and jpeg.lacks_scans()):
        raise BadPhoto("truncated")
    return jpeg


def _segments(data: bytes) -> tuple[list[Segment], bool]:
    """Up to the end marker or the end of the data, and which of them it was. What follows is not the photo's."""
    found, at = list[Segment](), 0
    while marker := MARKER.search(data, at):
        code, at = marker[1][0], marker.end()
        if code == END:
            return found, True
        if code in WITHOUT_LENGTH:
            continue
        start, stop = at + 2, at + int.from_bytes(data[at : at + 2])
        if stop > len(data) or stop < start:
            break
        at = stop
        if code == SCAN:
            following = END_OF_SCAN.search(data, stop)
            at = following.start() if following else len(data)
        found.append(Segment(code, start, stop, at))
    return found, False
