"""Many pixels become few, without a second copy of all of them beside the first.

Knows: Pillow's modes. Does not know: formats, colours, or why a size is wanted.
"""

from PIL import Image

LONGEST_EDGE = 2048  # pixels; no training looks closer
SHORTEST_EDGE = 512  # pixels that a panorama may keep, though it is longer then
STRIP = 64  # rows at a time

OPAQUE = {"LA": "L", "La": "L", "RGBA": "RGB", "RGBa": "RGB"}


def target(width: int, height: int) -> tuple[int, int]:
    """How big a photo of this size is kept, never larger than it is.

    At most LONGEST_EDGE long; a panorama is as long as SHORTEST_EDGE asks for, within the pixels of a square photo.
    """
    scale = max(LONGEST_EDGE / max(width, height), SHORTEST_EDGE / min(width, height))
    scale = min(scale, LONGEST_EDGE / (width * height) ** 0.5, 1.0)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def shrunk(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The photo at `size`, in L, LA, RGB, RGBA or CMYK. What is transparent has no colour, so none of it bleeds."""
    ratio = min(photo.width / size[0], photo.height / size[1])
    few = _reduced(photo, max(int(ratio / 1.5), 1))  # the rest of the way with a better filter
    return few.resize(size, Image.Resampling.LANCZOS)


def _reduced(photo: Image.Image, factor: int) -> Image.Image:
    """The mean of `factor` x `factor` pixels each, strip by strip: a whole copy would be 200 MB for 50 megapixels."""
    width, height = photo.size
    strips = ((0, top, width, min(top + STRIP * factor, height)) for top in range(0, height, STRIP * factor))
    few: Image.Image | None = None
    for strip in strips:
        part = _eight_bits(photo.crop(strip)).reduce(factor)
        few = few or Image.new(part.mode, (part.width, -(-height // factor)))
        few.paste(part, (0, strip[1] // factor))
    assert few
    return few


def _eight_bits(photo: Image.Image) -> Image.Image:
    """Without a palette, a transparent colour, or more than 8 bits a channel."""
    if photo.mode.startswith("I"):  # 16 bits of grey: Pillow's own conversion would clip, not scale
        photo = photo.convert("I").point(lambda value: value / 256).convert("L")
    if photo.has_transparency_data and photo.mode not in OPAQUE:
        return photo.convert("RGBA")
    return photo.convert({"1": "L", "P": "RGB", "La": "LA", "RGBa": "RGBA"}.get(photo.mode, photo.mode))


def on_white(colours: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """`colours` in RGB as they show on a white page."""
    page = Image.new("RGB", colours.size, "white")  # also leaves behind all metadata, which would survive a mere save
    page.paste(colours, mask=alpha)
    return page
