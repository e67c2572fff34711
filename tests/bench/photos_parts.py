"""What made photos are put together from: scenes, modes, colours and files.

Knows: the formats and how they show. Does not know: the decoder, or which parts go together (photos_made.py).
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageCms, ImageDraw

from storage.decoder.colours import CURVES, PRIMARIES, SRGB
from storage.decoder.icc import Curve, Primaries, rgb_profile
from tests.helpers import hostile
from tests.helpers.hostile import ORIENTATION
from tests.helpers.png import Layout, chunk, png

Transpose = Image.Transpose
STORED = {  # EXIF orientation -> how the upright picture is turned to be stored
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
ADOBE_RGB = Primaries((0.3127, 0.329), (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture to be stored, and how it shows: RGB on white."""

    stored: Image.Image
    shown: Image.Image


@dataclass(frozen=True, slots=True)
class Colours:
    """A meaning of the stored numbers. `icc` is for any file, `chunks` for a PNG, `numbers` for an AVIF."""

    profile: bytes | None = None  # what the numbers mean; None: sRGB
    icc: bytes | None = None
    chunks: bytes = b""
    numbers: tuple[int, int] | None = None

    def encoded(self, shown: Image.Image) -> Image.Image:
        """sRGB -> these numbers."""
        if not self.profile:
            return shown
        own = ImageCms.ImageCmsProfile(io.BytesIO(self.profile))
        return ImageCms.profileToProfile(shown, ImageCms.createProfile("sRGB"), own, outputMode="RGB") or shown


def scene(rng: Random, size: tuple[int, int]) -> Image.Image:
    """Soft gradients with a few hard shapes on them."""
    gradient = Image.linear_gradient("L")
    bands = [gradient.rotate(90 * rng.randrange(4)).resize(size) for _ in range(3)]
    image = Image.merge("RGB", bands)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        draw.ellipse((x, y, x + size[0] // 4, y + size[1] // 4), fill=tuple(rng.randrange(256) for _ in range(3)))
    return image


# ---- modes ------------------------------------------------------------------------------------------------------


def on_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    page = Image.new("RGB", image.size, "white")
    page.paste(image.convert("RGB"), mask=alpha)
    return page


def veil(image: Image.Image) -> Image.Image:
    """An alpha channel from nothing to all."""
    return Image.linear_gradient("L").resize(image.size)


def with_alpha(image: Image.Image, shown: Image.Image) -> Painted:
    stored = image.copy()
    stored.putalpha(veil(image))
    return Painted(stored, on_white(shown, veil(image)))


def same(image: Image.Image) -> Painted:
    return Painted(image, image.convert("RGB"))


MODES: dict[str, Callable[[Image.Image], Painted]] = {  # those that a colour space does not reach
    "L": lambda image: same(image.convert("L")),
    "LA": lambda image: with_alpha(image.convert("L"), image.convert("L")),
    "1": lambda image: same(image.convert("1")),
    "P": lambda image: same(image.quantize(64)),
    "CMYK": lambda image: same(image.convert("CMYK")),
    "I;16": lambda image: Painted(deep(image.convert("L")), image.convert("L").convert("RGB")),
}


def deep(grey: Image.Image) -> Image.Image:
    """16 bits of grey."""
    return grey.convert("I").point(lambda value: value * 257).convert("I;16")


# ---- colours ----------------------------------------------------------------------------------------------------


def by_numbers(primaries: int, transfer: int) -> Colours:
    space, curve = PRIMARIES[primaries], CURVES[transfer]
    plain = (primaries, transfer) == (1, 13)
    code = chunk(b"cICP", bytes([primaries, transfer, 0, 1]))
    return Colours(None if plain else rgb_profile(space, curve), None, code, (primaries, transfer))


def by_profile(space: Primaries, curve: Curve = SRGB) -> Colours:
    icc = rgb_profile(space, curve)
    return Colours(icc, icc, chunk(b"iCCP", b"own\0\0" + zlib.compress(icc)))


def by_gamma(gamma: float, space: Primaries) -> Colours:
    """PNG's old way."""
    xy = [round(value * 100_000) for pair in (space.white, space.red, space.green, space.blue) for value in pair]
    chunks = chunk(b"gAMA", struct.pack(">I", round(100_000 / gamma))) + chunk(b"cHRM", struct.pack(">8I", *xy))
    return Colours(rgb_profile(space, Curve(gamma)), None, chunks)


JUNK = b"no profile at all" * 9
COLOURS: dict[str, Colours] = {
    "plain": Colours(),
    "icc sRGB": by_profile(PRIMARIES[1]),
    "icc Display P3": by_profile(PRIMARIES[12]),
    "icc Adobe RGB": by_profile(ADOBE_RGB, Curve(2.19921875)),
    "icc junk": Colours(None, JUNK, chunk(b"iCCP", b"own\0\0" + zlib.compress(JUNK))),
}
NUMBERED: dict[str, Colours] = {
    "numbers P3": by_numbers(12, 13),
    "numbers BT.2020": by_numbers(9, 13),
    "numbers sRGB": by_numbers(1, 13),
    "numbers linear": by_numbers(1, 8),
    "numbers gamma 2.2": by_numbers(1, 4),
}
PNG_ONLY: dict[str, Colours] = {
    "gamma 1": by_gamma(1.0, PRIMARIES[1]),
    "gamma 2.2, Adobe's primaries": by_gamma(2.2, ADOBE_RGB),
    "sRGB over gamma": Colours(None, None, chunk(b"sRGB", b"\0") + by_gamma(1.0, ADOBE_RGB).chunks),
}


# ---- files ------------------------------------------------------------------------------------------------------


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **{name: value for name, value in options.items() if value is not None})
    return out.getvalue()


def exif_of(orientation: int) -> bytes | None:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block.tobytes() if orientation > 1 else None


def jpeg(rng: Random, image: Image.Image, colours: Colours, orientation: int) -> bytes:
    return saved(
        image, "JPEG", quality=rng.choice((90, 95)), subsampling=rng.choice((0, 1, 2)),
        progressive=rng.random() < 0.4, optimize=rng.random() < 0.3, restart_marker_rows=rng.choice((0, 1, 3)),
        exif=exif_of(orientation), icc_profile=colours.icc,
    )  # fmt: skip


def webp(rng: Random, image: Image.Image, colours: Colours, orientation: int) -> bytes:
    lossless = rng.random() < 0.4
    return saved(
        image, "WEBP", lossless=lossless, quality=95, method=2, exif=exif_of(orientation), icc_profile=colours.icc
    )


def avif(rng: Random, image: Image.Image, colours: Colours, orientation: int) -> bytes:
    data = saved(
        image, "AVIF", quality=92, speed=10, subsampling=rng.choice(("4:2:0", "4:4:4")), max_threads=1,
        range=rng.choice(("full", "limited")), exif=exif_of(orientation), icc_profile=colours.icc,
    )  # fmt: skip
    return with_numbers(data, *colours.numbers) if colours.numbers else data


def with_numbers(data: bytes, primaries: int, transfer: int) -> bytes:
    """An AVIF or HEIC that says that its numbers mean something else."""
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def png_file(rng: Random, image: Image.Image, colours: Colours, orientation: int) -> bytes:
    data = saved(image, "PNG", compress_level=rng.choice((1, 9)), exif=exif_of(orientation))
    return data[:33] + colours.chunks + data[33:]


HEICS = Path(__file__).parents[1] / "helpers" / "heics"


def heics() -> list[tuple[str, bytes, Image.Image]]:
    """HEICs by name, and how they show. No encoder is installed here: pillow-heif 1.8.1 made them elsewhere."""
    grey = Image.linear_gradient("L")
    shown = Image.merge("RGB", [grey, grey.rotate(90), grey.rotate(180)]).resize((160, 96))
    found = [("small", hostile.heic(), hostile.scene())]
    for path in sorted(HEICS.iterdir()):
        picture = shown.convert("L") if "grey" in path.stem else shown
        found.append(
            (path.stem, path.read_bytes(), with_alpha(picture, picture).shown if "alpha" in path.stem else picture)
        )
    return [(name, data, picture.convert("RGB")) for name, data, picture in found]


# ---- PNGs that Pillow does not write ----------------------------------------------------------------------------

GREYS = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0)]
ODD = [*GREYS, (8, 2), (16, 2), (8, 4), (16, 4), (8, 6), (16, 6)]


def odd_png(rng: Random, image: Image.Image) -> tuple[bytes, Image.Image]:
    """The file, and how it shows."""
    depth, colour_type = rng.choice(ODD)
    layout = Layout(depth, colour_type, interlaced=rng.random() < 0.5)
    picture = image.convert("L" if colour_type in (0, 4) else "RGB")
    shown = picture.point(lambda value: (value >> 8 - depth) * 255 // ((1 << depth) - 1)) if depth < 8 else picture
    if colour_type >= 4:
        shown, picture = on_white(picture, veil(image)), with_alpha(picture, picture).stored
    samples = [value >> 8 - depth if depth < 8 else value * (257 if depth == 16 else 1) for value in picture.tobytes()]
    before = b""
    if colour_type in (0, 2) and rng.random() < 0.5:
        key = samples[: len(picture.getbands())]
        before = chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
        shown = without(shown.convert("RGB"), shown.convert("RGB").getpixel((0, 0)))
    return png(image.size, layout, samples, before), shown.convert("RGB")


def without(image: Image.Image, colour: Any) -> Image.Image:
    """White where it has this colour."""
    image.putdata([(255, 255, 255) if pixel == colour else pixel for pixel in image.get_flattened_data()])
    return image
