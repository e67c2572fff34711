"""What people read about jobs that are not over: the progress message of a thread, and the lines of /queue.

Knows: sentences, how far a job has come. Does not know: where it stands in line (eta.py), or which message says it.
"""

from collections.abc import Mapping, Sequence

from cogs.progress.eta import Standing
from cogs.shared.text import Name, duration, say
from gpu.outcomes import Progress

BAR = 10  # characters
MOST_LINES = 10  # of jobs that wait behind the first one


def describe(standings: Sequence[Standing], latest: Mapping[str, Progress]) -> str:
    """The progress message of a thread: its first job in full, the others by a line. `latest` is by job."""
    first, *others = standings
    language = first.job.locale
    lines = [say(language, f"progress.{first.job.work}", name=Name(first.job.pet_name))]
    lines += [_waiting(first)] if first.place > 0 else _running(first, latest.get(first.job.id))
    lines += [line(language, one, Name(one.job.pet_name)) for one in others[:MOST_LINES]]
    if len(others) > MOST_LINES:
        lines.append(say(language, "queue.more", count=len(others) - MOST_LINES))
    return "\n".join(lines)


def line(language: str, standing: Standing, name: str) -> str:
    """A line of /queue: "2. painting Bori, about 3 min"."""
    what = say(language, f"queue.{standing.job.work}", name=name)
    time = say(language, "portrait.left", time=duration(language, standing.left)) if standing.left is not None else ""
    key = "queue.running" if standing.place == 0 else "queue.waiting"
    return say(language, key, place=standing.place, what=what, left=time)


def _waiting(standing: Standing) -> str:
    language = standing.job.locale
    key = "progress.soon" if standing.place == 1 else "progress.waiting"
    return _joined(say(language, key, place=standing.place), _left(language, standing.left))


def _running(standing: Standing, progress: Progress | None) -> list[str]:
    language = standing.job.locale
    if progress is None:
        return [say(language, "progress.starting")]
    lines = [say(language, f"progress.{progress.phase}")]
    if progress.steps:
        share = min(progress.step / progress.steps, 1.0)
        full = round(share * BAR)
        step = say(language, "progress.step", step=progress.step, steps=progress.steps, percent=int(share * 100))
        lines.append(f"{'▰' * full}{'▱' * (BAR - full)} " + _joined(step, _left(language, progress.seconds_left)))
    return lines


def _left(language: str, seconds: float | None) -> str:
    """The words "about 3 min left", or none where nobody can say."""
    return say(language, "progress.left", time=duration(language, seconds)) if seconds is not None else ""


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))
