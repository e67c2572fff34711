"""The kennel: an endless drawn world of dogs, with the truth about every picture.

Knows: how a dog looks, how it is drawn, what its caption may say. Does not know: models, training, or who looks.
Words name coat family, ears and what the dog wears; exact coat, patch and side, second colour, muzzle and eyes are
never said: only learning from photos can bring those back, which is what identity means here.

    python -m gpu.pocket.kennel --sheet out.png
"""

import argparse
import colorsys
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageFilter

from gpu.pocket.pencil import Pencil, Rgb, shade
from gpu.pocket.scenes import SCENES, paint_scene
from gpu.pocket.styling import MEDIA, restyle

SIZE = 128  # pixels of a finished picture
OVER = 3  # drawn this many times larger, then shrunk

# family -> (hue, saturation, value) ranges; hue in degrees
FAMILIES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "golden": ((36, 50), (0.55, 0.85), (0.80, 0.97)),
    "red": ((8, 22), (0.62, 0.88), (0.62, 0.86)),
    "brown": ((18, 34), (0.50, 0.75), (0.32, 0.50)),
    "black": ((200, 260), (0.05, 0.30), (0.10, 0.20)),
    "white": ((30, 60), (0.00, 0.08), (0.93, 1.00)),
    "grey": ((200, 230), (0.06, 0.20), (0.48, 0.68)),
}
EARS = ("floppy", "pointy", "round", "long")
PATCHES = ("none", "eye", "half", "spots", "blaze", "mask", "cap")
SIDED = ("eye", "half", "spots")
EYES: tuple[Rgb, ...] = ((70, 42, 20), (60, 120, 190), (70, 130, 60), (190, 130, 30))
CLOTH: tuple[Rgb, ...] = ((210, 40, 40), (40, 80, 210), (240, 200, 30), (130, 60, 180), (240, 120, 170), (40, 150, 80))
WEAR = ("", "", "", "", "", "a hat", "glasses", "a scarf")
POSES = ("bust", "bust", "sitting", "standing")


@dataclass(frozen=True, slots=True)
class Dog:
    """One dog. Colours are RGB 0..255."""

    family: str
    coat: Rgb
    second: Rgb  # of patch, chest and, for two-tone ears, ears
    patch: str
    side: int  # -1 left, 1 right (of the picture); only SIDED patches have one
    ears: str
    ears_second: bool
    muzzle: Rgb
    muzzle_size: float
    long_fur: bool
    eyes: Rgb


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a dog: where, how, and what is in the way."""

    scene: str
    style: str
    pose: str
    x: float  # head centre, share of the picture
    y: float
    scale: float  # head radius, share of the picture
    tilt: float  # radians
    turn: float  # -1 looks left, 1 looks right
    wear: str
    cloth: Rgb
    tongue: bool
    seed: int
    clutter: tuple[str, ...] = ()  # of "hand", "dog", "person", "furniture", "blur", "dark"


@dataclass(frozen=True, slots=True)
class Picture:
    image: Image.Image  # RGB, SIZE x SIZE
    masks: tuple[Image.Image, ...]  # L; the dog first, then other dogs in the way
    caption: str


def _hsv(rng: random.Random, family: str) -> Rgb:
    (h0, h1), (s0, s1), (v0, v1) = FAMILIES[family]
    rgb = colorsys.hsv_to_rgb(rng.uniform(h0, h1) / 360, rng.uniform(s0, s1), rng.uniform(v0, v1))
    return (round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255))


def a_dog(rng: random.Random) -> Dog:
    """A dog that nobody has drawn before."""
    family = rng.choice(list(FAMILIES))
    other = rng.choice([f for f in FAMILIES if f != family])
    coat, second = _hsv(rng, family), _hsv(rng, other)
    patch = rng.choice(PATCHES)
    muzzle = rng.choice([shade(coat, 0.35), shade(coat, -0.55), second])
    return Dog(
        family, coat, second, patch, rng.choice((-1, 1)) if patch in SIDED else 0, rng.choice(EARS),
        rng.random() < 0.4, muzzle, rng.uniform(0.85, 1.2), rng.random() < 0.3, rng.choice(EYES),
    )  # fmt: skip


def a_shot(rng: random.Random, style: str | None = None, scene: str | None = None) -> Shot:
    """A way to look at a dog."""
    pose = rng.choice(POSES)
    scale = {"bust": rng.uniform(0.20, 0.27), "sitting": rng.uniform(0.15, 0.19), "standing": rng.uniform(0.13, 0.16)}
    y = {"bust": rng.uniform(0.40, 0.50), "sitting": rng.uniform(0.30, 0.38), "standing": rng.uniform(0.36, 0.44)}
    x = rng.uniform(0.30, 0.38) if pose == "standing" else rng.uniform(0.42, 0.58)
    return Shot(
        scene or rng.choice(SCENES), style or rng.choice(list(MEDIA)), pose, x, y[pose], scale[pose],
        rng.uniform(-0.12, 0.12), rng.uniform(-1, 1), rng.choice(WEAR), rng.choice(CLOTH), rng.random() < 0.3,
        rng.randrange(1 << 30),
    )  # fmt: skip


def photo_shots(rng: random.Random, count: int, clutter: Sequence[str] = ()) -> list[Shot]:
    """Shots as a person would attach to /enroll: photos, several places, nothing worn, `clutter` in the way."""
    scenes = rng.sample(SCENES, min(count, len(SCENES)))
    shots = [a_shot(rng, "photo", scenes[i % len(scenes)]) for i in range(count)]
    return [replace(s, wear="", clutter=tuple(clutter)) for s in shots]


def caption(dog: Dog, shot: Shot, rng: random.Random) -> str:
    """What words may say. Each clause is there half of the time."""
    family = f"{dog.family} " if rng.random() < 0.5 else ""
    ears = f" with {dog.ears} ears" if rng.random() < 0.5 else ""
    wear = f" wearing {shot.wear}" if shot.wear and rng.random() < 0.9 else ""
    said = f"{MEDIA[shot.style]} of a {family}dog{ears}{wear}"
    where = shot.scene if rng.random() < 0.85 else ""
    if where and rng.random() < 0.15:
        return f"{where}, {said}"
    return f"{said}, {where}" if where else said


# ------------------------------------------------------------------------------- drawing, in head radii from its centre


def _ears(p: Pencil, dog: Dog, turn: float, behind: bool) -> None:
    colour = dog.second if dog.ears_second else shade(dog.coat, -0.18)
    inner = (225, 160, 150)
    for s in (-1, 1):
        x = s * (0.92 - 0.10 * s * turn)
        if dog.ears == "pointy" and behind:
            p.shape([(s * 0.25, -0.75), (x * 1.0, -1.62), (s * 1.02, -0.25)], colour)
            p.shape([(s * 0.45, -0.78), (x * 0.95, -1.35), (s * 0.88, -0.42)], inner)
        elif dog.ears == "round" and behind:
            p.blob(x * 0.84, -0.72, 0.44, 0.44, colour)
            p.blob(x * 0.84, -0.70, 0.25, 0.25, inner)
        elif dog.ears == "floppy" and not behind:
            p.blob(x * 1.02, 0.0, 0.30, 0.68, colour, s * -0.22, fringe=dog.long_fur)
        elif dog.ears == "long" and not behind:
            p.blob(x * 1.04, 0.48, 0.26, 1.02, colour, s * -0.10, fringe=dog.long_fur)


def _patch(p: Pencil, dog: Dog, shift: float) -> None:
    s = dog.side
    if dog.patch == "eye":
        p.blob(shift + s * 0.40, -0.16, 0.34, 0.40, dog.second, s * 0.3)
    elif dog.patch == "half":
        p.half(dog.second, s, shift)
    elif dog.patch == "spots":
        for dx, dy, r in ((0.70, -0.45, 0.13), (0.80, 0.10, 0.15), (0.52, -0.72, 0.11), (0.62, 0.45, 0.12)):
            p.blob(shift * 0.5 + s * dx, dy, r, r, dog.second)
    elif dog.patch == "blaze":
        p.shape([(shift - 0.12, -0.90), (shift + 0.12, -0.90), (shift + 0.17, 0.3), (shift - 0.17, 0.3)], dog.second)
    elif dog.patch == "mask":
        for e in (-1, 1):
            p.blob(shift + e * 0.40, -0.13, 0.31, 0.33, dog.second, e * 0.35)
    elif dog.patch == "cap":
        p.cap(dog.second)


def _face(p: Pencil, dog: Dog, shot: Shot) -> None:
    shift, m = 0.22 * shot.turn, dog.muzzle_size
    _patch(p, dog, shift)
    if shot.tongue:
        p.blob(shift * 1.6, 0.78 * m, 0.15, 0.24, (235, 110, 125))
    p.blob(shift * 1.6, 0.42, 0.48 * m, 0.37 * m, dog.muzzle)
    p.line([(shift * 1.7, 0.3), (shift * 1.7, 0.55)], (40, 28, 28), 0.05)
    p.line([(shift * 1.7 - 0.2, 0.60), (shift * 1.7, 0.55), (shift * 1.7 + 0.2, 0.60)], (40, 28, 28), 0.05)
    p.blob(shift * 1.8, 0.22, 0.19, 0.14, (25, 20, 24))
    p.blob(shift * 1.8 - 0.05, 0.18, 0.05, 0.03, (150, 150, 160))
    for e in (-1, 1):
        x, wide = shift + e * 0.38, 1 - 0.25 * max(0.0, -e * shot.turn)
        p.blob(x, -0.15, 0.19 * wide, 0.20, (250, 250, 245))
        p.blob(x + 0.03 * shot.turn, -0.14, 0.145 * wide, 0.16, dog.eyes)
        p.blob(x + 0.03 * shot.turn, -0.14, 0.08, 0.09, (10, 10, 12))
        p.blob(x + 0.06, -0.20, 0.035, 0.035, (255, 255, 255))


def _wear(p: Pencil, shot: Shot) -> None:
    shift = 0.22 * shot.turn
    if shot.wear == "a hat":
        p.shape([(-0.95, -0.72), (0.95, -0.72), (0.85, -0.92), (-0.85, -0.92)], shade(shot.cloth, -0.2))
        p.shape([(-0.55, -0.88), (0.55, -0.88), (0.45, -1.55), (-0.45, -1.55)], shot.cloth)
    elif shot.wear == "glasses":
        for e in (-1, 1):
            p.ring(shift + e * 0.40, -0.14, 0.30, shade(shot.cloth, -0.3), 0.09)
        p.line([(shift - 0.1, -0.16), (shift + 0.1, -0.16)], shade(shot.cloth, -0.3), 0.08)


def _neck(p: Pencil, shot: Shot) -> None:
    if shot.wear == "a scarf":
        p.blob(0, 1.02, 0.72, 0.26, shot.cloth)
        p.shape([(0.25, 1.05), (0.6, 1.05), (0.7, 1.85), (0.35, 1.85)], shade(shot.cloth, -0.12))
    else:
        p.blob(0, 0.98, 0.58, 0.15, shot.cloth)
        p.blob(0, 1.14, 0.10, 0.10, (250, 215, 80))


def _body(p: Pencil, dog: Dog, pose: str) -> None:
    dark, fur = shade(dog.coat, -0.10), dog.long_fur
    if pose == "bust":
        p.blob(0, 2.05, 1.02, 1.30, dark, fringe=fur)
        p.blob(0, 2.05, 0.46, 0.95, dog.second)
    elif pose == "sitting":
        p.blob(1.05, 2.9, 0.22, 0.75, dark, 0.7, fringe=fur)  # tail
        p.blob(0, 2.25, 0.98, 1.45, dark, fringe=fur)
        p.blob(0, 1.95, 0.46, 0.85, dog.second)
        for s in (-1, 1):
            p.blob(s * 0.95, 3.15, 0.48, 0.58, dark)
            p.blob(s * 0.34, 3.0, 0.24, 0.80, dog.coat)
            p.blob(s * 0.36, 3.72, 0.32, 0.20, dog.coat)
    else:
        p.blob(3.35, 1.05, 0.20, 0.85, dark, 0.6, fringe=fur)
        p.blob(1.7, 1.75, 1.75, 0.85, dog.coat, fringe=fur)
        p.blob(1.9, 1.55, 0.62, 0.42, dog.second)
        for x in (0.45, 0.95, 2.5, 3.0):
            p.blob(x, 2.75, 0.24, 0.85, dark if x in (0.95, 2.5) else dog.coat)
            p.blob(x - 0.06, 3.5, 0.30, 0.17, dark if x in (0.95, 2.5) else dog.coat)


def _draw_dog(p: Pencil, dog: Dog, shot: Shot) -> None:
    _body(p, dog, shot.pose)
    _neck(p, shot)
    _ears(p, dog, shot.turn, behind=True)
    p.head(dog.coat, fringe=dog.long_fur)
    _face(p, dog, shot)
    _ears(p, dog, shot.turn, behind=False)
    _wear(p, shot)


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
        other, far = a_dog(rng), replace(a_shot(rng), pose="sitting", wear="")
        p = Pencil(canvas, rng.choice((0.12, 0.88)) * big, 0.5 * big, 0.075 * big, 0, rng)
        _draw_dog(p, other, far)
        masks.append(p.mask)
    return masks


def _hand(canvas: Image.Image, rng: random.Random, mask: Image.Image) -> None:
    side = rng.choice((-1, 1))
    p = Pencil(canvas, (0.5 + side * 0.36) * canvas.width, 0.80 * canvas.height, 0.11 * canvas.width, side * 0.5, rng)
    p.blob(side * 0.9, 1.2, 0.62, 1.5, (232, 184, 152), side * -0.6)
    p.blob(0, 0, 0.8, 0.7, (240, 194, 164))
    for i in range(4):
        p.blob(-side * 0.62, -0.5 + i * 0.34, 0.55, 0.15, (240, 194, 164))
    mask.paste(0, (0, 0), p.mask)


def draw(dog: Dog, shot: Shot, size: int = SIZE) -> Picture:
    """The picture that `shot` takes of `dog`; the same arguments give the same pixels."""
    rng = random.Random(shot.seed)
    big = size * OVER
    canvas = paint_scene(shot.scene, big, rng)
    others = _clutter(canvas, shot, rng)
    pencil = Pencil(canvas, shot.x * big, shot.y * big, shot.scale * big, shot.tilt, rng)
    _draw_dog(pencil, dog, shot)
    if "hand" in shot.clutter:
        _hand(canvas, rng, pencil.mask)
    masks = [m.resize((size, size), Image.Resampling.BOX) for m in (pencil.mask, *others)]
    image = canvas.resize((size, size), Image.Resampling.BOX)
    return Picture(_spoil(restyle(image, masks[0], shot.style, rng), shot), tuple(masks), caption(dog, shot, rng))


def _spoil(image: Image.Image, shot: Shot) -> Image.Image:
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
