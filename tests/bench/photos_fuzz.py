"""`python -m tests.bench.photos_fuzz [--minutes 20] [--seed 1]`: damaged photos, by the hundred thousand.

Knows: how files are damaged, and what must be true of the verdict whatever happened. Does not know: any decoder.
Rounds run in a process of their own with the decoder's memory, so a crash ends a round and not the search; the input
that did it is in the folder that is named. Every round also gives some inputs to the decoder process itself.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, get_args

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from storage.decoder.reasons import Reason
from storage.decoder.verdict import answer
from tests.bench.photos import decoded
from tests.bench.photos_parts import COLOURS, MODES, NUMBERED, avif, jpeg, odd_png, png_file, saved, scene, webp
from tests.bench.results import keep
from tests.helpers import hostile
from tests.helpers.png import chunk

LEAST_PX = 8
EXAMPLES, IN_PROCESS = 1500, 5
LAST_INPUT = "PAWTRAIT_LAST_INPUT"  # where a round writes what it is about to try


def _seeds() -> list[bytes]:
    """Small files of all formats; the same each time."""
    rng, image = Random(1), scene(Random(1), (40, 30))
    plain, p3 = COLOURS["plain"], COLOURS["icc Display P3"]
    files = [jpeg(rng, one, p3, 6) for one in (image, image.convert("L"), image.convert("CMYK")) for _ in range(3)]
    files += [saved(image, "JPEG", progressive=True), saved(image, "JPEG", restart_marker_blocks=1)]
    files += [png_file(rng, image, one, 3) for one in NUMBERED.values()]
    files += [png_file(rng, MODES[mode](image).stored, plain, 1) for mode in ("P", "LA", "1", "I;16")]
    files += [odd_png(rng, image)[0] for _ in range(6)]
    files += [webp(rng, image, p3, 8) for _ in range(4)] + [saved(MODES["LA"](image).stored.convert("RGBA"), "WEBP")]
    files += [avif(rng, image, one, 5) for one in (plain, p3, NUMBERED["numbers P3"])]
    return [*files, hostile.heic(), hostile.mpo()]


SEEDS = _seeds()

Edit = tuple[str, float, bytes]  # what is done, where in the file (0 to 1), with which bytes
EDITS: dict[str, Callable[[bytes, int, bytes], bytes]] = {
    "put": lambda data, at, put: data[:at] + put + data[at + len(put) :],
    "insert": lambda data, at, put: data[:at] + put + data[at:],
    "remove": lambda data, at, put: data[:at] + data[at + 1 + put[0] :],
    "repeat": lambda data, at, put: data[: at + 1 + put[0]] + data[at:],
    "flip": lambda data, at, put: data[:at] + bytes([data[at] ^ 1 << put[0] % 8]) + data[at + 1 :] if data else data,
    "cut": lambda data, at, _: data[:at],
}
places = st.floats(0, 1, exclude_max=True) | st.floats(0, 0.1)  # most of what can go wrong stands at the beginning
lengths = st.sampled_from([0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
values = (
    st.binary(min_size=1, max_size=8) | lengths.map(lambda n: n.to_bytes(4)) | lengths.map(lambda n: n.to_bytes(4)[2:])
)
edits: st.SearchStrategy[Edit] = st.tuples(st.sampled_from(list(EDITS)), places, values)


def edited(data: bytes, changes: list[Edit]) -> bytes:
    for what, where, put in changes:
        data = EDITS[what](data, int(where * len(data)), put)
    return data


def verdict(data: bytes) -> tuple[str, bytes]:
    """The decoder's word, and the picture if it is taken. Anything but a word or a picture is an error."""
    if where := os.environ.get(LAST_INPUT):
        Path(where).write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken EXIF is none of our business
        head, _, picture = answer(data, LEAST_PX).partition(b"\n")
    refused = json.loads(head).get("refused")
    assert (refused is None) == bool(picture)
    assert refused is None or refused in get_args(Reason)
    return refused or "taken", picture


WHOLE = {data: verdict(data) for data in SEEDS}


def check_damage(data: bytes, changes: list[Edit]) -> None:
    """Whatever is changed, there is a verdict."""
    assert verdict(edited(data, changes))[0] not in ("too_big", "empty", "decoder_died")


def check_cut(data: bytes, length: int) -> None:
    """What is cut off was not missed, or the photo is refused. A JPEG's last 16 x 16 pixels may escape once in 2000."""
    word, picture = verdict(data[:length])
    if word == "taken" and picture != WHOLE[data][1]:
        pair = (Image.open(io.BytesIO(one)).convert("L") for one in (picture, WHOLE[data][1]))
        off = ImageChops.difference(*pair).point(lambda value: 255 * (value > 16))
        assert off.histogram()[255] <= 256, "a photo of which a part is missing was taken"


def harmless(data: bytes, put: bytes) -> bytes:
    """The file with something in it that its format allows and nobody needs."""
    if data.startswith(b"\xff\xd8"):
        return data[:2] + b"\xff\xed" + (len(put) + 2).to_bytes(2) + put + data[2:]
    if data.startswith(b"\x89PNG"):
        return data[:33] + chunk(b"teSt", put) + data[33:]
    return data + put if data.startswith(b"RIFF") else data + (len(put) + 8).to_bytes(4) + b"free" + put


def check_harmless(data: bytes, put: bytes) -> None:
    """An undamaged file is taken, and shows the same."""
    assert verdict(harmless(data, put)) == WHOLE[data]


seeds = st.sampled_from(SEEDS)
PROPERTIES: list[tuple[Callable[..., None], tuple[st.SearchStrategy[Any], ...]]] = [
    (check_damage, (seeds, st.lists(edits, min_size=1, max_size=4))),
    (check_cut, (seeds, st.integers(0, 8000))),
    (check_harmless, (seeds, st.binary(max_size=600))),
]


def search(
    check: Callable[..., None], given_by: tuple[st.SearchStrategy[Any], ...], examples: int, number: int
) -> None:
    """Raises what a property raises, with the smallest example that was found."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    phases = (Phase.generate, Phase.shrink)
    settings(max_examples=examples, deadline=None, database=None, suppress_health_check=quiet, phases=phases)(
        seed(number)(given(*given_by)(check))
    )()


def in_process(data: bytes, changes: list[Edit]) -> None:
    """The decoder process comes to the same word."""
    data = edited(data, changes)
    assert decoded(data, LEAST_PX).verdict == verdict(data)[0]


def round_of(number: int) -> None:
    """Every property once. Ends the process with a traceback where one does not hold."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    for check, given_by in PROPERTIES:
        search(check, given_by, EXAMPLES, number)
    search(in_process, PROPERTIES[0][1], IN_PROCESS, number)


def rounds(minutes: float, first: int) -> int:
    """How many rounds went wrong."""
    folder, bad, number = Path(tempfile.mkdtemp(prefix="photos_fuzz_")), 0, first
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        last = folder / f"{number}.bin"
        command = [sys.executable, "-m", "tests.bench.photos_fuzz", "--round", str(number)]
        child = subprocess.run(
            command, env=os.environ | {LAST_INPUT: str(last)}, capture_output=True, text=True, check=False
        )
        if child.returncode:
            bad += 1
            (folder / f"{number}.txt").write_text(child.stderr)
            print(f"round {number} ended with {child.returncode}: {folder}/{number}.*", flush=True)
        else:
            last.unlink()
        number += 1
    ran = number - first
    keep("photos_fuzz", {"minutes": minutes, "rounds": ran, "inputs": ran * len(PROPERTIES) * EXAMPLES, "bad": bad})
    return bad


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int)
    options = parser.parse_args()
    if options.round is not None:
        round_of(options.round)
        return 0
    return rounds(options.minutes, options.seed)


if __name__ == "__main__":
    sys.exit(main())
