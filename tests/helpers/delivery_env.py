"""Delivery as tests see it: real storage, cogs and discord.py against a loopback Discord, on a clock of ours.

Knows: how the parts are put together, how an answer comes to be owed, and how often it can be seen. Does not know: what
any test wants to see. Time stands still until a test lets it pass, for Discord and for us alike.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
from discord.ext import commands
from PIL import Image

from cogs.api.budget import Budget, watched
from cogs.api.client import Client
from cogs.buttons import ButtonsCog
from cogs.catch_up import CatchUpCog
from cogs.delivery.cog import DeliveryCog
from cogs.guilds import GuildsCog
from cogs.progress.messages import ProgressMessages
from cogs.reactions import ReactionsCog
from cogs.shared.models import Models
from cogs.shared.owners import Owners
from cogs.shared.services import Services
from cogs.shared.threads import Threads
from cogs.shared.uploads import Uploads
from gpu.errors import OutOfMemory
from gpu.jobs import Enroll, Look
from gpu.line.executor import ProcessStats
from gpu.line.line import Line
from gpu.outcomes import Done, Failed, Painted
from gpu.pets import Photo
from gpu.portraits import Wish
from gpu.profile import PROFILES
from storage.database import Database
from storage.erasure import Erasure
from storage.failed import FailedEnrolments
from storage.files import Files
from storage.guilds import Guilds
from storage.intake import Intake
from storage.jobs import JobRow, Jobs, new_job_id
from storage.journal import JobJournal
from storage.looks import Looks
from storage.notifications import Notifications
from storage.outbox import Outbox, Part
from storage.pets import Pet, Pets
from storage.portraits import Portraits
from storage.stats import Stats
from storage.styles import ServerStyles
from storage.takedowns import Takedowns
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.inline_executor import InlineExecutor
from tests.helpers.storage_env import enrolled, portrait, seen
from tests.loopback import Channel, Loopback, Person, Thread
from tests.loopback import threads as loopback_threads
from tests.loopback.client import logged_in

SEND = "/channels/{channel_id}/messages"
ONE = "/channels/{channel_id}/messages/{message_id}"


class ManualClock:
    """Our clock: the time of day, pushed forward or set back by hand."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


class DeliveryEnv:
    """Delivery, its neighbours, and what they need."""

    def __init__(self, net: Loopback, db: Database, root: Path) -> None:
        self.net, self.db, self.clock = net, db, ManualClock()
        self.files = Files(root)
        self.journal = JobJournal(db, self.files)
        self.budget = Budget(self.clock)
        self.bot = self.login()
        self.mina = net.person("Mina")

    def login(self) -> commands.Bot:
        """A client that is not logged in yet, with cogs that know nothing but what is stored, as after a restart."""
        self.bot = Client(
            guild_id=None, synced=self.files.root / "commands.sha256", command_prefix="!", max_messages=None,
            intents=discord.Intents(guilds=True, guild_reactions=True), guild_ready_timeout=0.05,
            allowed_mentions=discord.AllowedMentions.none(), http_trace=watched(self.budget),
        )  # fmt: skip
        self.restart()
        return self.bot

    def restart(self) -> None:
        """Cogs that know nothing but what is stored, on the client that is there."""
        db, files, clock = self.db, self.files, self.clock
        jobs, pets = Jobs(db, files), Pets(db)
        line = Line(InlineExecutor(FakeStudio()), self.journal, _heard, _heard)
        threads = Threads(self.bot, jobs, pets)
        painting = PROFILES["pocket"].painting
        self.progress = ProgressMessages(self.bot, jobs, threads, line, painting, clock, monotonic=clock)
        self.services = Services(
            files=files, uploads=Uploads(Intake(files), frozenset()), look_first=False, recipes=False,
            pets=pets, guilds=Guilds(db),
            erasure=Erasure(db, files, clock), failed=FailedEnrolments(db, files, jobs, clock), jobs=jobs,
            looks=Looks(db, files, jobs, clock), portraits=Portraits(db), outbox=Outbox(db, clock),
            takedowns=Takedowns(db), notifications=Notifications(db), styles=ServerStyles(db), line=line,
            models=Models(PROFILES["pocket"], None), threads=threads, progress=self.progress, owners=Owners(),
            profile=PROFILES["pocket"], painting=painting,
            species=("dog",), pets_each=5, stats=Stats(db), process=ProcessStats,
        )  # fmt: skip
        self.delivery = DeliveryCog(self.bot, self.services, self.clock)
        self.reactions = ReactionsCog(self.bot, self.services)
        self.buttons = ButtonsCog(self.bot, self.services)
        self.catch_up = CatchUpCog(self.bot, self.services, self.reactions, self.clock)
        self.guilds = GuildsCog(self.bot, self.services, self.clock)

    def thread(self, name: str = "Rex", parent: Channel | None = None) -> Thread:
        """A thread of the bot's."""
        world, body = self.net.world, {"name": name, "auto_archive_duration": 10080}
        return loopback_threads.start(world, world.me, parent or self.net.channel, body)

    async def pet(self, thread: Thread | None = None, owner: Person | None = None) -> Pet:
        """A dog that is learnt, with nothing owed for it."""
        job_id = await self._enrol(thread, owner or self.mina, look=False)
        await self._settle(job_id, enrolled(self.services.files.job_folder(job_id)))
        for part in (Part.SHEET, Part.ANSWER):
            await self.services.outbox.close(f"{job_id}-{part:d}", "not of interest")
        row = await self.services.jobs.get(job_id)
        assert row and row.pet_id
        pet = await self.services.pets.get(row.pet_id)
        assert pet
        return pet

    async def looked(self, thread: Thread) -> str:
        """A dog whose photos were looked at, with the answer in the outbox; the id of its job."""
        job_id = await self._enrol(thread, self.mina, look=True)
        claim = await self.journal.claim(job_id)
        assert claim and isinstance(claim.job, Look)
        assert await self.journal.settle(claim, seen(claim.job))
        return job_id

    async def owe_enrolment(self) -> JobRow:
        """A dog that is learnt, without a thread, with both parts of its answer in the outbox."""
        job_id = await self._enrol(None, self.mina, look=False)
        await self._settle(job_id, enrolled(self.services.files.job_folder(job_id)))
        row = await self.services.jobs.get(job_id)
        assert row
        return row

    async def _enrol(self, thread: Thread | None, owner: Person, *, look: bool) -> str:
        job_id = new_job_id()
        path, sha256 = self.services.files.keep(job_id.encode(), self.services.files.photo_folder(job_id), ".jpg")
        photos = (Photo(path=path, sha256=sha256, width=9, height=9),)
        folder = self.services.files.job_folder(job_id)
        row = await self.services.jobs.accept_enroll(
            Enroll(job_id=job_id, folder=folder, photos=photos, wish=Wish(style="oil"), seed=1),
            name=secrets.token_hex(4), names=("a.jpg",), guild_id=int(self.net.guild.id), user_id=int(owner.id),
            channel_id=self._above(thread), locale="en", look=look,
        )  # fmt: skip
        if thread and row.pet_id:
            await self.services.pets.set_thread(row.pet_id, int(thread.id))
        return job_id

    async def owe(self, pet: Pet, *, pictures: int = 1, size: int = 8) -> JobRow:
        """A job that is done, with its answer in the outbox; without pictures it is one that failed."""
        return await self.settle(await self.order(pet, pictures), pictures=pictures, size=size)

    async def order(self, pet: Pet, pictures: int = 1) -> JobRow:
        """A painting that waits."""
        return await self.services.jobs.accept_paint(
            pet=pet, user_id=int(self.mina.id), channel_id=pet.channel_id, thread_id=pet.thread_id,
            wish=Wish(style="oil"), seeds=tuple(range(max(pictures, 1))), locale="en",
        )  # fmt: skip

    async def settle(self, job: JobRow, *, pictures: int = 1, size: int = 8) -> JobRow:
        """Now it is done, with so many pictures of random colours."""
        made = tuple(portrait(self.services.files.job_folder(job.id), seed) for seed in range(pictures))
        for one in made:
            Image.frombytes("RGB", (size, size), secrets.token_bytes(3 * size**2)).save(one.path, "PNG")
        done = Done(result=Painted(portraits=made), seconds=1.0)
        await self._settle(job.id, done if made else OutOfMemory().as_failed())
        return job

    async def posted(self, thread: Thread) -> tuple[Pet, dict[str, Any]]:
        """A dog with one portrait in its thread, and the portrait's message."""
        pet = await self.pet(thread)
        await self.owe(pet)
        await self.rounds(5.0)
        return pet, self.net.messages(thread)[-1]

    async def _settle(self, job_id: str, outcome: Done | Failed) -> None:
        claim = await self.journal.claim(job_id)
        assert claim and await self.journal.settle(claim, outcome)

    def _above(self, thread: Thread | None) -> int:
        return int((thread.parent if thread else self.net.channel).id)

    async def open_rows(self) -> int:
        """Answers that are neither sent nor closed."""
        row = await self.db.one("SELECT count(*) FROM outbox WHERE message_id IS NULL AND closed IS NULL")
        assert row
        return row[0]

    async def closed(self, job: JobRow) -> str | None:
        row = await self.db.one("SELECT closed FROM outbox WHERE job_id = ?", job.id)
        assert row
        return row["closed"]

    async def rounds(self, pass_s: float, most: int = 60) -> int:
        """Deliver again and again, with so many seconds in between, until nothing is owed; how often it took."""
        for number in range(1, most + 1):
            await self.delivery.deliver()
            if not await self.open_rows():
                return number
            self.pass_time(pass_s)
        raise AssertionError(f"{await self.open_rows()} answers are still owed")

    async def update_progress(self) -> None:
        """Bring every progress message up to date, as is done each second."""
        await self.progress._start_updates()
        await asyncio.gather(*self.progress._updates.values())

    async def take_down(self) -> None:
        """Try every takedown that is due."""
        await self.delivery._takedown_worker.take_down_due()

    async def until(self, look: Callable[[], Awaitable[Any]], count: int | None = None) -> None:
        """Wait until a look finds something, or so many of it; for 5 s."""
        async with asyncio.timeout(5.0):
            while True:
                found = await look()
                if len(found) == count if count is not None else found:
                    return
                await asyncio.sleep(0.01)

    async def heard(self, predicate: Callable[[], object]) -> None:
        """Wait until the bot has heard of something."""

        async def look() -> object:
            return predicate()

        await self.until(look)

    def pass_time(self, seconds: float) -> None:
        self.clock.offset += seconds
        self.net.clock.advance(seconds)

    def seen(self) -> Counter[str]:
        """How many messages show each delivery, wherever they are."""
        marks: Counter[str] = Counter()
        for message in self.net.world.messages.values():
            names = {file.name.rsplit("-", 1)[0] for file in message.files}
            marks.update(names or {message.content.rsplit("-# ", 1)[-1]})
        return marks

    def texts(self, place: Any) -> list[str]:
        return [message["content"] for message in self.net.messages(place)]

    def direct_messages(self, person: Person | None = None) -> list[str]:
        """What somebody, or else Mina, was told in direct messages."""
        return self.texts(self.net.world.door((person or self.mina).user))


def _heard(*_: object) -> None:
    """Nobody listens to the line here."""


@asynccontextmanager
async def delivery_env(root: Path, record: Path | None = None) -> AsyncGenerator[DeliveryEnv]:
    """Delivery, logged in to a loopback Discord. record: a folder for the traffic."""
    async with await Loopback.start(record=record, pace=100) as net, await Database.open(root / "pawtrait.db") as db:
        opened = DeliveryEnv(net, db, root)
        async with logged_in(opened.bot, net):
            yield opened
