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
    10: Primaries((1 / 3, 1 / 3), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),  # XYZ
    11: Primaries((0.314, 0.351), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),  # P3 as in cinemas
    12: Primaries(D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),  # Display P3
    22: Primaries(D65, (0.63, 0.34), (0.295, 0.605), (0.155, 0.077)),
}
SRGB = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
FILM = Curve(2.4)  # BT.709 and its kin say how a camera writes; this is how a screen shows it (BT.1886)
CURVES = {
    **dict.fromkeys((1, 6, 11, 14, 15), FILM),
    4: Curve(2.2),
    5: Curve(2.8),
    7: Curve(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),  # SMPTE 240M
    8: Curve(1.0),
    13: SRGB,
    17: Curve(2.6, (52.37 / 48) ** (1 / 2.6)),  # cinemas
}
PQ, HLG = 16, 18
GAMMA_OF_SRGB = range(45_000, 46_000)  # gAMA says 1 / 2.2 where sRGB is meant, which no power is exactly


def of_png(png: Png) -> bytes | None:
    """The PNG specification's order: cICP, iCCP, sRGB, then gAMA with cHRM. Raises BadPhoto("hdr")."""
    primaries, transfer, *rest = png.extras.get(b"cICP", bytes(4))
    _refuse_hdr(transfer)
    if primaries in PRIMARIES and transfer in CURVES and rest == [0, 1]:  # RGB, full range
        return _profile(PRIMARIES[primaries], CURVES[transfer])
    if b"iCCP" in png.extras:
        return png.profile
    return _of_gamma(png.extras) if b"sRGB" not in png.extras else None


def _of_gamma(extras: dict[bytes, bytes]) -> bytes | None:
    gamma = int.from_bytes(extras.get(b"gAMA", b"")[:4])
    if b"cHRM" in extras:
        x = [value / 100_000 for value in struct.unpack(">8I", extras[b"cHRM"][:32])]
        space = Primaries(*zip(x[::2], x[1::2], strict=True))
    elif gamma in GAMMA_OF_SRGB:
        return None
    else:
        space = BT709
    return _profile(space, Curve(100_000 / gamma)) if gamma else None


def of_boxes(primaries: int, transfer: int) -> bytes | None:
    """HEIC's and AVIF's code points. Those that are unspecified are read as sRGB's, and there so is a film's curve, as
    Chromium does. Raises BadPhoto("hdr").
    """
    _refuse_hdr(transfer)
    space, curve = PRIMARIES.get(primaries, BT709), CURVES.get(transfer, SRGB)
    return _profile(space, SRGB if curve is FILM else curve)


def _refuse_hdr(transfer: int) -> None:
    if transfer in (PQ, HLG):
        raise BadPhoto("hdr")


def refuse_hdr(profile: bytes) -> None:
    """A profile may carry code points, too (its tag cicp), and those rule. Raises BadPhoto("hdr")."""
    count = int.from_bytes(profile[128:132])
    for at in range(132, 132 + 12 * min(count, 100), 12):
        name, start = profile[at : at + 4], int.from_bytes(profile[at + 4 : at + 8])
        if name == b"cicp" and len(profile) > start + 9:
            _refuse_hdr(profile[start + 9])


def to_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    """The photo (L, RGB or CMYK) in RGB. A profile that is broken, or for another kind of photo, counts for nothing."""
    if profile:
        from PIL import ImageCms  # few photos need it, and it takes a while to load

        if photo.mode == "L" and profile[16:20] == b"RGB ":
            photo = photo.convert("RGB")
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            intent = ImageCms.Intent.RELATIVE_COLORIMETRIC  # no black point is moved; Chromium does not either
            photo = ImageCms.profileToProfile(photo, own, srgb, intent, outputMode="RGB") or photo
        except (ImageCms.PyCMSError, OSError):
            pass
    return photo.convert("RGB")


def _profile(primaries: Primaries, curve: Curve) -> bytes | None:
    if (primaries, curve) == (BT709, SRGB):
        return None
    try:
        return rgb_profile(primaries, curve)
    except (ArithmeticError, struct.error):
        return None  # these are no colours
