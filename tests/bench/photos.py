"""`python -m tests.bench.photos [--count 500] [--seed N]`: made photos through the decoder process, and a browser.

Knows: how the decoder is run and what it may cost. Does not know: how photos are made (photos_made.py, photos_big.py),
or how a browser is asked (photos_browser.py). Bars: every verdict is right, no process over 1 GB of address space or
5 s of processor, and where headless Chromium is installed and opens the photo too, the pixels differ by at most 2 of
255 on average.
"""

import argparse
import asyncio
import io
import json
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops, ImageStat

from storage.intake import DECODER
from tests.bench.photos_big import big_photos
from tests.bench.photos_browser import Browser
from tests.bench.photos_made import COUNT, LEAST_PX, SEED, Made, photos
from tests.bench.results import keep

MOST_MIB, MOST_S, MOST_DIFFERENCE = 1024, 5.0, 2.0
MEASURED = """import runpy, sys
runpy.run_path(sys.argv.pop(1), run_name="__main__")
sys.stderr.write(open("/proc/self/status").read())"""


@dataclass(frozen=True, slots=True)
class Run:
    """What the decoder process said, and what it cost: `seconds` of processor, `mib` of address space at the most."""

    verdict: str
    kept: Image.Image | None
    seconds: float
    mib: float


def decoded(data: bytes, least_px: int = LEAST_PX) -> Run:
    """One photo, as intake.py gives it to the decoder."""
    began = _processor_s()
    child = subprocess.run(
        [sys.executable, "-I", "-c", MEASURED, str(DECODER), str(least_px)], input=data, capture_output=True, env={},
        check=False,
    )  # fmt: skip
    seconds = _processor_s() - began
    if child.returncode:
        return Run("decoder_died", None, seconds, MOST_MIB)
    status = dict(line.split(":", 1) for line in child.stderr.decode().splitlines() if ":" in line)
    mib = int(status["VmPeak"].split()[0]) / 1024
    head, _, picture = child.stdout.partition(b"\n")
    refused = json.loads(head).get("refused")
    return Run(refused or "taken", None if refused else Image.open(io.BytesIO(picture)), seconds, mib)


def _processor_s() -> float:
    """Of all children so far; other work on the machine changes it little."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def difference(ours: Image.Image, theirs: Image.Image) -> float:
    """Mean over all pixels and channels, of 255."""
    if ours.size != theirs.size:
        theirs = theirs.resize(ours.size, Image.Resampling.LANCZOS)
    return sum(ImageStat.Stat(ImageChops.difference(ours, theirs)).mean) / 3


class Tally:
    """What came of all photos."""

    def __init__(self) -> None:
        self.verdicts = Counter[str]()
        self.wrong = list[str]()
        self.most_mib, self.most_s, self.most_off = 0.0, 0.0, 0.0
        self.compared, self.differ = 0, list[str]()

    def add(self, made: Made, run: Run, browser: Image.Image | None) -> None:
        self.verdicts[run.verdict] += 1
        self.most_mib, self.most_s = max(self.most_mib, run.mib), max(self.most_s, run.seconds)
        if run.verdict != made.verdict:
            self.wrong.append(f"{made.name}: {run.verdict}, not {made.verdict}")
        elif run.kept and browser and made.as_in_browser:
            self.compared += 1
            self._compare(made.name, difference(run.kept, browser))

    def _compare(self, name: str, off: float) -> None:
        self.most_off = max(self.most_off, off)
        if off > MOST_DIFFERENCE:
            self.differ.append(f"{name}: {off:.1f}")

    @property
    def good(self) -> bool:
        return not self.wrong and not self.differ and self.most_mib < MOST_MIB and self.most_s < MOST_S

    def figures(self) -> dict[str, Any]:
        return {
            "photos": sum(self.verdicts.values()), "verdicts": dict(self.verdicts.most_common()), "wrong": self.wrong,
            "most_mib": round(self.most_mib), "most_s": round(self.most_s, 2), "compared": self.compared,
            "most_difference": round(self.most_off, 2), "differ": self.differ,
        }  # fmt: skip


def costs(made: Iterable[Made]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The biggest photos one by one."""
    for one in made:
        run = decoded(one.data)
        figures = {"verdict": run.verdict, "seconds": round(run.seconds, 2), "mib": round(run.mib)}
        yield one.name, {"megabytes": round(len(one.data) / 1e6, 1), **figures}


async def measure(count: int, seed: int) -> tuple[Tally, str | None]:
    tally, made = Tally(), list(photos(count, seed))
    browser = Browser.find()
    shown = await browser.show([one.data for one in made]) if browser else [None] * len(made)
    for one, picture in zip(made, shown, strict=True):
        tally.add(one, decoded(one.data), picture)
    return tally, browser.version if browser else None


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    big = dict(costs(big_photos()))
    tally, browser = asyncio.run(measure(options.count, options.seed))
    keep("photos", {"seed": options.seed, **tally.figures(), "browser": browser, "big": big})
    within = all(
        one["verdict"] == "taken" and one["seconds"] < MOST_S and one["mib"] < MOST_MIB for one in big.values()
    )
    return 0 if tally.good and within else 1


if __name__ == "__main__":
    sys.exit(main())
