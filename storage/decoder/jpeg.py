"""JPEG: how much it may cost to decode, and whether all of it is there.

Knows: the marker syntax of ITU-T T.81, annex B. Does not know: Huffman codes; libjpeg decodes them.
libjpeg fills what is missing with grey, and Pillow does not hear of it. So each photo is decoded twice, with some bytes
more after each of its entropy-coded parts, and then with others: where a part is whole they change nothing.
"""

import re
from typing import NamedTuple

from storage.decoder.reasons import BadPhoto

MOST_PIXELS = 250_000_000  # it is decoded at a half, a quarter or an eighth of its size
MOST_PIXELS_PROGRESSIVE = 60_000_000  # not so its coefficients, all of which are kept until the last scan

MARKER = re.compile(rb"\xff+([\x01-\xfe])")
END_OF_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")  # not 0, which makes FF a data byte, and not a restart
RESTART = re.compile(rb"\xff+([\xd0-\xd7])")
RESTARTS = [bytes([0xFF, number]) for number in range(0xD0, 0xD8)]

START, END, SCAN, INTERVAL, COMMENT = 0xD8, 0xD9, 0xDA, 0xDD, 0xFE
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
FRAMES = {0xC0, 0xC1, 0xC2}  # Huffman codes: baseline, extended, progressive. No browser shows the others
OTHER_FRAMES = {0xF7, *range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = 0xC2
EXTRAS = range(0xE0, 0xF0)
NEEDED_EXTRAS = {0xE0: b"JFIF\0", 0xE1: b"Exif\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}

SOME = bytes(pow(3, n, 257) for n in range(1, 65))  # as good as random, and neither 0 nor FF
OTHERS = bytes(255 - value for value in SOME)  # what one makes lighter, the other makes darker


class Segment(NamedTuple):
    """A marker and what belongs to it; after the header of a scan stand its entropy-coded bytes."""

    marker: int
    body: bytes
    coded: bytes = b""

    @property
    def is_needed(self) -> bool:
        """For the picture, its colours or its orientation."""
        if self.marker in EXTRAS:
            return self.marker in NEEDED_EXTRAS and self.body.startswith(NEEDED_EXTRAS[self.marker])
        return self.marker != COMMENT

    @property
    def restarts(self) -> list[int]:
        """The numbers of its restart markers."""
        if not any(restart in self.coded for restart in RESTARTS):  # twenty times faster than the expression
            return []
        return [number[0] & 7 for number in RESTART.findall(self.coded)]

    def written(self) -> bytes:
        return bytes([0xFF, self.marker]) + (len(self.body) + 2).to_bytes(2) + self.body + self.coded

    def with_more(self, more: bytes) -> "Segment":
        """The same, with bytes that nothing should come to read after each part of a scan and as one more."""
        if self.marker != SCAN:
            return self
        count = len(self.restarts)
        coded = RESTART.sub(lambda restart: more + restart[0], self.coded) if count else self.coded
        return self._replace(coded=coded + more + RESTARTS[count % 8] + more)


class Jpeg(NamedTuple):
    """A JPEG taken apart, up to its end marker."""

    segments: list[Segment]
    frame: Segment
    scans: list[Segment]

    @property
    def most_pixels(self) -> int:
        return MOST_PIXELS_PROGRESSIVE if self.frame.marker == PROGRESSIVE else MOST_PIXELS

    def with_more(self, more: bytes) -> bytes:
        """The file, with an end marker, which some programs leave off and browsers do not miss."""
        segments = (one.with_more(more).written() for one in self.segments)
        return b"".join([bytes([0xFF, START]), *segments, bytes([0xFF, END])])

    def lacks_restarts(self) -> bool:
        """Is one left out, or where none should be? They count from 0 to 7 and over again."""
        expected = any(one.marker == INTERVAL and any(one.body) for one in self.segments)
        return any(not expected or number != n % 8 for scan in self.scans for n, number in enumerate(scan.restarts))

    def lacks_scans(self) -> bool:
        """Is a coefficient of a component nowhere, or nowhere to its last bit?"""
        last_bit = dict[tuple[int, int], int]()  # (component, coefficient) -> what the last scan of it left for others
        for scan in self.scans:
            first, last, bits = scan.body[-3:]
            last_bit |= {(component, k): bits & 15 for component in scan.body[1:-3:2] for k in range(first, last + 1)}
        return any(last_bit.get((component, k)) != 0 for component in self.frame.body[6::3] for k in range(64))


def taken_apart(data: bytes) -> Jpeg:
    """Raises BadPhoto."""
    segments, ended = _segments(data.rstrip(b"\xff"))  # half an end marker
    frames = [one for one in segments if one.marker in FRAMES | OTHER_FRAMES]
    scans = [one for one in segments if one.marker == SCAN]
    if frames and (frames[0].marker in OTHER_FRAMES or frames[0].body[:1] != b"\x08"):  # bits
        raise BadPhoto("wrong_type")
    if not frames or not scans:
        raise BadPhoto("truncated")
    jpeg = Jpeg([one for one in segments if one.is_needed], frames[0], scans)
    if jpeg.lacks_restarts() or (not ended and jpeg.lacks_scans()):  # with an end marker, it was meant to be coarse
        raise BadPhoto("truncated")
    return jpeg


def _segments(data: bytes) -> tuple[list[Segment], bool]:
    """Up to the end marker or the end of the data, and whether it was the marker. What follows is not the photo's."""
    found, at = list[Segment](), 0
    while marker := MARKER.search(data, at):
        code, at = marker[1][0], marker.end()
        if code == END:
            return found, True
        if code in WITHOUT_LENGTH:
            continue
        start, at = at + 2, at + int.from_bytes(data[at : at + 2])
        if at > len(data) or at < start:
            break
        body, coded_from = data[start:at], at
        if code == SCAN:
            following = END_OF_SCAN.search(data, at)
            at = following.start() if following else len(data)
        found.append(Segment(code, body, data[coded_from:at]))
    return found, False
