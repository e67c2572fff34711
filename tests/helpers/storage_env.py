"""The storage rooms on one folder, with a dog or two in them: what the storage tests live in.

Knows: storage's public API and gpu's values. Does not know: what any test wants to see.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gpu.jobs import Enroll, Look, Paint
from gpu.line.journal import Claim
from gpu.outcomes import Done, Enrolled, Looked, Painted
from gpu.pets import Adapter, Cutout, Photo, Rejected, Remark
from gpu.portraits import Portrait, Prompt, Wish
from storage.database import Database
from storage.erasure import Erasure
from storage.failed import FailedEnrolments
from storage.files import Files
from storage.guilds import Guilds
from storage.jobs import JobRow, Jobs, new_job_id
from storage.journal import JobJournal
from storage.looks import Looks
from storage.outbox import Delivery, Outbox, Part
from storage.pets import Pet, Pets
from storage.portraits import Portraits
from storage.takedowns import Takedowns

GUILD, OWNER, CHANNEL, THREAD = 10**18 + 1, 10**18 + 2, 10**18 + 3, 10**18 + 4
MARKER = "EinMopsKamInDieKueche"


class Clock:
    """Time that passes when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class StorageEnv:
    """The storage rooms on one folder."""

    root: Path
    db: Database
    files: Files
    clock: Clock
    jobs: Jobs
    journal: JobJournal
    pets: Pets
    guilds: Guilds
    erasure: Erasure
    failed: FailedEnrolments
    looks: Looks
    portraits: Portraits
    outbox: Outbox
    takedowns: Takedowns

    @classmethod
    async def open(cls, root: Path, keep_failed_s: float = 0.0) -> "StorageEnv":
        return cls.on(root, await Database.open(root / "bot.sqlite"), keep_failed_s)

    @classmethod
    def on(cls, root: Path, db: Database, keep_failed_s: float = 0.0) -> "StorageEnv":
        files, clock = Files(root), Clock()
        jobs, journal = Jobs(db, files, clock), JobJournal(db, files, clock, keep_failed_s)
        return cls(
            root=root, db=db, files=files, clock=clock, jobs=jobs, journal=journal, pets=Pets(db), guilds=Guilds(db),
            erasure=Erasure(db, files, clock), failed=FailedEnrolments(db, files, jobs, clock),
            looks=Looks(db, files, jobs, clock), portraits=Portraits(db), outbox=Outbox(db), takedowns=Takedowns(db),
        )  # fmt: skip

    async def enroll(
        self, name: str = "Mochi", *, photos: int = 3, text: str = MARKER, pets_each: int = 99, look: bool = False
    ) -> JobRow:
        job_id = new_job_id()
        folder = self.files.photo_folder(job_id)
        kept = [self.files.keep(f"{name} {n} {MARKER}".encode(), folder, ".jpg") for n in range(photos)]
        taken = tuple(Photo(path=path, sha256=sha256, width=100, height=80) for path, sha256 in kept)
        wish = Wish(style="ukiyo-e", text=text)
        return await self.jobs.accept_enroll(
            Enroll(job_id=job_id, folder=self.files.job_folder(job_id), photos=taken, wish=wish, seed=7),
            name=name,
            names=tuple(f"{MARKER}{n}.jpg" for n in range(photos)),
            guild_id=GUILD,
            user_id=OWNER,
            channel_id=CHANNEL,
            locale="ko",
            ack=(CHANNEL, 77),
            pets_each=pets_each,
            look=look,
        )

    async def looked(self, name: str = "Mochi", *, photos: int = 4, refused: int = 0) -> JobRow:
        """An enrolment that was looked at: so many of its first photos are refused, and the last one has a remark."""
        row = await self.enroll(name, photos=photos, look=True)
        assert await self.look(row.id, refused)
        return await self.row(row.id)

    async def look(self, job_id: str, refused: int = 0) -> bool:
        """The look that waits is done."""
        claim = await self.claim(job_id)
        assert isinstance(claim.job, Look)
        return await self.journal.settle(claim, seen(claim.job, [one.sha256 for one in claim.job.photos[:refused]]))

    async def ready(self, name: str = "Mochi") -> Pet:
        row = await self.enroll(name)
        assert await self.journal.settle(await self.claim(row.id), enrolled(self.files.job_folder(row.id)))
        pet = await self.pet(name)
        assert pet is not None
        return pet

    async def pet(self, name: str) -> Pet | None:
        """The owner's pet of that name."""
        return next((pet for pet in await self.pets.of_owner(GUILD, OWNER) if pet.name == name), None)

    async def paint(self, pet: Pet, count: int = 2) -> JobRow:
        return await self.jobs.accept_paint(
            pet=pet,
            user_id=OWNER,
            channel_id=CHANNEL,
            thread_id=THREAD,
            wish=Wish(style="oil", text=MARKER),
            seeds=tuple(range(count)),
            locale="en",
            reply_to=55,
        )

    async def claim(self, job_id: str) -> Claim:
        claim = await self.journal.claim(job_id)
        assert claim is not None
        return claim

    async def owed(self) -> list[Delivery]:
        """The answers that are due, without the contact sheets of enrolments."""
        return [one for one in await self.outbox.due(self.clock.now) if one.part is Part.ANSWER]

    async def row(self, job_id: str) -> JobRow:
        row = await self.jobs.get(job_id)
        assert row is not None
        return row


def portrait(folder: Path, seed: int) -> Portrait:
    path = folder / "portraits" / f"{seed}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{seed} {MARKER}")
    prompt = Prompt(text=f"a <s0><s1> dog, {MARKER}", box=(0.1, 0.2, 0.9, 1.0))
    return Portrait(
        path=path,
        seed=seed,
        prompt=prompt,
        likeness=0.8,
        profile="pocket",
        batch=4,
        versions=(("torch", "2"),),
        seconds=1,
    )


def enrolled(folder: Path) -> Done:
    (folder / "adapter").mkdir(parents=True, exist_ok=True)
    (folder / "adapter" / "recipe.json").write_text(MARKER)
    adapter = Adapter(
        folder=folder / "adapter", tokens=("<s0>", "<s1>"), class_word="dog", base="abc", steps=300, likeness=0.7
    )
    cutout = Cutout(image=folder / "a.png", mask=folder / "b.png", photo="ab", share=0.4)
    result = Enrolled(
        adapter=adapter, cutouts=(cutout,), rejected=(), sheet=folder / "sheet.png", portraits=(portrait(folder, 1),)
    )
    return Done(result=result, seconds=60)


def seen(job: Look, refused: Collection[str] = ()) -> Done:
    """A look of which these photos (by their sha256) are refused, and the last good one has a remark."""
    cutouts = job.folder / "cutouts"
    cutouts.mkdir(exist_ok=True)
    for path in (cutouts / "cut.json", job.folder / "sheet.png"):
        path.write_text(MARKER)
    good = tuple(
        Cutout(image=cutouts / f"{photo.sha256}.png", mask=cutouts / "b.png", photo=photo.sha256, share=0.4)
        for photo in job.photos
        if photo.sha256 not in refused
    )
    result = Looked(
        cutouts=good,
        rejected=tuple(Rejected(photo=sha256, reason="no_dog") for sha256 in refused),
        remarks=tuple(Remark(photo=one.photo, what="blurred") for one in good[-1:]),
        sheet=job.folder / "sheet.png",
        class_word="cat",
    )
    return Done(result=result, seconds=5)


def painted(claim: Claim) -> Done:
    assert isinstance(claim.job, Paint)
    return Done(
        result=Painted(portraits=tuple(portrait(claim.job.folder, seed) for seed in claim.job.seeds)), seconds=9.5
    )


def traces(root: Path, *markers: str) -> list[Path]:
    """The files under root that hold a marker, the database's and its log's included."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return [path for path in files if any(marker.encode() in path.read_bytes() for marker in markers)]
