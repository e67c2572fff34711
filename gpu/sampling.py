"""How a job is painted: preset, size and batch, which candidates there are, and how much work that is. No torch.

Knows: what a job leaves to the profile. Does not know: pixels, models, how long a step lasts on which machine.
"""

from dataclasses import dataclass

from gpu.jobs import Paint
from gpu.portraits import Around, Preset, Size
from gpu.profile import Painting

AROUND = 1.6  # times as much work: a step in which the base model paints too (gpu/studio/surroundings.py)
LOOKING = 7  # steps' worth of work to find the dog there, for each candidate
JUDGING = 5  # steps' worth of work for each candidate: about ten passes of the UNet (gpu/studio/agreement.py)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What decides about the pixels beside prompt and seed."""

    preset: Preset
    size: Size
    batch: int
    around: Around = ()
    placed: bool = True  # by the prompt's box, if it has one


def sampling(job: Paint, painting: Painting) -> Sampling:
    """What the job says, or as it was before jobs said it."""
    preset = job.options.preset or painting.unsaid or painting.presets["normal"]
    return Sampling(
        preset=preset,
        size=job.options.size or painting.shapes["square"],
        batch=job.options.batch or preset.batch or painting.batch,
        around=job.options.around,
        placed=job.options.placed,
    )


def candidates(job: Paint, how: Sampling) -> tuple[int, ...]:
    """The seeds that are painted; where the best are chosen, all that the last batch paints anyway."""
    if not job.options.choose:
        return job.seeds
    return full(job.seeds, -(-len(job.seeds) * how.preset.tries // how.batch) * how.batch)


def full(seeds: tuple[int, ...], count: int) -> tuple[int, ...]:
    """These seeds and those that follow the last one, `count` in all."""
    return seeds + tuple(seeds[-1] + extra for extra in range(1, count - len(seeds) + 1))


def judging(job: Paint, count: int) -> int:
    """The work of choosing from so many candidates, in denoising steps of one picture."""
    return JUDGING * count if job.options.choose and count > 1 else 0


def denoising(job: Paint, painting: Painting) -> int:
    """The work of painting, in denoising steps of one picture; a batch is always full."""
    how = sampling(job, painting)
    each = how.preset.steps * AROUND + LOOKING if how.preset.surroundings else how.preset.steps
    return round(-(-len(candidates(job, how)) // how.batch) * how.batch * each)


def work(job: Paint, painting: Painting) -> int:
    """All of it, in denoising steps of one picture."""
    return denoising(job, painting) + judging(job, len(candidates(job, sampling(job, painting))))
