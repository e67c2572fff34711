"""The contact sheet: all photos of a set in one picture, numbered, each with a mark that says what became of it.

Knows: tiles, numbers, marks drawn as shapes. Does not know: why a photo has its mark, or any language.
It is made for a phone, which shows it about 390 px wide: a tile has at least 97 of them there, a number and a mark 22.
The marks differ in shape and brightness, not only in colour: a disc, a triangle, a square.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from gpu.durable import whole

TILE, GAP = 256, 8  # pixels of one picture on the sheet, and between two
BADGE = 60  # pixels of a mark, and of a number's height
SMOOTH = 4  # marks are drawn this many times larger, then shrunk
PAPER, GROUND = (255, 255, 255), (214, 221, 230)  # neither white nor black dogs vanish on it
PALE = 0.6  # how white a refused photo is made

Mark = Literal["good", "remark", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One photo on the sheet. mask, of the picture's size: it is shown cut out; without one it is shown whole."""

    number: int  # from 1, in the order in which the photos were given
    image: Path
    mask: Path | None = None
    mark: Mark


def contact_sheet(tiles: Sequence[Tile], path: Path) -> Path:
    """Write at least one tile as a PNG. Photos with the mark "refused" are pale."""
    columns = min(len(tiles), max(3, math.ceil(len(tiles) ** 0.5)))
    rows = -(-len(tiles) // columns)
    step = TILE + GAP
    sheet = Image.new("RGB", (columns * step + GAP, rows * step + GAP), PAPER)
    with ThreadPoolExecutor(2) as threads:  # pictures are read and shrunk without the GIL
        for place, drawn in enumerate(threads.map(_tile, tiles)):
            row, column = divmod(place, columns)
            sheet.paste(drawn, (GAP + column * step, GAP + row * step))
    with whole(path) as fresh:  # the bot may be reading the one before
        sheet.save(fresh, "PNG")
    return path


def _tile(tile: Tile) -> Image.Image:
    ground = Image.new("RGB", (TILE, TILE), GROUND)
    with Image.open(tile.image) as file:
        file.draft("RGB", (TILE, TILE))
        picture = file.convert("RGB")
    size = _fitted(*picture.size)
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    ground.paste(picture, ((TILE - size[0]) // 2, (TILE - size[1]) // 2), _mask(tile.mask, size))
    if tile.mark == "refused":
        ground = Image.blend(ground, Image.new("RGB", ground.size, PAPER), PALE)
    number, mark = _number(tile.number), _mark(tile.mark)
    ground.paste(number, (0, 0), number)
    ground.paste(mark, (TILE - BADGE, TILE - BADGE), mark)
    return ground


def _fitted(width: int, height: int) -> tuple[int, int]:
    scale = TILE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _mask(path: Path | None, size: tuple[int, int]) -> Image.Image | None:
    if path is None:
        return None
    with Image.open(path) as file:
        return file.convert("L").resize(size, Image.Resampling.LANCZOS)


def _number(number: int) -> Image.Image:
    """White on black, in the corner."""
    text, font = str(number), ImageFont.load_default(BADGE * 0.8)
    width = max(BADGE, round(font.getlength(text)) + BADGE // 3)
    badge = Image.new("RGBA", (width, BADGE))
    draw = ImageDraw.Draw(badge)
    draw.rounded_rectangle((0, 0, width - 1, BADGE - 1), BADGE // 5, (20, 24, 32), corners=(False, False, True, False))
    draw.text((width / 2, BADGE / 2), text, "white", font, anchor="mm")
    return badge


def _mark(mark: Mark) -> Image.Image:
    """A shape of BADGE squared pixels on nothing, with a white edge."""
    side = BADGE * SMOOTH
    badge = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(badge)
    match mark:
        case "good":
            draw.ellipse(_box(side, 0.03), "white")
            draw.ellipse(_box(side, 0.08), (22, 135, 66))
            _stroke(draw, side, [(0.28, 0.53), (0.44, 0.69), (0.73, 0.34)], "white")
        case "remark":
            draw.polygon(_points(side, [(0.5, 0.0), (1.0, 0.96), (0.0, 0.96)]), "white")
            draw.polygon(_points(side, [(0.5, 0.11), (0.92, 0.91), (0.08, 0.91)]), (255, 184, 28))
            _stroke(draw, side, [(0.5, 0.4), (0.5, 0.62)], "black")
            draw.ellipse([0.44 * side, 0.73 * side, 0.56 * side, 0.85 * side], "black")
        case "refused":
            draw.rectangle(_box(side, 0.03), "white")
            draw.rectangle(_box(side, 0.08), (200, 28, 36))
            _stroke(draw, side, [(0.3, 0.3), (0.7, 0.7)], "white")
            _stroke(draw, side, [(0.7, 0.3), (0.3, 0.7)], "white")
    return badge.resize((BADGE, BADGE), Image.Resampling.BOX)


def _box(side: int, margin: float) -> list[float]:
    return [margin * side, margin * side, (1 - margin) * side, (1 - margin) * side]


def _points(side: int, shares: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x * side, y * side) for x, y in shares]


def _stroke(draw: ImageDraw.ImageDraw, side: int, shares: list[tuple[float, float]], fill: str) -> None:
    """A line with round ends and corners."""
    points, width = _points(side, shares), round(0.12 * side)
    draw.line(points, fill, width)
    for x, y in points:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill)
