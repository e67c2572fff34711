"""500 photos, the same each time: formats x modes x orientations x colours x damage, and the verdict on each.

Knows: what a photo is made of, so what is right follows from how it was made. Does not know: the decoder.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from PIL import Image

from storage.decoder.reasons import Reason
from tests.bench.photos_parts import (
    COLOURS,
    MODES,
    NUMBERED,
    PNG_ONLY,
    STORED,
    Colours,
    Painted,
    avif,
    heics,
    jpeg,
    odd_png,
    png_file,
    same,
    saved,
    scene,
    webp,
    with_alpha,
    with_numbers,
)
from tests.helpers import hostile

Verdict = Literal["taken"] | Reason
SEED, COUNT = 20261128, 500

LEAST_PX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A file, the right verdict on it, and how it shows if it is taken.

    `as_in_browser`: does Chromium show it so? It does not turn a WebP by its EXIF, as phones do, and leaves the last
    rows of a JPEG without an end marker blank.
    """

    name: str
    data: bytes
    verdict: Verdict = "taken"
    shown: Image.Image | None = None
    as_in_browser: bool = True


@dataclass(frozen=True, slots=True)
class Format:
    write: Callable[[Random, Image.Image, Colours, int], bytes]
    modes: tuple[str, ...]
    colours: dict[str, Colours]
    damage: tuple[str, ...]


CUTS = ("cut", "hole")
FORMATS = {
    "JPEG": Format(jpeg, ("RGB", "RGB", "L", "CMYK"), COLOURS, ("cut", "no end", "tail", "padded")),
    "PNG": Format(
        png_file, ("RGB", "RGBA", "L", "LA", "1", "P", "I;16"), COLOURS | NUMBERED | PNG_ONLY,
        (*CUTS, "no end", "tail", "flip", "texts"),
    ),
    "WEBP": Format(webp, ("RGB", "RGBA"), COLOURS, (*CUTS, "tail")),
    "AVIF": Format(avif, ("RGB", "RGBA"), COLOURS | NUMBERED, CUTS),
}  # fmt: skip
KEPT = {"tail", "padded", "no end", "texts"}  # these do not touch the picture


def photos(count: int = COUNT, seed: int = SEED) -> Iterator[Made]:
    """One by one; each is made by its own number alone."""
    for number in range(count):
        rng = Random(f"{seed}/{number}")
        kind = rng.choices((photo, odd, heic, other, small, hdr), (58, 12, 8, 12, 3, 7))[0]
        made = kind(rng)
        yield replace(made, name=f"{number:03} {made.name}")


def photo(rng: Random) -> Made:
    """A phone's, a camera's, a program's; and in one case of three something happened to it."""
    name = rng.choice(list(FORMATS))
    form = FORMATS[name]
    mode, space, orientation = rng.choice(form.modes), rng.choice(list(form.colours)), rng.randrange(1, 9)
    size = rng.randrange(LEAST_PX, 400), rng.randrange(LEAST_PX, 400)
    painted, colours = _painted(mode, scene(rng, size), form.colours[space])
    turn = STORED[orientation]
    stored = painted.stored if turn is None else painted.stored.transpose(turn)
    data = form.write(rng, stored, colours, orientation)
    made = Made(
        name=f"{name} {mode} {space} orientation {orientation}", data=data, shown=painted.shown,
        as_in_browser=name != "WEBP" or orientation == 1,
    )  # fmt: skip
    return _damaged(rng, made, rng.choice(form.damage)) if rng.random() < 1 / 3 else made


def _painted(mode: str, image: Image.Image, colours: Colours) -> tuple[Painted, Colours]:
    if mode == "RGB":
        return Painted(colours.encoded(image), image), colours
    if mode == "RGBA":
        return with_alpha(colours.encoded(image), image), colours
    return MODES[mode](image), COLOURS["plain"]


def _damaged(rng: Random, made: Made, damage: str) -> Made:
    made = replace(made, name=f"{made.name}, {damage}", data=DAMAGE[damage](rng, made.data))
    if damage == "no end":
        made = replace(made, as_in_browser=False)
    return made if damage in KEPT else replace(made, verdict="truncated", shown=None)


def _hole(rng: Random, data: bytes) -> bytes:
    start = int(len(data) * rng.uniform(0.5, 0.7))
    return data[:start] + data[start + len(data) // 8 :]


def _flip(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(data.index(b"IDAT") + 4, data.rindex(b"IEND") - 8)
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _padded(_: Random, data: bytes) -> bytes:
    """Between the end of the picture and its end marker."""
    return data[:-2] + bytes(64) + data[-2:]


def _texts(_: Random, data: bytes) -> bytes:
    """Two megabytes of one letter, packed: a drawing program's log."""
    import zlib

    from tests.helpers.png import chunk

    return data[:33] + chunk(b"zTXt", b"log\0\0" + zlib.compress(b"a" * (2 << 20), 9)) + data[33:]


DAMAGE: dict[str, Callable[[Random, bytes], bytes]] = {
    "cut": lambda rng, data: data[: int(len(data) * rng.uniform(0.4, 0.9))],
    "hole": _hole,
    "flip": _flip,
    "no end": lambda _, data: data[:-2] if data[:1] == b"\xff" else data[:-12],
    "tail": lambda rng, data: data + rng.randbytes(rng.randrange(1, 400)),
    "padded": _padded,
    "texts": _texts,
}


def odd(rng: Random) -> Made:
    """A PNG of a kind that few programs write."""
    data, shown = odd_png(rng, scene(rng, (rng.randrange(LEAST_PX, 90), rng.randrange(LEAST_PX, 90))))
    return Made(name=f"odd PNG depth {data[24]} type {data[25]} interlaced {data[28]}", data=data, shown=shown)


def heic(rng: Random) -> Made:
    name, data, shown = rng.choice(heics())
    made = Made(name=f"HEIF {name}", data=data, shown=shown)
    return _damaged(rng, made, rng.choice(CUTS)) if rng.random() < 0.5 else made


def other(rng: Random) -> Made:
    """No photo, or none of a type that is taken."""
    image = scene(rng, (80, 80))
    kind = rng.choice(
        ("GIF", "BMP", "TIFF", "JPEG2000", "ICO", "PPM", "DDS", "SGI", "PCX", "PDF", "svg", "text", "zip")
    )
    if kind in OTHERS:
        return Made(name=kind, data=OTHERS[kind], verdict="wrong_type" if kind == "svg" else "not_an_image")
    return Made(name=kind, data=saved(image, kind), verdict="wrong_type")


OTHERS = {
    "svg": b'<?xml version="1.0"?>\n<!-- a dog -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "text": hostile.text(),
    "zip": b"PK\3\4" + bytes(100),
}


def small(rng: Random) -> Made:
    """One pixel too few."""
    image = scene(rng, (LEAST_PX - 1, rng.randrange(64, 900)))
    return Made(name="small", data=saved(image, rng.choice(("JPEG", "PNG", "WEBP", "AVIF"))), verdict="too_small")


def hdr(rng: Random) -> Made:
    """PQ and HLG."""
    transfer = rng.choice((16, 18))
    if rng.random() < 0.5:
        data = with_numbers(saved(same(scene(rng, (90, 90))).stored, "AVIF", speed=10), 9, transfer)
        return Made(name=f"AVIF transfer {transfer}", data=data, verdict="hdr")
    data = with_numbers(hostile.heic(), 9, transfer)
    return Made(name=f"HEIF transfer {transfer}", data=data, verdict="hdr")
