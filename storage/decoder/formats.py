"""What type of file this is, told by its first bytes as a browser does it: no file name is believed.

Knows: the signatures of pictures and films. Does not know: whether the rest of the file is whole.
"""

import re
from typing import Literal

from storage.decoder.reasons import BadPhoto

Format = Literal["JPEG", "PNG", "WEBP", "AVIF", "HEIF"]  # Pillow's names; its JPEG opens MPO too, which phones write

MOST_PIXELS: dict[Format, int] = dict.fromkeys(("PNG", "WEBP", "AVIF", "HEIF"), 50_000_000)  # JPEG: see jpeg.py

SIGNATURES: list[tuple[bytes, Format]] = [
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG", "PNG"),
    (rb"RIFF....WEBP", "WEBP"),
]
AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1"}  # with mif1 alone it may be anything: heif.py looks closer

OTHER_PICTURES = [
    rb"GIF8",
    rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",  # BMP; any text may start with BM
    rb"II[*+U]\0|MM\0[*+]|II\xbc\x01|IIR[OS]|MMOR|FUJIFILMCCD",  # TIFF, BigTIFF, JPEG XR, and cameras' raw files
    rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",  # JPEG XL, bare and boxed
    rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n",  # JPEG 2000, bare and boxed
    rb"8BP[SB]|gimp xcf|icns|DDS |qoif|FLIF|BPG\xfb|farbfeld|\0\0[\x01\x02]\0[^\0]|\x8a[MJ]NG|v/1\x01|#\?R(ADIANC|GB)E",
    rb"P[1-7][\s#]|Pf\s|PF\s|\x01\xda[\0\x01][\x01\x02]|\n[\0\x02-\x05]\x01[\x01\x02\x04\x08]",  # PNM, PFM, SGI, PCX
    rb"%PDF|%!PS|\xc5\xd0\xd3\xc6|\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF|AT&TFORM",
    rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?((?><!--.*?-->|<!DOCTYPE svg[^>]*>)\s*)*<svg[\s>]",
]
FILMS = [
    rb"....(ftyp|moov|mdat|wide|skip|pnot)",  # MP4, MOV, and stills in a box of a type that is not taken
    rb"\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|0&\xb2u\x8ef\xcf\x11|\0\0\x01[\xba\xb3]|OggS",
]
OTHERS = b"|".join(OTHER_PICTURES + FILMS)


def format_of(data: bytes) -> Format:
    """Raises BadPhoto("wrong_type"), BadPhoto("not_an_image")."""
    for signature, found in SIGNATURES:
        if re.match(signature, data, re.DOTALL):
            return found
    brands = brands_of(data)
    if brands & AVIF_BRANDS:
        return "AVIF"
    if brands & HEIF_BRANDS:
        return "HEIF"
    raise BadPhoto("wrong_type" if re.match(OTHERS, data[:4096], re.DOTALL) else "not_an_image")


def brands_of(data: bytes) -> set[bytes]:
    """What a file in boxes (ISO 14496-12) says it can be read as: its major brand and the compatible ones."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4]), len(data))
    return {data[at : at + 4] for at in (8, *range(16, end - 3, 4))}
