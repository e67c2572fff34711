"""HEIC and AVIF: what their boxes say before anything is decoded.

Knows: libheif, which reads the boxes of both. Does not know: who decodes the pixels (libheif or Pillow's libavif).
"""

import io
import re
from typing import Any, NamedTuple

from pi_heif import open_heif, register_heif_opener  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
from PIL import AvifImagePlugin

from storage.decoder.formats import Format
from storage.decoder.reasons import BadPhoto

ITEM = re.compile(rb"infe[\x02\x03]...(?:.{4}|.{6})([a-z0-9]{3}[a-z0-9 ])", re.DOTALL)  # an entry, its type
NUMBERS = re.compile(rb"(colrnclx)(..)(..)", re.DOTALL)
KNOWN_PRIMARIES, KNOWN_TRANSFERS = {1, 2, 22, *range(4, 13)}, {1, 2, *range(4, 19)}
CODED: dict[Format, bytes] = {"HEIF": b"hvc1", "AVIF": b"av01"}


class Boxes(NamedTuple):
    """`numbers`: primaries and transfer function, by ITU-T H.273."""

    size: tuple[int, int]
    profile: bytes | None
    numbers: tuple[int, int] | None


def specified(data: bytes) -> bytes:
    """Numbers that H.273 does not know (yet) become "unspecified": libheif would not read the file at all."""
    return NUMBERS.sub(
        lambda found: found[1] + _known(found[2], KNOWN_PRIMARIES) + _known(found[3], KNOWN_TRANSFERS), data
    )


def _known(number: bytes, known: set[int]) -> bytes:
    return number if int.from_bytes(number) in known else b"\0\2"


def read(data: bytes, kind: Format) -> Boxes:
    """Raises BadPhoto. Also makes Pillow able to open HEIF."""
    register_heif_opener(decode_threads=1, thumbnails=False)  # each thread would reserve memory, used or not
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    items = set(ITEM.findall(data))
    if items and CODED[kind] not in items:
        raise BadPhoto("wrong_type")
    try:
        file = open_heif(io.BytesIO(data))
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError):
        raise BadPhoto("truncated") from None
    info: dict[str, Any] = file.info  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    nclx = info.get("nclx_profile")
    numbers = (nclx["color_primaries"], nclx["transfer_characteristics"]) if nclx else None
    return Boxes(file.size, info.get("icc_profile"), numbers)
