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
from gpu.pocket.world.scenes import SCENES
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
    """What words may say: family and ears half of the time; place and what is worn nearly always, or a dog would wear
    unasked what pictures show and words do not.
    """
    family = f"{dog.family} " if rng.random() < 0.5 else ""
    ears = f" with {dog.ears} ears" if rng.random() < 0.5 else ""
    wear = f" wearing {shot.wear}" if shot.wear and rng.random() < 0.9 else ""
    said = f"{MEDIA[shot.style]} of a {family}dog{ears}{wear}"
    where = shot.scene if rng.random() < 0.85 else ""
    if where and rng.random() < 0.15:
        return f"{where}, {said}"
    return f"{said}, {where}" if where else said
