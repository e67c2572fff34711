"""Twelve places a dog can be, and no place.

Knows: backgrounds. Does not know: dogs, styles.
"""

import random

import numpy as np
from PIL import Image, ImageDraw

from gpu.pocket.world.pencil import Rgb, shade

SCENES = (
    "in a park", "on a beach", "in the snow", "in a city at night", "in a living room", "in a forest",
    "in the mountains", "in a garden of flowers", "at a lake", "in the desert", "under the stars", "in a kitchen",
)  # fmt: skip
PLAIN = "on a plain background"


def _vary(colour: Rgb, rng: random.Random, by: int = 14) -> Rgb:
    r, g, b = (min(255, max(0, c + rng.randint(-by, by))) for c in colour)
    return (r, g, b)


def _gradient(size: int, top: Rgb, bottom: Rgb) -> Image.Image:
    ramp = np.linspace(0, 1, size)[:, None, None]  # (h, 1, 1)
    rows = np.array(top)[None, None] * (1 - ramp) + np.array(bottom)[None, None] * ramp
    return Image.fromarray(np.repeat(rows, size, axis=1).astype(np.uint8))


def paint_scene(scene: str, size: int, rng: random.Random) -> Image.Image:
    """The place as an RGB picture of size x size pixels."""
    sky = {"in a city at night": (18, 18, 52), "under the stars": (14, 10, 46), "in the desert": (250, 200, 130)}
    top = _vary(sky.get(scene, (120, 185, 240)), rng)
    image = _gradient(size, top, shade(top, 0.45 if scene not in ("in a city at night", "under the stars") else 0.12))
    pen = _Pen(ImageDraw.Draw(image), size, rng, rng.uniform(0.55, 0.68))
    {
        "in a park": _park, "on a beach": _beach, "in the snow": _snow, "in a city at night": _city,
        "in a living room": _living_room, "in a forest": _forest, "in the mountains": _mountains,
        "in a garden of flowers": _flowers, "at a lake": _lake, "in the desert": _desert,
        "under the stars": _stars, "in a kitchen": _kitchen, PLAIN: _plain,
    }[scene](pen)  # fmt: skip
    return image


class _Pen:
    """Rectangles, ellipses and polygons in shares of the picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, size: int, rng: random.Random, horizon: float) -> None:
        self._draw, self._size, self.rng, self.horizon = draw, size, rng, horizon

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Rgb) -> None:
        s = self._size
        self._draw.rectangle((x0 * s, y0 * s, x1 * s, y1 * s), fill=fill)

    def disc(self, x: float, y: float, rx: float, ry: float, fill: Rgb) -> None:
        s = self._size
        self._draw.ellipse(((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s), fill=fill)

    def poly(self, points: list[tuple[float, float]], fill: Rgb) -> None:
        self._draw.polygon([(x * self._size, y * self._size) for x, y in points], fill=fill)

    def ground(self, fill: Rgb) -> Rgb:
        fill = _vary(fill, self.rng)
        self.box(0, self.horizon, 1, 1, fill)
        self.box(0, self.horizon + 0.2, 1, 1, shade(fill, -0.08))
        return fill


def _park(p: _Pen) -> None:
    p.ground((96, 176, 72))
    for _ in range(3):
        x, r = p.rng.uniform(0, 1), p.rng.uniform(0.10, 0.16)
        p.box(x - 0.02, p.horizon - 0.22, x + 0.02, p.horizon + 0.03, (110, 75, 45))
        p.disc(x, p.horizon - 0.26, r, r, _vary((50, 130, 55), p.rng))


def _beach(p: _Pen) -> None:
    p.box(0, p.horizon - 0.16, 1, p.horizon, _vary((30, 120, 190), p.rng))
    p.box(0, p.horizon - 0.02, 1, p.horizon + 0.02, (235, 245, 250))
    p.box(0, p.horizon + 0.01, 1, 1, _vary((238, 212, 150), p.rng))
    p.disc(p.rng.uniform(0.1, 0.9), 0.12, 0.08, 0.08, (255, 235, 120))


def _snow(p: _Pen) -> None:
    p.box(0, 0, 1, 1, _vary((190, 205, 225), p.rng, 8))
    p.ground((240, 244, 250))
    for _ in range(40):
        p.disc(p.rng.random(), p.rng.random(), 0.011, 0.011, (255, 255, 255))


def _city(p: _Pen) -> None:
    for i in range(7):
        top = p.rng.uniform(0.15, 0.5)
        p.box(i / 7, top, (i + 0.92) / 7, 0.85, _vary((34, 34, 74), p.rng, 8))
        for w in range(10):
            if p.rng.random() < 0.55:
                x, y = i / 7 + 0.02 + 0.05 * (w % 2), top + 0.04 + 0.09 * (w // 2)
                p.box(x, y, x + 0.03, y + 0.045, (250, 215, 100))
    p.box(0, 0.82, 1, 1, (50, 50, 62))


def _living_room(p: _Pen) -> None:
    p.box(0, 0, 1, p.horizon + 0.1, _vary((228, 205, 178), p.rng))
    p.box(0, p.horizon + 0.1, 1, 1, _vary((140, 90, 58), p.rng))
    x = p.rng.choice((0.06, 0.66))
    p.box(x, 0.10, x + 0.28, 0.38, (110, 75, 50))
    p.box(x + 0.025, 0.125, x + 0.255, 0.355, _vary((150, 200, 225), p.rng))
    p.box(0.62 - x, p.horizon - 0.1, 0.98 - x, p.horizon + 0.2, _vary((170, 70, 70), p.rng))


def _forest(p: _Pen) -> None:
    p.box(0, 0, 1, 1, _vary((40, 85, 55), p.rng))
    p.ground((70, 80, 40))
    for i in range(7):
        x = (i + p.rng.random()) / 7
        p.box(x - 0.025, 0, x + 0.025, p.horizon + 0.08, _vary((80, 58, 40), p.rng))
    for _ in range(8):
        p.disc(p.rng.random(), p.rng.uniform(0, 0.14), 0.13, 0.09, _vary((32, 100, 50), p.rng))


def _mountains(p: _Pen) -> None:
    for x, w, top in ((0.2, 0.42, 0.16), (0.78, 0.45, 0.08), (0.5, 0.35, 0.28)):
        p.poly([(x - w, p.horizon), (x, top), (x + w, p.horizon)], _vary((112, 120, 145), p.rng))
        p.poly([(x - w * 0.22, top + 0.11), (x, top), (x + w * 0.22, top + 0.11)], (245, 248, 252))
    p.ground((110, 140, 90))


def _flowers(p: _Pen) -> None:
    p.box(0, 0, 1, 1, _vary((195, 225, 160), p.rng))
    p.ground((90, 165, 75))
    for _ in range(34):
        x, y, c = p.rng.random(), p.rng.uniform(0.06, 1), p.rng.choice(((240, 90, 140), (250, 215, 60), (190, 90, 220)))
        p.disc(x, y, 0.030, 0.030, c)
        p.disc(x, y, 0.011, 0.011, (255, 250, 210))


def _lake(p: _Pen) -> None:
    p.poly([(0, p.horizon - 0.1), (0.5, p.horizon - 0.2), (1, p.horizon - 0.1), (1, 0.7), (0, 0.7)], (70, 120, 80))
    p.box(0, p.horizon - 0.05, 1, 0.9, _vary((60, 140, 190), p.rng))
    for _ in range(9):
        x, y = p.rng.random(), p.rng.uniform(p.horizon, 0.88)
        p.box(x - 0.09, y, x + 0.09, y + 0.012, (165, 215, 235))
    p.box(0, 0.88, 1, 1, (110, 150, 80))


def _desert(p: _Pen) -> None:
    p.ground((225, 165, 90))
    p.disc(p.rng.random(), p.horizon + 0.05, 0.5, 0.10, _vary((215, 150, 80), p.rng))
    for x in (p.rng.uniform(0.04, 0.2), p.rng.uniform(0.8, 0.96)):
        p.box(x - 0.025, p.horizon - 0.28, x + 0.025, p.horizon + 0.05, (60, 130, 70))
        p.box(x - 0.08, p.horizon - 0.18, x + 0.08, p.horizon - 0.14, (60, 130, 70))


def _stars(p: _Pen) -> None:
    p.box(0, 0.86, 1, 1, (22, 30, 40))
    for _ in range(45):
        r = p.rng.uniform(0.004, 0.012)
        p.disc(p.rng.random(), p.rng.uniform(0, 0.84), r, r, (255, 250, 225))
    p.disc(p.rng.choice((0.14, 0.86)), 0.15, 0.09, 0.09, (250, 245, 205))


def _kitchen(p: _Pen) -> None:
    wall = _vary((215, 235, 225), p.rng)
    p.box(0, 0, 1, 1, wall)
    for i in range(1, 8):
        p.box(0, i * 0.085, 1, i * 0.085 + 0.006, shade(wall, -0.14))
        p.box(i * 0.125, 0, i * 0.125 + 0.006, 0.66, shade(wall, -0.14))
    p.box(0, 0.66, 1, 0.72, (130, 95, 70))
    p.box(0, 0.72, 1, 1, _vary((240, 238, 230), p.rng, 6))
    p.box(0.05, 0.08, 0.30, 0.28, (180, 60, 50))
    p.box(0.72, 0.08, 0.95, 0.28, (180, 60, 50))


def _plain(p: _Pen) -> None:
    p.box(0, 0, 1, 1, _vary(p.rng.choice(((226, 222, 214), (196, 208, 222), (150, 160, 170), (232, 200, 190))), p.rng))
