"""The executor of the simulation: it trains in steps, keeps checkpoints in the job's folder, and meets trouble.

Knows: the seam (it passes tests/contracts/executor.py) and the plans of the fake studio. Does not know: when trouble
comes, what time is (the loop's), the line. What is on the disk outlives it; what is warm does not.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Literal

from gpu.errors import NotFinite, OutOfMemory, PauseAsked, StudioError, TooFewPhotos, WorkerDied
from gpu.jobs import Enroll, Job, Look, Paint
from gpu.line.executor import ProcessStats
from gpu.outcomes import Cause, Done, Enrolled, Failed, Looked, Painted, Paused, Progress, Report
from gpu.worker.control import REPORT_S, JobControl
from tests.helpers.fake_jobs import adapter, learn, saved_step
from tests.helpers.fake_studio import CHECKPOINT_EVERY, STROKES, Plan
from tests.helpers.storage_env import portrait, seen

Trouble = Literal["", "die", "hang", "late", "nan", "memory"]
HUNG_S = 60.0  # until somebody sees that it hangs
CLOSE_S = 15.0  # until a child that does not close is killed
LATE_S = 20.0
BAD = "bad"  # so begin the hashes of photos from which nothing can be learnt
LOOKING = Plan(ms=300)  # for a photo

WRONG = {"nan": NotFinite, "memory": OutOfMemory}


class Dead(Exception):
    """The child is gone, with all that it held."""


class SimChild:
    """`trouble(job, step)` is asked at every step; `told(job_id, outcome)` hears how each run ended."""

    def __init__(
        self,
        trouble: Callable[[Job, int], Trouble] = lambda job, step: "",
        told: Callable[[str, Done | Paused | Failed], None] = lambda job_id, outcome: None,
    ) -> None:
        self._trouble = trouble
        self._told = told
        self._warm: dict[str, _Training] = {}
        self._control = JobControl()
        self._busy = asyncio.Lock()
        self._killed = asyncio.Event()
        self._closed = False

    async def start(self) -> None:
        """It always starts."""

    async def run(self, job: Job, report: Report) -> Done | Paused | Failed:
        if self._closed:
            return Paused()
        async with self._busy:
            outcome = await self._run(job, _Thinned(self._control, report))
        self._told(job.job_id, outcome)
        return outcome

    async def pause(self, job_id: str) -> None:
        self._control.request("pause", job_id)

    async def cancel(self, job_id: str) -> None:
        if not self._control.request("cancel", job_id):
            self._warm.pop(job_id, None)

    async def close(self) -> None:
        self._closed = True
        self._control.close()
        try:
            async with asyncio.timeout(CLOSE_S), self._busy:
                for training in self._warm.values():
                    training.save()
        except TimeoutError:
            self._killed.set()
            async with self._busy:
                self._warm.clear()

    def stats(self) -> ProcessStats:
        return ProcessStats()

    async def _run(self, job: Job, watch: "_Thinned") -> Done | Paused | Failed:
        self._control.begin(job.job_id)
        began = asyncio.get_running_loop().time()
        try:
            result = await self._result(job, watch)
            return Done(result=result, seconds=asyncio.get_running_loop().time() - began)
        except PauseAsked:
            return Paused(checkpoint=watch.checkpoint)
        except Dead:
            return self._lost(watch.checkpoint)
        except StudioError as error:
            return error.as_failed(watch.checkpoint)
        except (RuntimeError, FileNotFoundError):  # planned; or a stale claim let the folder of a forgotten pet go
            return Failed(cause=Cause.INTERNAL, message="unexpected", checkpoint=watch.checkpoint)
        finally:
            self._control.finish()

    def _lost(self, checkpoint: int) -> Paused | Failed:
        self._warm.clear()
        return Paused(checkpoint=checkpoint) if self._closed else WorkerDied().as_failed(checkpoint)

    async def _result(self, job: Job, watch: "_Thinned") -> Enrolled | Painted | Looked:
        match job:
            case Enroll():
                return await self._enroll(job, watch)
            case Look():
                return await self._look(job, watch)
            case Paint():
                return await self._paint(job, watch)

    async def _look(self, job: Look, watch: "_Thinned") -> Looked:
        watch(Progress(phase="loading"))
        for number in range(1, len(job.photos) + 1):
            await self._take(job, number, LOOKING)
            watch(Progress(phase="cutting", step=number, steps=len(job.photos)))
        result = seen(job, [photo.sha256 for photo in job.photos if photo.sha256.startswith(BAD)]).result
        assert isinstance(result, Looked)
        return result

    async def _enroll(self, job: Enroll, watch: "_Thinned") -> Enrolled:
        watch(Progress(phase="loading"))
        plan = Plan().changed(job.wish.text)
        if not (job.folder / "adapter").exists():
            await self._learn(job, plan, watch)
        pet = adapter(job.folder, plan.steps)
        learnt = Enrolled(adapter=pet, cutouts=(), rejected=(), sheet=job.folder / "sheet", portraits=())
        watch(Progress(phase="thinking", checkpoint=plan.steps, learnt=learnt))
        await self._stroke(job, STROKES, plan, watch)
        return replace(learnt, portraits=(portrait(job.folder, job.seed),))

    async def _paint(self, job: Paint, watch: "_Thinned") -> Painted:
        watch(Progress(phase="loading"))
        plan = Plan(steps=STROKES).changed(job.wish.text)
        await self._stroke(job, plan.steps, plan, watch)
        return Painted(portraits=tuple(portrait(job.folder, seed) for seed in job.seeds))

    async def _learn(self, job: Enroll, plan: Plan, watch: "_Thinned") -> None:
        training = self._warm.pop(job.job_id, None) or _Training(job)
        try:
            while training.step < plan.steps:
                await self._take(job, training.step + 1, plan)
                training.take()
                step = Progress(phase="learning", step=training.step, steps=plan.steps, checkpoint=training.saved)
                watch(step)
        except PauseAsked:
            self._warm[job.job_id] = training
            raise
        learn(job, plan.steps)

    async def _stroke(self, job: Job, strokes: int, plan: Plan, watch: "_Thinned") -> None:
        for step in range(1, strokes + 1):
            await self._take(job, step, plan)
            watch(Progress(phase="painting", step=step, steps=strokes))

    async def _take(self, job: Job, step: int, plan: Plan) -> None:
        """One step's time, and whatever happens in it."""
        if plan.ms:
            await asyncio.sleep(plan.ms / 1000)
        trouble = self._trouble(job, step)
        if trouble == "die" or step == plan.die:
            raise Dead
        if trouble == "hang":
            await self._wait(HUNG_S)
            raise Dead
        if trouble == "late":
            await self._wait(LATE_S)
        if trouble in WRONG:
            raise WRONG[trouble]
        if step == plan.crash:
            raise RuntimeError("planned")
        if step == plan.fail:
            raise TooFewPhotos

    async def _wait(self, seconds: float) -> None:
        """Raises Dead if it is killed meanwhile."""
        await _within(seconds, self._killed.wait())
        if self._killed.is_set():
            raise Dead


async def _within(seconds: float, event: Coroutine[Any, Any, object]) -> None:
    try:
        await asyncio.wait_for(event, seconds)
    except TimeoutError:
        return


class _Training:
    def __init__(self, job: Enroll) -> None:
        self._job = job
        self.step = self.saved = saved_step(job)
        self._due = self.step + 1  # the step of the next checkpoint

    def take(self) -> None:
        self.step += 1
        with (self._job.folder / "steps").open("a") as log:
            log.write(f"{self.step}\n")
        if self.step >= self._due:
            self.save()

    def save(self) -> None:
        fresh = self._job.folder / "checkpoint.tmp"
        fresh.write_text(str(self.step))
        fresh.replace(self._job.folder / "checkpoint")
        self.saved = self.step
        self._due = self.step - self.step % CHECKPOINT_EVERY + CHECKPOINT_EVERY


class _Thinned:
    """A report that says no more than it has to, and obeys."""

    def __init__(self, control: JobControl, report: Report) -> None:
        self._control, self._report = control, report
        self.checkpoint = 0
        self._said: tuple[object, ...] = ()
        self._said_at = 0.0

    def __call__(self, progress: Progress) -> None:
        self.checkpoint = max(self.checkpoint, progress.checkpoint)
        now = asyncio.get_running_loop().time()
        news = (progress.phase, progress.checkpoint, progress.learnt)
        if news != self._said or now - self._said_at >= REPORT_S:
            self._said, self._said_at = news, now
            self._report(progress)
        self._control.check()
