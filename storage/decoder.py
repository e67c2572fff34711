"""Decodes a stranger's photo in a short-lived process with a memory limit, never in the bot.

Knows: Pillow and the formats that are taken. Does not know: files, the database, the bot. intake.py runs it as a script
for each photo, so it imports little. Whatever the bytes do, they do it to this process, which has at most 1 GB of
memory, 20 s of processor time and no right to write a file.

The photo comes on stdin. The first line on stdout is JSON: {"refused": reason}, or {"width", "height", "suffix"}, and
then the clean photo's bytes follow.
"""

import io
import json
import resource
import sys
import warnings

from pi_heif import register_heif_opener  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
from PIL import AvifImagePlugin, Image, ImageOps, UnidentifiedImageError

MOST_MEMORY = 1 << 30  # bytes; enough for 50 megapixels, measured
MOST_CPU = 20  # seconds
MOST_PIXELS = 50_000_000
LONGEST_EDGE = 2048  # pixels; no training looks closer

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")  # JPEG opens MPO too, which phones write


TAKEN = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # so a file that starts like this and cannot be opened is broken
TAKEN_LATER = (b"WEBP", b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif")  # some bytes into the file
NOT_TAKEN = (b"GIF8", b"BM", b"II*\0", b"MM\0*", b"8BPS", b"%PDF", b"%!PS", b"\0\0\1\0", b"\x1aE\xdf\xa3", b"\xff\x0a")


class BadPhoto(Exception):
    """The photo is not taken; the message is one of intake.Reason."""


def clean(data: bytes, least_px: int) -> tuple[Image.Image, bool]:
    """The photo upright, in RGB, without metadata, at most LONGEST_EDGE long; and whether it came without loss."""
    try:
        photo = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise BadPhoto(_reason_for(data)) from None
    lossless = photo.format == "PNG"
    photo.draft(None, (LONGEST_EDGE, LONGEST_EDGE))  # a big JPEG is decoded at half its size or less
    photo.load()  # all of it: verify() and open() let half a photo pass
    profile = photo.info.get("icc_profile")
    upright = _rgb(ImageOps.exif_transpose(photo), profile)
    upright.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
    if min(upright.size) < least_px:
        raise BadPhoto("too_small")
    blank = Image.new("RGB", upright.size)  # comments and profiles would survive a mere save
    blank.paste(upright)
    return blank, lossless


def _rgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    if photo.mode.startswith("I"):  # 16 bits of grey: Pillow's own conversion would clip, not scale
        photo = photo.convert("I").point(lambda value: value / 256).convert("L")
    if photo.has_transparency_data:
        layer = photo.convert("RGBA")
        photo = Image.new("RGB", layer.size, "white")
        photo.paste(layer, mask=layer.getchannel("A"))
    if profile:
        photo = _standard_colours(photo, profile)
    return photo.convert("RGB")


def _standard_colours(photo: Image.Image, profile: bytes) -> Image.Image:
    """Phones write Display P3 and printers CMYK: without its profile a photo is read as sRGB, so make it that."""
    from PIL import ImageCms  # few photos need it, and it takes a while to load

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        converted = ImageCms.profileToProfile(photo, own, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return photo  # a broken profile, or one for another kind of photo
    return converted or photo


def _reason_for(data: bytes) -> str:
    """Why these bytes do not open as a photo: one of intake.Reason."""
    if data.startswith(TAKEN) or any(sign in data[:16] for sign in TAKEN_LATER):
        return "truncated"
    return "wrong_type" if data.startswith(NOT_TAKEN) or data[4:8] == b"ftyp" else "not_an_image"


def _pack(photo: Image.Image, lossless: bool) -> bytes:
    out = io.BytesIO()
    if lossless:
        photo.save(out, "PNG", compress_level=3)
    else:
        photo.save(out, "JPEG", quality=95, subsampling=0)
    head = {"width": photo.width, "height": photo.height, "suffix": ".png" if lossless else ".jpg"}
    return json.dumps(head).encode() + b"\n" + out.getvalue()


def _limit() -> None:
    """Give up what a hostile photo could misuse."""
    for what, most in [
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_CPU),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ]:
        resource.setrlimit(what, (most, most))
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def answer(data: bytes, least_px: int) -> bytes:
    """The verdict on a photo, and the clean one if it is taken."""
    register_heif_opener(decode_threads=1)  # each thread would reserve a share of the memory, used or not
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    try:
        return _pack(*clean(data, least_px))
    except BadPhoto as error:
        reason = str(error)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        reason = "too_many_pixels"
    except MemoryError:
        raise  # this process ends, and intake.py says "decoder_died"
    except Exception:  # the decoders raise all kinds of errors at broken data
        reason = "truncated"
    return json.dumps({"refused": reason}).encode() + b"\n"


if __name__ == "__main__":
    _limit()
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read(), least_px=int(sys.argv[1])))
