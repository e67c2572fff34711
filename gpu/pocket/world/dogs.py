"""Dogs and shots: all that there is to know about a drawn dog, about one look at it, and what words may say of both.

Knows: the ranges of everything, chance. Does not know: how any of it is drawn (anatomy.py, kennel.py).
Words name coat family, ears and what the dog wears; exact coat, patch and side, second colour, muzzle and eyes are
never said: only learning from photos can bring those back, which is what identity means here.
"""

import colorsys
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gpu.pocket.world.pencil import Rgb, shade
from gpu.pocket.world.scenes import PLAIN, SCENES
from gpu.pocket.world.styling import MEDIA

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
WEAR = ("a hat", "glasses", "a scarf")
WORN = (0, 0, 0, 0, 1, 1, 1, 1, 2, 2)  # things of WEAR
FRAMINGS = ("close", "close", *["middle"] * 13, *["far"] * 5)
POSES = ("bust", "bust", "sitting", "standing")
SCALES: dict[tuple[str, str], tuple[float, float]] = {
    ("close", "bust"): (0.29, 0.38),
    ("middle", "bust"): (0.19, 0.27),
    ("middle", "sitting"): (0.14, 0.185),
    ("middle", "standing"): (0.125, 0.16),
    ("far", "sitting"): (0.06, 0.10),
    ("far", "standing"): (0.06, 0.10),
}
"""Framing and pose -> range of a head's radius, share of the picture."""
EXTENTS = {"bust": (-1.3, -1.6, 1.3, 3.3), "sitting": (-1.45, -1.6, 1.45, 3.95), "standing": (-1.3, -1.6, 3.6, 3.7)}
"""Left, top, right and bottom of a dog that looks left, from its head's centre, in radii of the head."""
OFF = 0.12  # from the middle of the picture: from there on words may say where the dog is


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
    framing: str  # "close", "middle" or "far"
    pose: str
    x: float  # head centre, share of the picture
    y: float
    scale: float  # head radius, share of the picture
    tilt: float  # radians
    turn: float  # -1 looks left, 1 looks right
    wear: tuple[str, ...]
    cloth: Rgb
    tongue: bool
    seed: int
    clutter: tuple[str, ...] = ()  # of "hand", "dog", "person", "furniture", "blur", "dark"

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the dog, shares of the picture, and no more than it."""
        left, top, right, bottom = EXTENTS[self.pose]
        if self.turn > 0:
            left, right = -right, -left
        sides = (self.x + left * self.scale, self.y + top * self.scale)
        ends = (self.x + right * self.scale, self.y + bottom * self.scale)
        return (max(sides[0], 0.0), max(sides[1], 0.0), min(ends[0], 1.0), min(ends[1], 1.0))


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


def a_shot(rng: random.Random, style: str | None = None, scene: str | None = None, framing: str | None = None) -> Shot:
    """A way to look at a dog."""
    framing = framing or rng.choice(FRAMINGS)
    pose = rng.choice([pose for pose in POSES if (framing, pose) in SCALES])
    scale, turn = rng.uniform(*SCALES[framing, pose]), rng.uniform(-1, 1)
    x, y = _bust(rng, scale) if pose == "bust" else _whole(rng, pose, scale, turn)
    return Shot(
        scene or rng.choice((*SCENES, PLAIN)), style or rng.choice(list(MEDIA)), framing, pose, x, y, scale,
        rng.uniform(-0.12, 0.12), turn, tuple(rng.sample(WEAR, rng.choice(WORN))), rng.choice(CLOTH),
        rng.random() < 0.3, rng.randrange(1 << 30),
    )  # fmt: skip


def _bust(rng: random.Random, scale: float) -> tuple[float, float]:
    """Where the head of a dog may be whose body goes on below the picture."""
    side = max(0.15, 1.2 * scale)
    return rng.uniform(side, 1 - side), rng.uniform(max(0.38, 1 - 3.1 * scale), 0.58)


def _whole(rng: random.Random, pose: str, scale: float, turn: float) -> tuple[float, float]:
    """Where the head of a dog may be of which all is in the picture, or nearly all."""
    left, top, right, bottom = EXTENTS[pose]
    across, down = (right - left) / 2 * scale, (bottom - top) / 2 * scale
    side, end = min(0.5, max(0.15, 0.85 * across)), min(0.5, down)
    centre_x, centre_y = rng.uniform(side, 1 - side), rng.uniform(end, 1 - end + 0.03)
    ahead = (left + right) / 2 * scale * (-1 if turn > 0 else 1)
    return centre_x - ahead, centre_y - (top + bottom) / 2 * scale


def photo_shots(rng: random.Random, count: int, clutter: Sequence[str] = ()) -> list[Shot]:
    """Shots as a person would attach to /enroll: photos, several places, the dog near the middle, nothing worn,
    `clutter` in the way.
    """
    scenes = rng.sample(SCENES, min(count, len(SCENES)))
    shots = [a_shot(rng, "photo", scenes[i % len(scenes)], "middle") for i in range(count)]
    return [replace(s, x=s.x - 0.7 * _off_middle(s), wear=(), clutter=tuple(clutter)) for s in shots]


def _off_middle(shot: Shot) -> float:
    """How far the dog's centre is to the right of the picture's."""
    left, _, right, _ = shot.box
    return (left + right) / 2 - 0.5


def caption(dog: Dog, shot: Shot, rng: random.Random) -> str:
    """What words may say: family and ears half of the time; place and what is worn nearly always, or a dog would wear
    unasked what pictures show and words do not; where it stands and how near most of the time.
    """
    family = f"{dog.family} " if rng.random() < 0.5 else ""
    ears = f" with {dog.ears} ears" if rng.random() < 0.5 else ""
    worn = [thing for thing in shot.wear if rng.random() < 0.95]
    wear = f" wearing {' and '.join(worn)}" if worn else ""
    said = f"{MEDIA[shot.style]} of a {family}dog{ears}{wear}"
    where = (framing_words(shot), 0.9), (position_words(shot), 0.75)
    words = [word for word, often in where if word and rng.random() < often]
    if rng.random() < 0.85:
        words.insert(rng.randint(0, len(words)), shot.scene)
    if words and rng.random() < 0.15:
        return f"{words.pop()}, {', '.join([said, *words])}"
    return ", ".join([said, *words])


def framing_words(shot: Shot) -> str:
    """How near the dog is; nothing where it is neither near nor far."""
    return {"close": "a close-up", "middle": "", "far": "far away"}[shot.framing]


def position_words(shot: Shot) -> str:
    """Where the dog is; nothing where it is near the middle of the picture."""
    _, top, _, bottom = shot.box
    x, y = _off_middle(shot), (top + bottom) / 2 - 0.5
    across = "" if abs(x) < OFF else "on the left" if x < 0 else "on the right"
    if shot.pose == "bust" or abs(y) < OFF:  # a bust reaches the bottom wherever its head is
        return across
    return " ".join(filter(None, ["at the top" if y < 0 else "at the bottom", across]))
