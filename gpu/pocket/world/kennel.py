"""The kennel: an endless drawn world of dogs, with the truth about every picture.

Knows: how a dog, a place, whatever is in the way and a style become a picture. Does not know: models, training, or who
looks.

    python -m gpu.pocket.world.kennel --sheet out.png
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageFilter

from gpu.pocket.world.anatomy import draw_dog
from gpu.pocket.world.dogs import CLOTH, Dog, Shot, a_dog, a_shot, caption
from gpu.pocket.world.pencil import Pencil, shade
from gpu.pocket.world.scenes import paint_scene
from gpu.pocket.world.styling import MEDIA, restyle

SIZE = 128  # pixels of a finished picture
OVER = 3  # drawn this many times larger, then shrunk


@dataclass(frozen=True, slots=True)
class Picture:
    image: Image.Image  # RGB, SIZE x SIZE
    masks: tuple[Image.Image, ...]  # L; the dog first, then other dogs in the way
    caption: str


def _clutter(canvas: Image.Image, shot: Shot, rng: random.Random) -> list[Image.Image]:
    """Draw what is in the way; returns the masks of other dogs."""
    big, masks = canvas.width, list[Image.Image]()
    if "person" in shot.clutter:
        p = Pencil(canvas, rng.choice((0.12, 0.88)) * big, 0.25 * big, 0.13 * big, 0, rng)
        p.blob(0, 2.6, 1.3, 2.2, rng.choice(CLOTH))
        p.blob(0, 0, 0.75, 0.9, (235, 190, 160))
    if "furniture" in shot.clutter:
        p = Pencil(canvas, rng.uniform(0.1, 0.9) * big, 0.85 * big, 0.15 * big, 0, rng)
        p.shape([(-1.6, -0.6), (1.6, -0.6), (1.6, 0.8), (-1.6, 0.8)], shade(rng.choice(CLOTH), -0.2))
    if "dog" in shot.clutter:
        other, far = a_dog(rng), replace(a_shot(rng), pose="sitting", wear=())
        p = Pencil(canvas, rng.choice((0.12, 0.88)) * big, 0.5 * big, 0.075 * big, 0, rng)
        draw_dog(p, other, far)
        masks.append(p.mask)
    return masks


def _hand(canvas: Image.Image, rng: random.Random) -> Image.Image:
    """Draw it; returns its mask."""
    side = rng.choice((-1, 1))
    p = Pencil(canvas, (0.5 + side * 0.36) * canvas.width, 0.80 * canvas.height, 0.11 * canvas.width, side * 0.5, rng)
    p.blob(side * 0.9, 1.2, 0.62, 1.5, (232, 184, 152), side * -0.6)
    p.blob(0, 0, 0.8, 0.7, (240, 194, 164))
    for i in range(4):
        p.blob(-side * 0.62, -0.5 + i * 0.34, 0.55, 0.15, (240, 194, 164))
    return p.mask


def _hide(masks: Sequence[Image.Image], front: Image.Image) -> None:
    """What was drawn later is in front."""
    for mask in masks:
        mask.paste(0, (0, 0), front)


def draw(dog: Dog, shot: Shot, size: int = SIZE) -> Picture:
    """The picture that `shot` takes of `dog`; the same arguments give the same pixels."""
    rng = random.Random(shot.seed)
    big = size * OVER
    canvas = paint_scene(shot.scene, big, rng)
    others = _clutter(canvas, shot, rng)
    pencil = Pencil(canvas, shot.x * big, shot.y * big, shot.scale * big, shot.tilt, rng)
    draw_dog(pencil, dog, shot)
    _hide(others, pencil.mask)
    if "hand" in shot.clutter:
        _hide([pencil.mask, *others], _hand(canvas, rng))
    masks = [m.resize((size, size), Image.Resampling.BOX) for m in (pencil.mask, *others)]
    image = canvas.resize((size, size), Image.Resampling.BOX)
    return Picture(_degrade(restyle(image, masks[0], shot.style, rng), shot), tuple(masks), caption(dog, shot, rng))


def _degrade(image: Image.Image, shot: Shot) -> Image.Image:
    if "blur" in shot.clutter:
        image = image.filter(ImageFilter.GaussianBlur(image.width / 90))
    if "dark" in shot.clutter:
        image = image.point(lambda v: v * 0.45)
    return image


def sheet(rows: Sequence[Sequence[Image.Image]], zoom: int = 1) -> Image.Image:
    """Rows of equal pictures as one picture."""
    side = rows[0][0].width * zoom
    whole = Image.new("RGB", (side * max(map(len, rows)), side * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            whole.paste(image.resize((side, side), Image.Resampling.NEAREST), (x * side, y * side))
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a contact sheet of the kennel.")
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    rows = [[draw(a_dog(rng), a_shot(rng, style)).image for _ in range(10)] for style in MEDIA]
    sheet(rows).save(args.sheet)
    print(f"{args.sheet}: {', '.join(MEDIA)} (rows)")


if __name__ == "__main__":
    main()
