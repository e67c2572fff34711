"""A line with real storage and real children, as bot.py puts them together but for Discord; and what happens on it.

Knows: Line, Jobs, Pets, ProcessExecutor, and when each job was heard of. Does not know: what anybody wants to measure.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from gpu.jobs import Enroll
from gpu.line.line import Line
from gpu.line.process import ProcessExecutor, worker
from gpu.outcomes import Progress
from gpu.pets import Photo
from gpu.portraits import Wish
from gpu.profile import PROFILES
from storage.database import Database
from storage.files import Files
from storage.intake import Intake, Upload
from storage.jobs import JobRow, Jobs, new_job_id
from storage.journal import JobJournal
from storage.pets import Pet, Pets
from tests.helpers.bot_process import dog_photos

REAL = worker(PROFILES["pocket"])
TIMEOUTS = PROFILES["pocket"].timeouts
GUILD, CHANNEL, OWNER = 10**18 + 1, 10**18 + 2, 10**18 + 3
FIRST_WISH = Wish(style="photo")
LONG_S = 600.0  # nothing takes longer here


class Stage:
    """Jobs are accepted and run as the bot does it; nobody is told."""

    def __init__(self, db: Database, root: Path, command: Sequence[str] = REAL) -> None:
        self.db, self.files = db, Files(root)
        self.jobs, self.pets = Jobs(db, self.files), Pets(db)
        self.heard: dict[str, list[tuple[float, Progress]]] = {}  # by job, in the order of their starts; loop time
        self.cursed = ""  # the job whose child dies whenever it begins to paint
        self._over: set[str] = set()
        self._news = asyncio.Event()
        executor = ProcessExecutor(command, timeouts=TIMEOUTS)
        self.line = Line(executor, JobJournal(db, self.files), self._progress, self._settled)

    async def photographed(self, dog: str) -> tuple[Photo, ...]:
        """Six photos of a dog, taken in as the bot does it; they belong to no job."""
        job_id, intake = new_job_id(), Intake(self.files)
        return tuple(
            [await intake.take(Upload(name=one.name, data=one.data), job_id) for one in dog_photos(dog, 6)]
        )  # fmt: skip

    async def enrol(self, name: str, photos: tuple[Photo, ...], seed: int = 1, wish: Wish = FIRST_WISH) -> str:
        """The job's id."""
        job_id = new_job_id()
        row = await self.jobs.accept_enroll(
            Enroll(job_id=job_id, folder=self.files.job_folder(job_id), photos=photos, wish=wish, seed=seed),
            name=name, names=tuple(f"{number}.jpg" for number in range(len(photos))), guild_id=GUILD, user_id=OWNER,
            channel_id=CHANNEL, locale="en", look=False,
        )  # fmt: skip
        self.line.submit(row.id)
        return row.id

    async def paint(self, pet: Pet, user_id: int = OWNER) -> str:
        """One portrait; the job's id."""
        row = await self.jobs.accept_paint(
            pet=pet, user_id=user_id, channel_id=CHANNEL, thread_id=None, wish=Wish(style="oil", text="on a beach"),
            seeds=(1,), locale="en",
        )  # fmt: skip
        self.line.submit(row.id)
        return row.id

    async def pet(self, job_id: str) -> Pet:
        """The dog that this enrolment was for."""
        row = await self.db.one("SELECT pet_id FROM jobs WHERE id = ?", job_id)
        assert row
        pet = await self.pets.get(row["pet_id"])
        assert pet
        return pet

    async def row(self, job_id: str) -> JobRow:
        row = await self.jobs.get(job_id)
        assert row
        return row

    def child(self) -> psutil.Process:
        """The real child that computes."""
        [child] = [one for one in psutil.Process().children() if "gpu.worker" in one.cmdline()]
        return child

    # ---- what is waited for ---------------------------------------------------------------------------------

    async def until(self, true: Callable[[], bool], within_s: float = LONG_S) -> None:
        async with asyncio.timeout(within_s):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def over(self, *job_ids: str) -> None:
        await self.until(lambda: self._over.issuperset(job_ids))

    async def started(self, job_id: str) -> float:
        """When its child said the first word of it; loop time."""
        await self.until(lambda: job_id in self.heard)
        return self.heard[job_id][0][0]

    async def at_step(self, job_id: str, step: int) -> None:
        await self.until(lambda: self.step(job_id) >= step)

    def step(self, job_id: str) -> int:
        """The newest training step that was heard of."""
        steps = (progress.step for _, progress in reversed(self.heard.get(job_id, [])) if progress.phase == "learning")
        return next(steps, 0)

    def _progress(self, job_id: str, progress: Progress) -> None:
        self.heard.setdefault(job_id, []).append((asyncio.get_running_loop().time(), progress))
        if job_id == self.cursed and (progress.phase, progress.step) == ("painting", 1):
            self.child().kill()  # as the kernel does to one that takes all memory
        self._news.set()

    def _settled(self, job_id: str) -> None:
        self._over.add(job_id)
        self._news.set()


@asynccontextmanager
async def opened(root: Path, command: Sequence[str] = REAL) -> AsyncGenerator[Stage]:
    """A line that runs, on a data folder that no bot has open."""
    async with await Database.open(root / "pawtrait.db") as db:
        stage = Stage(db, root, command)
        await stage.line.start()
        try:
            yield stage
        finally:
            await stage.line.close()
