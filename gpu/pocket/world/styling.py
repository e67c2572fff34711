"""The thirteen styles of the drawn world: ways to turn a clean drawing into a picture that a person names at a glance.

Knows: pixels, and which part of them is the dog. Does not know: dogs, scenes, models, or what more the catalogue has.
"""

import random
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

Floats = NDArray[np.float32]

MEDIA: dict[str, str] = {
    "photo": "a photo",
    "watercolour": "a watercolour painting",
    "oil": "an oil painting",
    "pencil": "a pencil sketch",
    "pixel": "pixel art",
    "pop": "pop art",
    "neon": "a neon sign",
    "glass": "stained glass",
    "ukiyoe": "a ukiyo-e woodblock print",
    "comic": "a comic book drawing",
    "chalk": "a chalk drawing on a blackboard",
    "ink": "an ink wash painting",
    "papercut": "a paper cut-out collage",
}


def restyle(image: Image.Image, mask: Image.Image, style: str, rng: random.Random) -> Image.Image:
    """`image` (RGB) in the style; `mask` (L) is the dog. Sizes are equal and stay so."""
    noise = np.random.default_rng(rng.randrange(1 << 31))
    return _STYLES[style](image, _floats(mask)[..., None], noise)


def _floats(image: Image.Image) -> Floats:
    return np.asarray(image, dtype=np.float32) / np.float32(255)  # (h, w, 3) or (h, w)


def _image(x: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray((np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8))


def _cloud(noise: np.random.Generator, size: int, grain: int) -> Floats:
    """Smooth noise in 0..1, blobs of about size / grain pixels; (h, w, 1)."""
    small = Image.fromarray((noise.random((grain, grain)) * 255).astype(np.uint8))
    return _floats(small.resize((size, size), Image.Resampling.BICUBIC))[..., None]


def _edges(image: Image.Image, radius: float = 0.5) -> Floats:
    """How strongly the colour changes, 0..1; (h, w, 1)."""
    x = _floats(image.filter(ImageFilter.GaussianBlur(radius)))
    dx = np.abs(np.roll(x, -1, 1) - np.roll(x, 1, 1)).max(-1)
    dy = np.abs(np.roll(x, -1, 0) - np.roll(x, 1, 0)).max(-1)
    edge = np.hypot(dx, dy)
    edge[[0, -1], :] = edge[:, [0, -1]] = 0
    return np.clip(edge * 1.6, 0, 1)[..., None]


def _luma(x: Floats) -> Floats:
    return (x @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]


def _photo(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """A soft background, light from one side, a little grain."""
    far = _floats(image.filter(ImageFilter.GaussianBlur(1.3)))
    x = _floats(image) * dog + far * (1 - dog)
    h, w = x.shape[:2]
    light = (
        np.linspace(-0.07, 0.07, w)[None, :, None] * noise.choice((-1, 1)) - np.linspace(-0.05, 0.06, h)[:, None, None]
    )
    return _image((x + light + noise.normal(0, 0.012, x.shape)).astype(np.float32))


def _watercolour(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Thin pigment that pools at edges and leaves paper at the border."""
    soft = image.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(0.8))
    x, size = _floats(soft), image.width
    thin = 0.35 + 0.30 * _cloud(noise, size, 9)
    x = x * (1 - thin * 0.75) + thin * 0.75
    x = x - 0.22 * _edges(soft, 1.0)
    ramp = np.minimum(np.arange(size), np.arange(size)[::-1]) / (size * 0.13)
    border = np.minimum(ramp[None, :, None], ramp[:, None, None]) + 0.9 * (_cloud(noise, size, 14) - 0.5)
    paper = np.array([0.985, 0.975, 0.95], np.float32) - 0.02 * noise.random((size, size, 1))
    inside = np.clip(border, 0, 1)
    return _image((x * inside + paper * (1 - inside)).astype(np.float32))


def _oil(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Rich colour in short strokes with ridges that catch the light."""
    rich = ImageEnhance.Color(image).enhance(1.35)
    x, size = _floats(rich), image.width
    angle = _cloud(noise, size, 4)[..., 0] * 2 * np.pi
    yy, xx = np.mgrid[0:size, 0:size]
    cell = noise.integers(-2, 3, (size // 3 + 1, size // 3 + 1)).repeat(3, 0).repeat(3, 1)[:size, :size]
    sx = np.clip(xx + (cell * np.cos(angle) * 1.4).astype(int), 0, size - 1)
    sy = np.clip(yy + (cell * np.sin(angle) * 1.4).astype(int), 0, size - 1)
    stroked = x[sy, sx]
    ridge = np.sin((xx * np.cos(angle) + yy * np.sin(angle)) * 1.9)[..., None] * 0.055
    return _image((stroked * 0.97 + ridge + (cell[..., None] * 0.018)).astype(np.float32))


def _pencil(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Grey lines and hatching on white paper."""
    tone, size = _luma(_floats(image)), image.width
    yy, xx = np.mgrid[0:size, 0:size]
    hatch = (np.sin((xx + yy) * 1.5) * 0.5 + 0.5)[..., None]
    dark = np.clip(0.85 - tone, 0, 1) * (0.25 + 0.75 * dog)
    x = 0.97 - dark * (0.35 + 0.45 * hatch) - _edges(image) * 0.75
    grain = noise.normal(0, 0.02, (size, size, 1))
    return _image((x + grain) * np.ones(3, np.float32))


def _pixel(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Thirty-two large square pixels a side in few colours."""
    small = image.resize((image.width // 4, image.height // 4), Image.Resampling.BOX)
    few = ImageEnhance.Contrast(small).enhance(1.15).quantize(14, Image.Quantize.MEDIANCUT).convert("RGB")
    return few.resize(image.size, Image.Resampling.NEAREST)


def _pop(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """A flat loud dog before halftone dots."""
    loud = ImageOps.posterize(ImageEnhance.Color(ImageEnhance.Contrast(image).enhance(1.3)).enhance(2.0), 2)
    x, size = _floats(loud.filter(ImageFilter.ModeFilter(3))), image.width
    back = np.array(_POP_BACKS[noise.integers(len(_POP_BACKS))], np.float32)
    yy, xx = np.mgrid[0:size, 0:size]
    dots = ((xx % 8 - 3.5) ** 2 + (yy % 8 - 3.5) ** 2 < 5)[..., None]
    x = x * dog + np.where(dots, np.float32(1), back) * (1 - dog)
    rim = _edges(Image.fromarray((dog[..., 0] * 255).astype(np.uint8)).convert("RGB"), 0.4)
    return _image(x * (1 - np.clip(rim * 1.4, 0, 1)))


def _neon(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Glowing tubes along the edges, in the picture's own hues, at night."""
    edge = np.clip(_edges(image, 0.4) * 1.5, 0, 1) * (0.30 + 0.70 * dog)
    bright = ImageEnhance.Color(image.filter(ImageFilter.GaussianBlur(1.2))).enhance(2.6)
    hue = _floats(bright)
    hue = hue / np.maximum(hue.max(-1, keepdims=True), 0.25)
    tube = hue * edge
    glow = _floats(_image(tube).filter(ImageFilter.GaussianBlur(2.4)))
    night = np.array([0.05, 0.03, 0.11], np.float32)
    return _image(night + 0.16 * hue * dog + 1.25 * glow + tube + 0.25 * edge**3)


def _glass(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Panes of one colour, held by lead."""
    size, count = image.width, 60
    points = noise.random((count, 2)) * size
    yy, xx = np.mgrid[0:size, 0:size]
    far = (xx[..., None] - points[:, 0]) ** 2 + (yy[..., None] - points[:, 1]) ** 2  # (h, w, count)
    pane = far.argmin(-1) * 2 + (dog[..., 0] > 0.5)
    x = _floats(ImageEnhance.Color(image).enhance(1.7))
    flat, number = pane.ravel(), np.bincount(pane.ravel(), minlength=2 * count)
    mean = [np.bincount(flat, x[..., c].ravel(), 2 * count) / np.maximum(number, 1) for c in range(3)]
    own = 0.30 + 0.35 * dog  # the dog's panes are painted, so its face can be read
    colour = np.stack(mean, -1)[pane] * (1 - own) + x * own
    lead = (pane != np.roll(pane, 1, 0)) | (pane != np.roll(pane, 1, 1))
    return _image(np.where(lead[..., None], 0.06, colour * 1.08).astype(np.float32))


def _ukiyoe(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Few muted inks, dark lines, grained paper."""
    inks = np.array(_INKS, np.float32)  # (ink, 3)
    x = _floats(image.filter(ImageFilter.MedianFilter(3)))
    near = inks[((x[..., None, :] - inks) ** 2).sum(-1).argmin(-1)]
    size = image.width
    grain = 0.035 * np.sin(np.arange(size) * 0.55)[:, None, None] + 0.06 * (_cloud(noise, size, 24) - 0.5)
    mixed = near * 0.72 + (x * 0.8 + 0.12) * 0.28
    line = np.clip(_edges(image, 0.5) * 1.2 - 0.15, 0, 1) * (0.4 + 0.6 * dog)
    return _image((mixed + grain) * (1 - line) + np.array([0.10, 0.12, 0.24], np.float32) * line)


def _comic(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Flat colour, thick black lines, dots in the shade, a white frame."""
    flat = ImageOps.posterize(ImageEnhance.Color(image).enhance(1.5).filter(ImageFilter.MedianFilter(3)), 3)
    x, size = _floats(flat) * 1.06, image.width
    yy, xx = np.mgrid[0:size, 0:size]
    dots = (((xx + yy) % 5 < 2) & ((xx - yy) % 5 < 2))[..., None]
    x = np.where(dots & (_luma(x) < 0.62), x * 0.72, x)
    x = x * (1 - np.clip(_edges(image, 0.7) * 1.9 - 0.25, 0, 1))
    x[[0, 1, 2, -3, -2, -1], :] = x[:, [0, 1, 2, -3, -2, -1]] = 1
    x[[3, 4, -5, -4], 3:-3] = x[3:-3, [3, 4, -5, -4]] = 0.04
    return _image(x.astype(np.float32))


def _chalk(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Pale colours rubbed on in strokes, and their outlines, on a dark green board."""
    size = image.width
    pale = _floats(ImageEnhance.Color(image).enhance(1.6)) * 0.75 + 0.25
    yy, xx = np.mgrid[0:size, 0:size]
    stroke = (np.sin((xx - 0.6 * yy) * 1.1) * 0.5 + 0.5)[..., None] * (0.5 + 0.5 * noise.random((size, size, 1)))
    line = np.clip(_edges(image, 0.6) * 1.8 - 0.1, 0, 1) * (0.45 + 0.55 * dog)
    rubbed = (0.12 + 0.5 * stroke) * (0.3 + 0.7 * dog) + 0.16 * dog
    board = np.array([0.10, 0.20, 0.17], np.float32) + 0.03 * _cloud(noise, size, 7)
    x = board * (1 - rubbed) + pale * rubbed
    return _image(x * (1 - line) + 0.96 * line)


def _ink(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Black ink in wet washes on rice paper: a dark dog, the place no more than a breath."""
    size = image.width
    tone = _luma(_floats(image.filter(ImageFilter.MedianFilter(3))))
    far = _luma(_floats(image.filter(ImageFilter.GaussianBlur(3.5))))
    wet = 0.75 + 0.5 * (_cloud(noise, size, 10) - 0.5)
    ink = np.clip(1 - tone, 0, 1) ** 1.2 * 0.85 * dog + np.clip(0.9 - far, 0, 1) * 0.40 * wet * (1 - dog)
    ink = ink + 0.55 * np.clip(_edges(image, 0.9) * 1.3 - 0.12, 0, 1) * (0.25 + 0.75 * dog)
    paper = np.array([0.955, 0.935, 0.885], np.float32) - 0.03 * _cloud(noise, size, 30)
    return _image(paper * (1 - ink) + np.array([0.07, 0.07, 0.10], np.float32) * ink)


def _papercut(image: Image.Image, dog: Floats, noise: np.random.Generator) -> Image.Image:
    """Flat sheets of coloured paper in layers, white cut edges, and the shadow that each throws."""
    size = image.width
    far = image.filter(ImageFilter.MedianFilter(9)).quantize(5, Image.Quantize.MEDIANCUT).convert("RGB")
    near = image.filter(ImageFilter.MedianFilter(3)).quantize(9, Image.Quantize.MEDIANCUT).convert("RGB")
    cut = _image(np.repeat(dog, 3, -1)).convert("L")
    rim = _floats(cut.filter(ImageFilter.MaxFilter(5)))[..., None]
    soft = cut.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.GaussianBlur(1.5))
    fallen = _floats(ImageChops.offset(soft, 3, 3))[..., None].copy()
    fallen[:3] = fallen[:, :3] = 0
    layers = _floats(ImageEnhance.Color(far).enhance(0.8)) * 0.75 + 0.25
    layers = layers * (1 - 0.45 * _edges(far, 0.4)) * (1 - 0.55 * fallen)
    x = layers * (1 - rim) + rim * (1 - dog) + _floats(ImageEnhance.Color(near).enhance(1.15)) * dog
    return _image(x + noise.normal(0, 0.010, (size, size, 1)).astype(np.float32))


_POP_BACKS = ((1.0, 0.25, 0.55), (0.1, 0.75, 0.9), (1.0, 0.82, 0.1), (0.35, 0.85, 0.3))
_INKS = (
    (0.13, 0.17, 0.35), (0.25, 0.42, 0.60), (0.62, 0.74, 0.78), (0.93, 0.88, 0.76), (0.80, 0.64, 0.42),
    (0.70, 0.32, 0.24), (0.42, 0.24, 0.18), (0.36, 0.46, 0.32), (0.62, 0.66, 0.46), (0.15, 0.13, 0.13),
    (0.97, 0.95, 0.90), (0.86, 0.55, 0.30),
)  # fmt: skip
_STYLES: dict[str, Callable[[Image.Image, Floats, np.random.Generator], Image.Image]] = {
    "photo": _photo, "watercolour": _watercolour, "oil": _oil, "pencil": _pencil, "pixel": _pixel,
    "pop": _pop, "neon": _neon, "glass": _glass, "ukiyoe": _ukiyoe, "comic": _comic,
    "chalk": _chalk, "ink": _ink, "papercut": _papercut,
}  # fmt: skip
