"""Photos that a bot should be afraid of, and photos that are only odd: all made in code, small, and the same each time.

Knows: file formats. Does not know: what anybody should do with them; test_intake.py says that.
The odd ones all show one scene, WIDTH x HEIGHT upright: red on the left, blue on the right; and all of them that can
carry metadata carry MARKER as their GPS area.
"""

import base64
import io
import struct
import zlib

from PIL import Image, ImageCms

WIDTH, HEIGHT = 96, 64
RED, BLUE = (200, 30, 30), (30, 30, 200)
MARKER = "PAWTRAIT-GPS"

GPS, GPS_AREA, ORIENTATION = 0x8825, 29, 0x0112


def scene() -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (WIDTH, HEIGHT), RED)
    image.paste(BLUE, (WIDTH // 2, 0, WIDTH, HEIGHT))
    return image


def exif(orientation: int = 1) -> bytes:
    """A phone's EXIF with MARKER in it."""
    block = Image.Exif()
    block[ORIENTATION] = orientation
    block.get_ifd(GPS)[GPS_AREA] = MARKER
    return block.tobytes()


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """The image as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# ---- hostile ----------------------------------------------------------------------------------------------------


def noise(side: int = 200) -> Image.Image:
    """Something that does not compress to nothing."""
    return Image.frombytes("RGB", (side, side), bytes((i * i * 31 + i // 7) % 251 for i in range(side * side * 3)))


def truncated_jpeg() -> bytes:
    """Half a photo: its header is whole."""
    whole = encode(noise(), "JPEG")
    return whole[: len(whole) // 2]


def bomb(side: int = 9000) -> bytes:
    """An 81-megapixel PNG of about 10 kB."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)  # one bit of grey a pixel
    pixels = zlib.compress(bytes((side // 8 + 1 + (side % 8 > 0)) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def gif() -> bytes:
    """A good picture of a kind that is not taken."""
    return encode(scene(), "GIF")


def text() -> bytes:
    """What somebody named dog.jpg."""
    return b"This is not a dog, it is a sentence.\n" * 20


def eleven_megabytes() -> bytes:
    """A JPEG with a very long tail."""
    return encode(scene(), "JPEG").ljust(11 << 20, b"\0")


# ---- odd --------------------------------------------------------------------------------------------------------


def rotated() -> bytes:
    """Held upside down by the left hand: stored lying, to be turned by its orientation."""
    return encode(scene().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif(6), comment=MARKER)


def cmyk() -> bytes:
    """From a print shop."""
    return encode(scene().convert("CMYK"), "JPEG", quality=95, exif=exif())


def sixteen_bits() -> bytes:
    """From a scanner: 16 bits of grey, 51200 (200 of 255) on the left and 7680 (30) on the right."""
    image = Image.new("I;16", (WIDTH, HEIGHT), 200 * 256)
    image.paste(Image.new("I;16", (WIDTH // 2, HEIGHT), 30 * 256), (WIDTH // 2, 0))
    return encode(image, "PNG", exif=exif())


def mpo() -> bytes:
    """A phone's JPEG with a second picture behind the first."""
    return encode(scene(), "MPO", quality=95, save_all=True, append_images=[scene().resize((48, 32))], exif=exif())


def webp() -> bytes:
    """WebP with EXIF."""
    return encode(scene(), "WEBP", quality=95, exif=exif())


def avif() -> bytes:
    """AVIF, stored lying."""
    return encode(scene().transpose(Image.Transpose.ROTATE_90), "AVIF", quality=90, exif=exif(6))


def transparent() -> bytes:
    """A PNG whose right half is not there: white is expected."""
    image = scene().convert("RGBA")
    image.paste((0, 0, 0, 0), (WIDTH // 2, 0, WIDTH, HEIGHT))
    return encode(image, "PNG", exif=exif())


def profiled() -> bytes:
    """With a colour profile (sRGB's own, so the colours stay), whose bytes are metadata too."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return encode(scene(), "JPEG", quality=95, exif=exif(), icc_profile=srgb.tobytes())


def heic() -> bytes:
    """An iPhone's format, stored lying. No encoder of it is installed here, so this one was made elsewhere:

    pillow-heif 1.8.1: scene().transpose(ROTATE_90).save(out, "HEIF", quality=30, exif=exif(6))
    """
    return base64.b64decode(HEIC)


HEIC = """
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAaFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA
AERAAAIAAQAAAAABxQABAAAAAAAAACkAAgAAAAAB7gABAAAAAAAAAFwAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl
AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA4GlwcnAAAADAaXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/
/wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBhZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNj
b2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAYAAAABBwaXhpAAAAAAMICAgAAAAJaXJvdAMAAAAYaXBtYQAAAAAAAAABAAEFgQIDBIUA
AAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAAI1tZGF0AAAAJSgBrxmA93yFN//7hWBHzXdvzQZPj0G1nKkH99oy81Yd2TTUjYAAAAAGRXhpZgAA
TU0AKgAAAAgAAgESAAMAAAABAAYAAIglAAQAAAABAAAAJgAAAAAAAgABAAIAAAACTgAAAAAdAAIAAAANAAAARAAAAABQQVdUUkFJVC1HUFMAAA==
"""
