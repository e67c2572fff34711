"""How soon a training gives way to a portrait, and whether it then goes on with the same bytes.

Knows: the seam: a job in the process that computes, what is asked of it meanwhile, its outcome. Does not know: what a
step is.
"""

import hashlib
import random
import threading
import time
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file

from gpu.errors import OutOfMemory, PauseAsked
from gpu.jobs import Enroll
from gpu.outcomes import Cause, Failed, Paused, Progress, Report
from gpu.portraits import Wish
from gpu.studio.models import ModelPool
from gpu.studio.studio import Studio
from gpu.worker.control import JobControl, run_job
from tests.bench.card.bench import Bench, Figures, middle
from tests.helpers import tiny_models

ENDLESS = 100_000  # steps
LATEST_S = 0.4  # after the first step, when a pause is asked for: some steps, or a part of one
TOKEN_STEPS, LORA_STEPS = 3, 3


class MadeStudio(Studio):
    """The product's, with models that were made: there are no files to be checked."""

    def __init__(self, pool: ModelPool) -> None:
        super().__init__(pool.profile)
        self.pool = pool

    def _check_models(self) -> None:
        pass


def pause(bench: Bench) -> Figures:
    """From the request, at a random moment of the LoRA's steps, until the job has given way and the device is idle."""
    studio, control = MadeStudio(bench.pool_for(1, ENDLESS)), JobControl()
    job, chance = _job(bench.folder / "paused"), random.Random(0)
    try:
        waits = [_waited(bench, studio, control, job, chance) for _ in range(1 + bench.scale.pauses)]
    finally:
        studio.drop(job.job_id)
    return middle(waits[1:])  # before the first one the LoRA began


def _waited(bench: Bench, studio: Studio, control: JobControl, job: Enroll, chance: random.Random) -> float:
    asker = _Asker(control, job.job_id, LATEST_S * chance.random())
    control.begin(job.job_id)
    outcome = run_job(studio, job, control, asker)
    bench.clock.wait()
    done = time.perf_counter()
    match outcome:
        case Paused():
            return done - asker.asked
        case Failed(cause=Cause.OUT_OF_MEMORY):
            raise OutOfMemory(outcome.message)
        case _:
            raise RuntimeError(f"instead of a pause: {outcome}")


class _Asker:
    """Asks for a pause from another thread, as in the child, some time after the first step that is reported."""

    def __init__(self, control: JobControl, job_id: str, after: float) -> None:
        self._control, self._job_id = control, job_id
        self._timer = threading.Timer(after, self._ask)
        self._timer.daemon = True
        self.asked = 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.phase == "learning" and not self._timer.is_alive() and not self.asked:
            self._timer.start()

    def _ask(self) -> None:
        self.asked = time.perf_counter()
        self._control.request("pause", self._job_id)


def resume(bench: Bench) -> Figures:
    """Whether a training that was stopped, and went on in a studio that knew only its checkpoint, gives equal files."""
    pool = bench.pool_for(TOKEN_STEPS, LORA_STEPS)
    straight, again = (_learnt(pool, _job(bench.folder / name)) for name in ("straight", "again"))
    resumed = {stop: _resumed(pool, _job(bench.folder / f"stopped-{stop}"), stop) for stop in bench.scale.stops}
    return {
        "same_bytes": all(files == straight for files in resumed.values()),
        "same_bytes_without_a_stop": again == straight,
        "differing": {stop: _differing(files, straight) for stop, files in resumed.items() if files != straight},
        "stopped_at": bench.scale.stops,
    }


Files = dict[str, str]
"""Of an adapter: name -> digest."""


def _learnt(pool: ModelPool, job: Enroll) -> Files:
    _enroll(MadeStudio(pool), job, _until_learnt)
    return {file.name: _digest(file) for file in (job.folder / "adapter").iterdir()}


def _digest(file: Path) -> str:
    """Of a file's bytes; of tensors each by its name, as it is safetensors that orders them."""
    if file.suffix != ".safetensors":
        return hashlib.sha256(file.read_bytes()).hexdigest()
    found = hashlib.sha256()
    for name, tensor in sorted(load_file(file).items()):
        found.update(name.encode())
        found.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


def _resumed(pool: ModelPool, job: Enroll, stop: int) -> Files:
    def until(progress: Progress) -> None:
        if progress.phase == "learning" and progress.step == stop:
            raise PauseAsked

    studio = MadeStudio(pool)
    _enroll(studio, job, until)
    studio.checkpoint_paused()
    studio.drop(job.job_id)
    return _learnt(pool, job)


def _enroll(studio: Studio, job: Enroll, report: Report) -> None:
    """Until the report asks for a pause."""
    with suppress(PauseAsked):
        studio.enroll(job, report)


def _until_learnt(progress: Progress) -> None:
    if progress.learnt:
        raise PauseAsked


def _differing(files: Files, others: Files) -> list[str]:
    return sorted(name for name in files.keys() | others.keys() if files.get(name) != others.get(name))


def _job(folder: Path) -> Enroll:
    """An enrolment whose photos are cut out already."""
    folder.mkdir()
    tiny_models.cut_out(folder)
    return Enroll(job_id=folder.name, folder=folder, photos=(), wish=Wish(style="photo"))
