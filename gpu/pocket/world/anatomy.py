"""How a dog is drawn, part by part: lengths are in radii of its head, from the head's centre.

Knows: shapes, and what hides what. Does not know: places, styles, or what else is in the picture (kennel.py).
"""

from gpu.pocket.world.dogs import Dog, Shot
from gpu.pocket.world.pencil import Pencil, shade


def draw_dog(p: Pencil, dog: Dog, shot: Shot) -> None:
    """The whole dog, from what is behind to what is in front."""
    _body(p, dog, shot.pose, -1 if shot.turn > 0 else 1)
    _neck(p, shot)
    _ears(p, dog, shot.turn, behind=True)
    p.head(dog.coat, fringe=dog.long_fur)
    _face(p, dog, shot)
    _ears(p, dog, shot.turn, behind=False)
    _wear(p, shot)


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
    if "a hat" in shot.wear:
        p.shape([(-0.98, -0.70), (0.98, -0.70), (0.88, -0.94), (-0.88, -0.94)], shade(shot.cloth, -0.2))
        p.shape([(-0.58, -0.90), (0.58, -0.90), (0.48, -1.58), (-0.48, -1.58)], shot.cloth)
    if "glasses" in shot.wear:
        frame = shade(shot.cloth, -0.3)
        for e in (-1, 1):
            p.ring(shift + e * 0.42, -0.14, 0.33, (245, 245, 250), 0.20)  # a rim that shows on every coat
            p.ring(shift + e * 0.42, -0.14, 0.33, frame, 0.12)
            p.line([(shift + e * 0.75, -0.18), (e * 0.98, -0.26)], frame, 0.10)
        p.line([(shift - 0.09, -0.16), (shift + 0.09, -0.16)], frame, 0.12)


def _neck(p: Pencil, shot: Shot) -> None:
    if "a scarf" in shot.wear:
        p.blob(0, 1.02, 0.78, 0.30, shot.cloth)
        p.shape([(0.22, 1.05), (0.62, 1.05), (0.74, 1.95), (0.32, 1.95)], shade(shot.cloth, -0.12))
    else:
        p.blob(0, 0.98, 0.58, 0.15, shot.cloth)
        p.blob(0, 1.14, 0.10, 0.10, (250, 215, 80))


def _body(p: Pencil, dog: Dog, pose: str, ahead: int) -> None:
    """ahead: 1 where the dog looks left and its body is on the right, else -1."""
    dark, fur = shade(dog.coat, -0.10), dog.long_fur
    if pose == "bust":
        p.blob(0, 2.05, 1.02, 1.30, dark, fringe=fur)
        p.blob(0, 2.05, 0.46, 0.95, dog.second)
    elif pose == "sitting":
        p.blob(ahead * 1.05, 2.9, 0.22, 0.75, dark, ahead * 0.7, fringe=fur)  # tail
        p.blob(0, 2.25, 0.98, 1.45, dark, fringe=fur)
        p.blob(0, 1.95, 0.46, 0.85, dog.second)
        for s in (-1, 1):
            p.blob(s * 0.95, 3.15, 0.48, 0.58, dark)
            p.blob(s * 0.34, 3.0, 0.24, 0.80, dog.coat)
            p.blob(s * 0.36, 3.72, 0.32, 0.20, dog.coat)
    else:
        p.blob(ahead * 3.35, 1.05, 0.20, 0.85, dark, ahead * 0.6, fringe=fur)
        p.blob(ahead * 1.7, 1.75, 1.75, 0.85, dog.coat, fringe=fur)
        p.blob(ahead * 1.9, 1.55, 0.62, 0.42, dog.second)
        for x in (0.45, 0.95, 2.5, 3.0):
            p.blob(ahead * x, 2.75, 0.24, 0.85, dark if x in (0.95, 2.5) else dog.coat)
            p.blob(ahead * (x - 0.06), 3.5, 0.30, 0.17, dark if x in (0.95, 2.5) else dog.coat)
