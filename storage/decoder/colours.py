"""What the numbers of a photo's pixels mean, and how they become sRGB, as a browser shows them.

Knows: ICC profiles, code points (ITU-T H.273) and PNG's gamma. Does not know: how a file carries them.
All of them end as an ICC profile; None stands for sRGB. What is HDR is refused and not converted: how it shows depends
on how bright the screen is.
"""

import io
import struct

from PIL import Image

from storage.decoder.icc import Curve, Primaries, rgb_profile
from storage.decoder.png import Png
from storage.decoder.reasons import BadPhoto

D65 = (0.3127, 0.329)
BT709 = Primaries(D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
PRIMARIES = {
    1: BT709,
    4: Primaries((0.31, 0.316), (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),  # BT.470 M
    5: Primaries(D65, (0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),  # BT.470 BG
    6: Primaries(D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),  # SMPTE 170M
    7: Primaries(D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    8: Primaries((0.31, 0.316), (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),  # film
    9: Primaries(D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),  # BT.2020
    11: Primaries((0.314, 0.351), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),  # P3 as in cinemas
    12: Primaries(D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),  # Display P3
    22: Primaries(D65, (0.63, 0.34), (0.295, 0.605), (0.155, 0.077)),
}
SRGB = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
CURVES = dict.fromkeys((1, 6, 13, 14, 15), SRGB) | {4: Curve(2.2), 5: Curve(2.8), 8: Curve(1.0)}
PQ, HLG = 16, 18
UNSPECIFIED = 2


def of_png(png: Png) -> bytes | None:
    """The PNG specification's order: cICP, iCCP, sRGB, then gAMA with cHRM. Raises BadPhoto("hdr")."""
    extras = png.extras
    if code := extras.get(b"cICP"):
        return of_numbers(code[0], code[1])
    if b"iCCP" in extras:
        return png.profile
    if b"sRGB" in extras or b"gAMA" not in extras:
        return None
    gamma = int.from_bytes(extras[b"gAMA"]) / 100_000
    x = [value / 100_000 for value in struct.unpack(">8I", extras.get(b"cHRM", b"")[:32])] if b"cHRM" in extras else []
    primaries = Primaries(*zip(x[::2], x[1::2], strict=True)) if x else BT709
    return _profile(primaries, Curve(1 / gamma)) if gamma else None


def of_numbers(primaries: int, transfer: int) -> bytes | None:
    """By code points. Those that are unspecified, or of no photo, are read as sRGB's. Raises BadPhoto("hdr")."""
    if transfer in (PQ, HLG):
        raise BadPhoto("hdr")
    space, curve = PRIMARIES.get(primaries, BT709), CURVES.get(transfer, SRGB)
    return None if (space, curve) == (BT709, SRGB) else _profile(space, curve)


def refuse_hdr(profile: bytes) -> None:
    """A profile may carry code points, too (its tag cicp), and those rule. Raises BadPhoto("hdr")."""
    count = int.from_bytes(profile[128:132])
    for at in range(132, 132 + 12 * min(count, 100), 12):
        name, start = profile[at : at + 4], int.from_bytes(profile[at + 4 : at + 8])
        if name == b"cicp" and profile[start + 9 : start + 10] in (bytes([PQ]), bytes([HLG])):
            raise BadPhoto("hdr")


def to_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    """The photo (L, RGB or CMYK) in RGB. A profile that is broken, or for another kind of photo, counts for nothing."""
    if profile:
        from PIL import ImageCms  # few photos need it, and it takes a while to load

        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            photo = ImageCms.profileToProfile(photo, own, srgb, outputMode="RGB") or photo
        except (ImageCms.PyCMSError, OSError):
            pass
    return photo.convert("RGB")


def _profile(primaries: Primaries, curve: Curve) -> bytes | None:
    try:
        return rgb_profile(primaries, curve)
    except (ArithmeticError, struct.error):
        return None  # these are no colours
