"""The verdict on a photo: the clean one, or the reason why it is not taken.

Knows: the order of the steps. Does not know: formats, or who asks.
What decides is read from the header, before pixels cost anything; what is done to pixels is done when they are few.
"""

import io
import json
import warnings

from PIL import Image, ImageChops

from storage.decoder.colours import refuse_hdr, to_srgb
from storage.decoder.formats import format_of
from storage.decoder.opened import Opened, opened
from storage.decoder.pixels import OPAQUE, on_white, shrunk, target
from storage.decoder.reasons import BadPhoto, Reason

ORIENTATION, UPRIGHT = 0x0112, 1
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def answer(data: bytes, least_px: int) -> bytes:
    """A line of JSON, and behind it the clean photo's bytes if it is taken. Raises MemoryError."""
    try:
        return _packed(*clean(data, least_px))
    except BadPhoto as error:
        reason: Reason = error.reason
    except Image.DecompressionBombError:
        reason = "too_many_pixels"
    except MemoryError:
        raise  # this process ends, and intake.py says "decoder_died"
    except Exception:  # the decoders raise all kinds of errors at broken data
        reason = "truncated"
    return json.dumps({"refused": reason}).encode() + b"\n"


def clean(data: bytes, least_px: int) -> tuple[Image.Image, bool]:
    """The photo upright, in sRGB, without metadata, no larger than `target` says; and whether it came without loss."""
    source = opened(data, format_of(data))
    if min(source.photo.size) < least_px:
        raise BadPhoto("too_small")
    if source.profile:
        refuse_hdr(source.profile)
    few = _decoded(source)
    alpha = few.getchannel("A") if few.mode in OPAQUE else None
    colours = to_srgb(few.convert(OPAQUE.get(few.mode, few.mode)), source.profile)
    return _upright(on_white(colours, alpha), source.exif), source.lossless


def _decoded(source: Opened) -> Image.Image:
    """All of it, shrunk. Raises BadPhoto("truncated"), and whatever the decoders raise."""
    size = target(*source.photo.size)
    for photo in filter(None, (source.photo, source.twin)):
        photo.draft(None, size)  # a big JPEG is decoded at half its size or less
        photo.load()  # all of it: verify() and open() let half a photo pass
    if source.twin and ImageChops.difference(source.photo, source.twin).getbbox():
        raise BadPhoto("truncated")
    return shrunk(source.photo, size)


def _upright(photo: Image.Image, exif: bytes | None) -> Image.Image:
    own = Image.Exif()
    try:
        own.load(exif or b"")
        turn = TURNS.get(own.get(ORIENTATION, UPRIGHT))
    except Exception:  # EXIF is broken in many ways; browsers do not mind
        return photo
    return photo.transpose(turn) if turn is not None else photo


def _packed(photo: Image.Image, lossless: bool) -> bytes:
    out = io.BytesIO()
    if lossless:
        photo.save(out, "PNG", compress_level=3)
    else:
        photo.save(out, "JPEG", quality=95, subsampling=0)
    head = {"width": photo.width, "height": photo.height, "suffix": ".png" if lossless else ".jpg"}
    return json.dumps(head).encode() + b"\n" + out.getvalue()


warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # opened.py sets where it refuses
