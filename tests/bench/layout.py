"""Whether the dog stands where it was asked to: led there as portraits are, by words alone, and without a word of it.

Knows: four boxes off the centre and the words for them, a pet that is learnt for this bench. Does not know: how a dog
is led. Each way paints the same pictures from the same noise; the middle of the found dog lies in the box, or not.
What is painted stays in the folder, so a run that was ended goes on; figures come after each way.

    python -m tests.bench.layout [--folder FOLDER] [--sdxl FOLDER] [--pictures 60] [way ...]
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from PIL import Image

from gpu.durable import whole
from gpu.outcomes import Enrolled
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Box, Prompt
from gpu.profile import PROFILES, Profile
from gpu.sampling import Sampling
from gpu.studio import likeness, segment
from gpu.studio.generate import generate
from gpu.studio.models import ModelPool
from gpu.studio.studio import build
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
    """One batch: four pictures of one wish."""

    medium: str
    scene: str
    place: str
    seeds: tuple[int, ...]

    def prompt(self, names: Sequence[str], *, said: bool) -> Prompt:
        where = f", {self.place}" if said else ""
        return Prompt(text=f"{self.medium} of {' '.join(names)} dog{where}, {self.scene}", box=PLACES[self.place])


@dataclass(frozen=True, slots=True)
class Painted:
    """What became of one batch."""

    inside: list[bool]
    likeness: list[float]
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
    pool = ModelPool(profile)
    here = folder / pool.base[:12]
    pet, _ = kept(build(profile), here, unseen(0)[1])  # a pet that no model has seen
    with pool.use("dino") as dino:
        look = likeness.of_cutouts(dino, pet.cutouts, profile.dino_px)
    found = dict[str, dict[str, float]]()
    for way in ways:
        painted = list(batches(pool, pet, look, way, here, pictures))
        found[way] = figures(painted)
        print(way, found[way], flush=True)
        keep("layout", {"base": pool.base[:12], "photos_likeness": round(look.photos, 3), "ways": found})


def asked(pictures: int) -> list[Asked]:
    rng, places = random.Random("layout"), list(PLACES)
    return [
        Asked(
            medium=rng.choice(list(MEDIA.values())),
            scene=rng.choice(SCENES),
            place=places[number % len(places)],
            seeds=tuple(range(number * BATCH, (number + 1) * BATCH)),
        )
        for number in range(-(-pictures // BATCH))
    ]


def batches(
    pool: ModelPool, pet: Enrolled, look: likeness.Look, way: str, folder: Path, pictures: int
) -> Iterator[Painted]:
    """Painted before, or now."""
    for number, one in enumerate(asked(pictures)):
        file = folder / way / f"{number}.json"
        if not file.is_file():
            images, seconds = paint(pool, pet, way, one, file.with_suffix(""))
            inside, scores = judged(pool, images, look, PLACES[one.place])
            with whole(file) as fresh:
                fresh.write_text(json.dumps({"inside": inside, "likeness": scores, "seconds": seconds}))
        yield Painted(**json.loads(file.read_text()))


def paint(pool: ModelPool, pet: Enrolled, way: str, one: Asked, out: Path) -> tuple[list[Image.Image], float]:
    """The pictures, and seconds for all of them."""
    prompt, painting = one.prompt(pet.adapter.tokens, said=way != "none"), pool.profile.painting
    how = Sampling(
        preset=painting.presets["normal"], size=painting.shapes["square"], batch=BATCH, placed=way == "led"
    )  # fmt: skip
    began = time.monotonic()
    made = list(generate(pool, pet.adapter, prompt, one.seeds, how, out, quiet))
    seconds = time.monotonic() - began
    return [Image.open(picture.path).convert("RGB") for picture in made], seconds


def judged(
    pool: ModelPool, images: Sequence[Image.Image], look: likeness.Look, box: Box
) -> tuple[list[bool], list[float]]:
    """For each picture: is the middle of the found dog in the box; how like the pet it is."""
    profile = pool.profile
    with pool.use("yolo") as segmenter, pool.use("dino") as dino:
        masks = [segment.pet_or_all(segmenter, image, profile.segmenting) for image in images]
        each = zip(images, masks, strict=True)
        return (
            [stands_in(mask, box) for mask in masks],
            [likeness.likeness(dino, image, mask, look, profile.dino_px) for image, mask in each],
        )


def stands_in(mask: Image.Image, box: Box) -> bool:
    """Whether the middle of what is masked lies in the box."""
    left, top, right, bottom = mask.getbbox() or (0, 0, *mask.size)
    x, y = (left + right) / 2 / mask.width, (top + bottom) / 2 / mask.height
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def figures(painted: Sequence[Painted]) -> dict[str, float]:
    inside = [one for batch in painted for one in batch.inside]
    return {
        "pictures": len(inside),
        "in_the_box": round(fmean(inside), 3),
        "likeness": round(fmean(one for batch in painted for one in batch.likeness), 3),
        "seconds": round(sum(batch.seconds for batch in painted), 1),
    }


if __name__ == "__main__":
    sys.exit(main())
