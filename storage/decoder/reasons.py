"""Why a photo is not taken: one word for each reason.

Knows: the words. Does not know: who finds the reason, or what a person reads (the texts' [photo] section).
"""

from typing import Literal

Reason = Literal[
    "too_big",  # more than intake.MOST_BYTES
    "empty",
    "not_an_image",
    "wrong_type",  # an image or a film, but none of JPEG, PNG, WebP, AVIF, HEIC as browsers show them
    "hdr",  # its colours need a brighter screen than a standard photo's
    "truncated",  # a part of it is missing or broken
    "too_many_pixels",  # more than formats.MOST_PIXELS
    "too_small",  # the shortest edge
    "decoder_died",  # it took too much memory or time
]


class BadPhoto(Exception):
    """The photo is not taken."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
