"""Where each job stands in line, and when it will be done.

Knows: how long jobs took on this machine, and what those in line are asked to do. Does not know: whose turn it is
(gpu/line/schedule.py), what makes a painting more work than another one (gpu/sampling.py), or how any of this is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean
from typing import Self

from gpu.jobs import Paint
from gpu.line.line import Line
from gpu.line.schedule import forecast
from gpu.profile import Painting
from gpu.sampling import candidates, denoising, sampling, work
from storage.job_rows import PastPainting, Work
from storage.jobs import JobRow, Jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a job stands: place 0 is being worked on; `left`: seconds until it is done, None: nobody can say."""

    job: JobRow
    place: int
    left: float | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long paintings take: seconds for a denoising step of one picture, and beside all steps."""

    step: float
    thinking: float  # beside them, where a prompt is written
    other: float  # where there is one

    @classmethod
    def measured(cls, past: Sequence[PastPainting], painting: Painting) -> Self:
        """From some that are done, at least one."""
        spent = sum(one.picture * len(candidates(one.job, sampling(one.job, painting))) for one in past)
        step = spent / sum(denoising(one.job, painting) for one in past)
        beside = [(_thinks(one.job), max(one.seconds - step * work(one.job, painting), 0.0)) for one in past]
        thinking, other = ([seconds for thinks, seconds in beside if thinks is such] for such in (True, False))
        usual = fmean(other) if other else 0.0
        return cls(step, fmean(thinking) if thinking else usual, usual)

    def seconds(self, job: Paint, painting: Painting) -> float:
        """For all of a job."""
        return self.step * work(job, painting) + (self.thinking if _thinks(job) else self.other)


async def standings(line: Line, jobs: Jobs, painting: Painting) -> list[Standing]:
    """Every job that is not over, in the order of the line."""
    places = await line.places()
    active = sorted(await jobs.active(), key=lambda job: places.get(job.id, 0))
    usual = await _usual(jobs, painting)
    done = forecast([(job.kind, _work_left(job, usual.get(job.id, usual.get(job.work)))) for job in active])
    return [
        Standing(job=job, place=places.get(job.id, 0), left=seconds if isfinite(seconds) else None)
        for job, seconds in zip(active, done, strict=True)
    ]


async def _usual(jobs: Jobs, painting: Painting) -> dict[str, float | None]:
    """Seconds: of each painting in line by its id, of other jobs by what work they are; None: nobody can say."""
    past, asked = await jobs.past_paintings(), await jobs.paintings()
    pace = Pace.measured(past, painting) if past else None
    others: tuple[Work, ...] = ("enroll", "look", "import")
    usual: dict[str, float | None] = {work: await jobs.durations(work) for work in others}
    return usual | {job_id: pace.seconds(job, painting) for job_id, job in asked.items() if pace}


def _thinks(job: Paint) -> bool:
    """Does it begin with a prompt to be written?"""
    return job.prompt is None


def _work_left(job: JobRow, usual: float | None) -> float:
    """Seconds of work. What was cut off begins anew, if it is not a training."""
    if usual is None:
        return inf
    spent = 0.0 if job.kind != "enroll" and job.state == "waiting" else job.seconds
    return max(usual - spent, 1.0)
