"""Trainings of the real child on the pocket models, each with a model that breaks while a dog is being learnt.

Knows: the line, the journal, the child, and what has to be left in the end: a dog that is known. Does not know:
Discord. `python -m tests.bench.lost_trainings` tries every model with every fault, in several minutes, and prints a row
for each; the exit status is the number of dogs that were lost.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gpu.line.line import Line
from gpu.line.process import ProcessExecutor, worker
from gpu.outcomes import Cause, Progress
from gpu.portraits import Preset
from gpu.profile import PROFILES, WEIGHTS, Profile
from storage.jobs import JobRow
from storage.pets import Pet
from tests.helpers import tiny_models
from tests.helpers.broken_models import FAULTS, IN_THE_CHILD, MODELS, Breaker, Fault, Model, with_copies
from tests.helpers.storage_env import StorageEnv

SETTLED_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What was left of an enrolment."""

    state: str  # of the pet
    adapter: bool  # is its folder there?
    cause: Cause | None  # of the portrait's failure
    attempts: int  # claims of the job
    learnt_once: bool
    painted_later: bool  # a portrait, once the model is mended
    seconds: float


def pocket(folder: Path) -> Profile:
    """Pocket with few steps and own copies of what is to be broken."""
    known = PROFILES["pocket"]
    short = replace(
        known,
        learning=replace(known.learning, token_steps=6, lora_steps=6, train_batch=1),
        painting=replace(known.painting, presets={"normal": Preset(steps=4, guidance=1.75)}, batch=1),
    )
    return with_copies(short, folder, **{model: WEIGHTS / model for model in MODELS})


class Bench:
    """A line with a real child, on a data folder."""

    def __init__(self, env: StorageEnv, profile: Profile, command: Sequence[str]) -> None:
        self.env, self.profile = env, profile
        self.listener = lambda progress: None
        self._settled = asyncio.Event()
        executor = ProcessExecutor(command, timeouts=profile.timeouts)
        self.line = Line(executor, env.journal, self._hear, lambda job_id: self._settled.set())

    def _hear(self, job_id: str, progress: Progress) -> None:
        self.listener(progress)

    async def over(self, job: JobRow) -> None:
        """Let the job run until it is settled."""
        self._settled.clear()
        self.line.submit(job.id)
        async with asyncio.timeout(SETTLED_S):
            await self._settled.wait()

    async def trial(self, model: Model, fault: Fault) -> Trial:
        """Enrol a dog; the model breaks at the first step of the training, and is mended afterwards."""
        began = time.monotonic()
        breaker = Breaker(self.profile, model, fault)
        self.listener = breaker
        job = await self._enrolment(f"{model}, {fault}")
        await self.over(job)
        breaker.mend()
        row, pet = await self.env.row(job.id), await self.env.pets.get(job.pet_id or 0)
        steps = [progress.step for progress in breaker.heard if progress.phase == "learning" and not progress.painted]
        known = pet is not None and pet.adapter is not None and pet.adapter.folder.is_dir()
        return Trial(
            state=pet.state if pet else "gone",
            adapter=known,
            cause=row.cause,
            attempts=row.fence,
            learnt_once=steps == sorted(set(steps)),
            painted_later=known and fault not in IN_THE_CHILD and await self._paints(pet),
            seconds=round(time.monotonic() - began, 1),
        )

    async def _enrolment(self, name: str) -> JobRow:
        """One whose photos are cut out already."""
        job = await self.env.enroll(name)
        folder = self.env.files.job_folder(job.id)
        tiny_models.cut_out(folder)
        return job

    async def _paints(self, pet: Pet | None) -> bool:
        assert pet
        job = await self.env.paint(pet, count=1)
        await self.over(job)
        return (await self.env.row(job.id)).state == "done"


@asynccontextmanager
async def bench(root: Path, *broken: str) -> AsyncGenerator[Bench]:
    """broken: the model and the fault that the child has in it."""
    profile, env = pocket(root / "models"), await StorageEnv.open(root, keep_failed_s=3600.0)
    command = worker(profile, "WARNING")
    if broken:
        command = (sys.executable, "-m", "tests.helpers.broken_models", *broken, *command[3:])
    one = Bench(env, profile, command)
    await one.line.start()
    try:
        yield one
    finally:
        await one.line.close()
        await env.db.close()


async def main() -> int:
    lost = 0
    for model in MODELS:
        for fault in (*FAULTS, "death"):
            root = Path(tempfile.mkdtemp())
            async with bench(root, *((model, fault) if fault in IN_THE_CHILD else ())) as one:
                trial = await one.trial(model, fault)
            shutil.rmtree(root, ignore_errors=True)
            print(model, fault, trial, sep="\t", flush=True)
            lost += not (trial.state == "ready" and trial.adapter and trial.learnt_once)
    return lost


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
