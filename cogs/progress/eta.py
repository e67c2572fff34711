"""Where each job stands in line, and when it will be done.

Knows: how long a job usually takes on this machine. Does not know: whose turn it is (gpu/line/schedule.py), or how any
of this is shown.
"""

from dataclasses import dataclass
from math import inf, isfinite
from typing import get_args

from gpu.jobs import JobKind
from gpu.line.line import Line
from gpu.line.schedule import forecast
from storage.jobs import JobRow, Jobs

KINDS: tuple[JobKind, ...] = get_args(JobKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a job stands: place 0 is being worked on; `left`: seconds until it is done, None: nobody can say."""

    job: JobRow
    place: int
    left: float | None


async def standings(line: Line, jobs: Jobs) -> list[Standing]:
    """Every job that is not over, in the order of the line."""
    places = await line.places()
    active = sorted(await jobs.active(), key=lambda job: places.get(job.id, 0))
    usual = {kind: await jobs.durations(kind) for kind in KINDS}
    done = forecast([(job.kind, _work_left(job, usual[job.kind])) for job in active])
    return [
        Standing(job=job, place=places.get(job.id, 0), left=seconds if isfinite(seconds) else None)
        for job, seconds in zip(active, done, strict=True)
    ]


def _work_left(job: JobRow, usual: float | None) -> float:
    """Seconds of work, from what is usual for its kind (of a painting: for a picture).

    What was cut off begins anew, if it is not a training.
    """
    if usual is None:
        return inf
    spent = 0.0 if job.kind != "enroll" and job.state == "waiting" else job.seconds
    return max(usual * job.pictures - spent, 1.0)
