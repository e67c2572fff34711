"""Whether the dog stands where it was asked to: led there as portraits are, by words alone, and without a word of it.

Knows: four boxes off the centre and the words for them, a pet that is learnt for this bench. Does not know: how a dog
is led. Each way paints the same batches from the same noise, and shows one picture of each, as /portrait does; the
middle of its dog lies in the box, or not. What was judged stays in the folder, so a run that was ended goes on; figures
come after each way.

    python -m tests.bench.layout [--folder FOLDER] [--sdxl FOLDER] [--pictures 60] [way ...]
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

from PIL import Image

from gpu.durable import whole
from gpu.jobs import Paint, PaintOptions
from gpu.outcomes import Enrolled
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Box, Prompt, Wish
from gpu.profile import PROFILES, Profile
from gpu.studio import segment
from gpu.studio.layout import stands_in
from gpu.studio.studio import Studio, build
from tests.bench.pocket.enrolment import quiet, unseen
from tests.bench.pocket.pets import kept
from tests.bench.results import keep

PLACES: dict[str, Box] = {
    "on the left": (0.0, 0.2, 0.45, 1.0),
    "on the right": (0.55, 0.2, 1.0, 1.0),
    "at the top on the left": (0.0, 0.0, 0.5, 0.5),
    "at the bottom on the right": (0.5, 0.5, 1.0, 1.0),
}
WAYS = ("none", "words", "led")  # "led" has the words, too, as every plan's prompt has
BATCH = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """One portrait of one wish."""

    medium: str
    scene: str
    place: str
    seed: int

    def prompt(self, names: Sequence[str], *, said: bool) -> Prompt:
        where = f", {self.place}" if said else ""
        return Prompt(text=f"{self.medium} of {' '.join(names)} dog{where}, {self.scene}", box=PLACES[self.place])


@dataclass(frozen=True, slots=True)
class Painted:
    """What became of it."""

    inside: bool
    likeness: float
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare ways to put the dog where it was asked for.")
    parser.add_argument("ways", nargs="*", default=WAYS, metavar="way", help=", ".join(WAYS))
    parser.add_argument("--folder", type=Path, help="where the pet and what is painted stay (default: nowhere)")
    parser.add_argument("--sdxl", type=Path, help="another painter than the pocket's")
    parser.add_argument("--pictures", type=int, default=60)
    args = parser.parse_args()
    if unknown := set(args.ways) - set(WAYS):
        parser.error(f"no such way: {', '.join(sorted(unknown))}")
    profile = replace(PROFILES["pocket"], sdxl=str(args.sdxl)) if args.sdxl else PROFILES["pocket"]
    with tempfile.TemporaryDirectory() as gone:
        compare(profile, args.folder or Path(gone), args.ways, args.pictures)
    return 0


def compare(profile: Profile, folder: Path, ways: Sequence[str], pictures: int) -> None:
    """Figures of each way, kept as soon as they are there."""
    studio = build(profile)
    base = studio.pool.base[:12]
    pet, _ = kept(studio, folder / base, unseen(0)[1])  # a pet that no model has seen
    found = dict[str, dict[str, float]]()
    for way in ways:
        found[way] = figures(list(portraits(studio, pet, way, folder / base, pictures)))
        print(way, found[way], flush=True)
        keep("layout", {"base": base, "ways": found})


def asked(pictures: int) -> list[Asked]:
    rng, places = random.Random("layout"), list(PLACES)
    return [
        Asked(
            medium=rng.choice(list(MEDIA.values())),
            scene=rng.choice(SCENES),
            place=places[number % len(places)],
            seed=number * BATCH,
        )
        for number in range(pictures)
    ]


def portraits(studio: Studio, pet: Enrolled, way: str, folder: Path, pictures: int) -> Iterator[Painted]:
    """Painted before, or now."""
    for number, one in enumerate(asked(pictures)):
        file = folder / way / f"{number}.json"
        if not file.is_file():
            file.parent.mkdir(exist_ok=True)
            painted = paint(studio, pet, way, one, file.with_suffix(""))
            with whole(file) as fresh:
                fresh.write_text(json.dumps(asdict(painted)))
        yield Painted(**json.loads(file.read_text()))


def paint(studio: Studio, pet: Enrolled, way: str, one: Asked, out: Path) -> Painted:
    painting = studio.profile.painting
    job = Paint(
        job_id="layout",
        folder=out,
        adapter=pet.adapter,
        cutouts=pet.cutouts,
        wish=Wish(style=""),
        seeds=(one.seed,),
        prompt=one.prompt(pet.adapter.tokens, said=way != "none"),
        options=PaintOptions(preset=painting.presets["normal"], choose=True, placed=way == "led"),
    )
    began = time.monotonic()
    [shown] = studio.paint(job, quiet).portraits
    seconds = time.monotonic() - began
    with studio.pool.use("yolo") as segmenter, Image.open(shown.path) as image:
        mask = segment.pet_or_all(segmenter, image.convert("RGB"), studio.profile.segmenting)
    return Painted(stands_in(PLACES[one.place], mask), shown.likeness or 0.0, seconds)


def figures(painted: Sequence[Painted]) -> dict[str, float]:
    return {
        "pictures": len(painted),
        "in_the_box": round(fmean(one.inside for one in painted), 3),
        "likeness": round(fmean(one.likeness for one in painted), 3),
        "seconds": round(sum(one.seconds for one in painted), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
