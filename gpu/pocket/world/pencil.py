"""A pencil that draws shapes on a picture and on a mask at once, placed by centre, size and tilt.

Knows: geometry. Does not know: dogs.
"""

import math
import random

from PIL import Image, ImageDraw

Rgb = tuple[int, int, int]


def shade(colour: Rgb, amount: float) -> Rgb:
    """Towards white (amount > 0) or black (amount < 0); amount in -1..1."""
    goal = 255 if amount > 0 else 0
    r, g, b = (round(c + (goal - c) * abs(amount)) for c in colour)
    return (r, g, b)


class Pencil:
    """Draws in units of `unit` pixels from (x, y), turned by `tilt` radians. `mask` is what was drawn so far."""

    def __init__(self, canvas: Image.Image, x: float, y: float, unit: float, tilt: float, rng: random.Random) -> None:
        self.mask = Image.new("L", canvas.size, 0)
        self._draw, self._mask_draw = ImageDraw.Draw(canvas), ImageDraw.Draw(self.mask)
        self._x, self._y, self._unit, self._rng = x, y, unit, rng
        self._cos, self._sin = math.cos(tilt), math.sin(tilt)

    def _place(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        u, c, s = self._unit, self._cos, self._sin
        return [(self._x + u * (x * c - y * s), self._y + u * (x * s + y * c)) for x, y in points]

    def shape(self, points: list[tuple[float, float]], fill: Rgb) -> None:
        placed = self._place(points)
        self._draw.polygon(placed, fill=fill)
        self._mask_draw.polygon(placed, fill=255)

    def blob(
        self, x: float, y: float, rx: float, ry: float, fill: Rgb, angle: float = 0.0, fringe: bool = False
    ) -> None:
        """An ellipse with a softly lit upper half; `fringe` gives it a furry edge."""
        outline = _ellipse(x, y, rx, ry, angle, self._rng if fringe else None)
        self.shape(outline, fill)
        if rx > 0.35:
            self.shape(_ellipse(x, y - 0.06 * ry, rx * 0.86, ry * 0.86, angle, None), shade(fill, 0.05))
            self.shape(_ellipse(x, y - 0.12 * ry, rx * 0.70, ry * 0.68, angle, None), shade(fill, 0.09))

    def head(self, fill: Rgb, fringe: bool) -> None:
        self.blob(0, 0, 1.0, 0.94, fill, fringe=fringe)

    def half(self, fill: Rgb, side: int, shift: float) -> None:
        """One half of the head."""
        arc = [(shift * 0.5, -0.92)]
        arc += [(side * math.cos(a) * 0.99, math.sin(a) * 0.93) for a in _steps(-math.pi / 2, math.pi / 2, 18)]
        self.shape([*arc, (shift * 0.5, 0.92)], fill)

    def cap(self, fill: Rgb) -> None:
        """The top of the head."""
        arc = [(math.cos(a) * 0.99, math.sin(a) * 0.93) for a in _steps(-math.pi + 0.45, -0.45, 20)]
        self.shape([*arc, (0.3, -0.42), (0, -0.36), (-0.3, -0.42)], fill)

    def ring(self, x: float, y: float, r: float, fill: Rgb, width: float) -> None:
        self.line([*_ellipse(x, y, r, r, 0, None), (x + r, y)], fill, width)

    def line(self, points: list[tuple[float, float]], fill: Rgb, width: float) -> None:
        wide = max(1, round(width * self._unit))
        self._draw.line(self._place(points), fill=fill, width=wide, joint="curve")
        self._mask_draw.line(self._place(points), fill=255, width=wide, joint="curve")


def _steps(start: float, end: float, count: int) -> list[float]:
    return [start + (end - start) * i / count for i in range(count + 1)]


def _ellipse(
    x: float, y: float, rx: float, ry: float, angle: float, fringe: random.Random | None
) -> list[tuple[float, float]]:
    count, c, s = 56, math.cos(angle), math.sin(angle)
    points: list[tuple[float, float]] = []
    for i in range(count):
        a = 2 * math.pi * i / count
        k = 1 + (fringe.uniform(0.0, 0.16) if i % 2 else -0.03) if fringe else 1.0
        dx, dy = rx * math.cos(a) * k, ry * math.sin(a) * k
        points.append((x + dx * c - dy * s, y + dx * s + dy * c))
    return points
