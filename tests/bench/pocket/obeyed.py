"""Whether a portrait of a learnt dog shows what its words say: the place, each thing worn, and nothing that is refused.

Knows: dogs that no model has seen, prompts and what they ask for. Does not know: who wrote a prompt, or how like the
dog a picture is. The reader errs too: `drawn` is what it reads on drawings of the same dogs by the same words.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from pathlib import Path

from PIL import Image

from gpu.pocket.world.dogs import WEAR, Dog, a_shot
from gpu.pocket.world.kennel import draw, sheet
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Prompt
from gpu.studio.generate import pet_pipeline
from tests.bench.pocket import painter
from tests.bench.pocket.enrolment import LEARNING, job, one_a_core, quiet, studio_of, unseen
from tests.bench.pocket.examples import WORN
from tests.bench.pocket.reader import Reading, reader
from tests.bench.pocket.truth import share

SCENELESS = "pop"  # it has dots for a scene


@dataclass(frozen=True, slots=True)
class Asked:
    """What one portrait shall show."""

    style: str
    scene: str = ""
    worn: tuple[str, ...] = ()
    refused: str = ""

    def prompt(self, name: str) -> Prompt:
        wearing = f" wearing {' and '.join(self.worn)}" if self.worn else ""
        words = [f"{MEDIA[self.style]} of {name} dog{wearing}", self.scene]
        return Prompt(text=", ".join(filter(None, words)), negative=self.refused)


def measure(folder: Path, dogs: int = 2, each: int = 3) -> dict[str, object]:
    """Shares of portraits that show what was asked for: `each` places a style, of `dogs` dogs, and as many hats.

    Leaves some of them in folder/obeyed.png.
    """
    asked = list(wishes(each))
    with one_a_core() as pool:
        painted = list(pool.map(partial(portraits, asked=asked), range(dogs)))
    drawn = [[drawing(unseen(number)[0], one, at) for at, one in enumerate(asked)] for number in range(dogs)]
    sheet([some[at : at + 12] for some in painted for at in range(0, len(asked), 12)]).save(folder / "obeyed.png")
    read = reader(folder).read
    ways = {"painted": painted, "drawn": drawn}
    figures = {way: kept(asked * dogs, read([one for some in each for one in some])) for way, each in ways.items()}
    return {"dogs": dogs, "pictures": dogs * len(asked), **figures}


def wishes(each: int) -> Iterator[Asked]:
    """For each style some places, each thing worn, two at once, and each thing refused; places take their turns."""
    scenes = cycle(SCENES)
    for style in MEDIA:
        yield from (Asked(style, next(scenes)) for _ in range(each))
        yield from (Asked(style, next(scenes), (thing,)) for thing in WEAR)
        yield Asked(style, next(scenes), tuple(random.Random(style).sample(WEAR, 2)))
        yield from (Asked(style, next(scenes), refused=thing) for thing in WEAR)


def portraits(number: int, asked: Sequence[Asked]) -> list[Image.Image]:
    """One picture for each wish of a dog that is learnt for it."""
    studio = studio_of(LEARNING)
    with tempfile.TemporaryDirectory() as name:
        pet = studio.enroll(asyncio.run(job(Path(name), unseen(number)[1])), quiet).adapter
        with pet_pipeline(studio.pool, pet):
            return painter.paint(studio.pool, [one.prompt(" ".join(pet.tokens)) for one in asked])


def drawing(dog: Dog, one: Asked, number: int) -> Image.Image:
    shot = a_shot(random.Random(f"held out order {number}"), one.style, one.scene, "middle")
    return draw(dog, replace(shot, wear=one.worn)).image


def worn(reading: Reading) -> set[str]:
    """The things of WEAR that are seen."""
    seen = {"hat": reading.hat, "glasses": reading.glasses, "scarf": reading.scarf}
    return {word for name, word in WORN.items() if seen[name] > 0.5}


def kept(asked: Sequence[Asked], readings: Sequence[Reading]) -> dict[str, float]:
    """Shares of what was asked for that was read: scene, each thing worn, and each that was refused absent."""
    scenes: list[bool] = []
    things: dict[str, list[bool]] = {name: [] for name in WORN}
    absent: list[bool] = []
    for one, reading in zip(asked, readings, strict=True):
        if one.style != SCENELESS:
            scenes.append(reading.scene == one.scene)
        for name, thing in WORN.items():
            if thing in one.worn:
                things[name].append(thing in worn(reading))
            if thing == one.refused:
                absent.append(thing not in worn(reading))
    return {"scene": share(scenes), **{name: share(each) for name, each in things.items()}, "absent": share(absent)}
