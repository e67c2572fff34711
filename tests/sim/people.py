"""What people do in the simulation, as the commands of cogs/ would do it with the rooms.

Knows: the rooms' calls, in the order in which the cogs make them. Does not know: when, and what becomes of it.
Each is a task of the bot's present life: it ends with it, and then nobody was told anything.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

from cogs.api.refusals import Refused
from gpu.jobs import Enroll
from gpu.line.journal import Claim
from gpu.outcomes import Failed, Progress
from gpu.pets import Photo
from gpu.portraits import Wish
from storage.jobs import JobRow, LineFull, PetNotReady, TooManyJobs, new_job_id
from storage.looks import NotLooked, OlderLook
from storage.pets import NameTaken, Pet
from tests.sim.bot_life import BotLife
from tests.sim.child import BAD
from tests.sim.discord import Lost, SimDiscord
from tests.sim.judge import FAR, STALE, Judge, hold

GUILDS = (1, 2)
USERS = range(11, 17)
PHOTOS = 3
NAMES = ("Rex", "Mochi", "Bello", "Nabi")


class People:
    """Everybody. `now()` is what Unix time is to the bot."""

    def __init__(self, rng: Random, judge: Judge, discord: SimDiscord, now: Callable[[], float]) -> None:
        self._rng, self._judge, self._discord, self._now = rng, judge, discord, now
        self._channels = {guild_id: discord.open().id for guild_id in GUILDS}

    async def enrol(self, life: BotLife) -> None:
        rng, guild_id = self._rng, self._rng.choice(GUILDS)
        name, user_id = rng.choice(NAMES), rng.choice(USERS)
        poison = rng.random() < 0.04
        plan = f"steps={rng.randint(3, 60)} ms={rng.choice((50, 200, 500, 1500))}" + (" die=2" if poison else "")
        job_id, look, bad = new_job_id(), rng.random() < 0.6, rng.choice((0, 0, 1, 3))
        photos = self._photos(life, job_id, PHOTOS, bad)
        channel_id, folder, wish = self._channels[guild_id], life.files.job_folder(job_id), Wish(style="ink", text=plan)
        try:
            row = await life.jobs.accept_enroll(
                Enroll(job_id=job_id, folder=folder, photos=photos, wish=wish, seed=rng.randrange(2**32)),
                name=name, names=tuple(photo.path.name for photo in photos), guild_id=guild_id, user_id=user_id,
                channel_id=channel_id, locale="en", ack=(channel_id, 1), look=look,
            )  # fmt: skip
        except (NameTaken, LineFull, TooManyJobs):
            life.files.remove(job_id)
            return
        self._judge.accepted(row, self._now(), poison=poison)
        life.line.submit(row.id)
        thread = self._discord.open(channel_id)
        assert row.pet_id
        await life.pets.set_thread(row.pet_id, thread.id)
        await life.jobs.set_progress_message([row.id], 1)

    async def answer(self, life: BotLife) -> None:
        """Somebody answers a look, at its newest sheet or at an older one."""
        rng = self._rng
        which, what, older, bad = rng.random(), rng.random(), rng.random() < 0.2, rng.choice((0, 0, 1))
        looked = [job for guild_id in GUILDS for user_id in USERS for job in await life.jobs.looked(guild_id, user_id)]
        if not looked:
            return
        job = looked[int(which * len(looked))]
        if what < 0.15:
            await self._cancel(life, job)
            return
        incoming = new_job_id()
        try:
            if what < 0.6:
                row = await life.looks.learn(job.id, job.looks - older)
            else:
                photos = self._photos(life, incoming, 1, bad)
                row = await life.looks.replace(job.id, job.looks - older, photos, ("new.jpg",))
        except (NotLooked, OlderLook, LineFull, TooManyJobs):
            return
        finally:
            life.files.remove(incoming)
        hold(not older, "an older sheet was answered:", job)
        self._judge.answered(row)
        life.line.submit(row.id)

    def _photos(self, life: BotLife, job_id: str, count: int, bad: int) -> tuple[Photo, ...]:
        """Taken in for a job to come; the first ones are bad."""
        folder = life.files.photo_folder(job_id)
        folder.mkdir(parents=True)
        names = [f"{BAD if n < bad else 'good'}{job_id}{n}" for n in range(count)]
        for name in names:
            (folder / f"{name}.jpg").write_text(job_id)
        return tuple(Photo(path=folder / f"{name}.jpg", sha256=name, width=9, height=9) for name in names)

    async def paint(self, life: BotLife, user_id: int | None = None) -> None:
        rng = self._rng
        poison = rng.random() < 0.03
        plan = f"ms={rng.randint(50, 600)}" + (" die=2" if poison else " fail=2" if rng.random() < 0.02 else "")
        who, which, seeds = user_id or rng.choice(USERS), rng.random(), tuple(range(rng.randint(1, 4)))
        if pet := await self._a_pet(life, which):
            await self._order(life, pet, who, pet.thread_id, Wish(style="oil", text=plan), seeds)

    async def burst(self, life: BotLife) -> None:
        """One person orders many at once, and then come the others."""
        first, *others = self._rng.sample(USERS, 3)
        await asyncio.gather(*(self.paint(life, first) for _ in range(self._rng.randint(5, 25))))
        for user_id in others:
            await self.paint(life, user_id)

    async def react(self, life: BotLife) -> None:
        rng, posts = self._rng, self._discord.posts()
        if not posts:
            return
        post, again = rng.choice(posts), rng.random() < 0.7
        rows = await life.portraits.by_message(post.id)
        job = await life.jobs.get(rows[0].job_id) if rows else None
        if job and not again:
            with suppress(Refused, Lost):
                await self._discord.delete(post.channel_id, post.id, refused=True)
                await life.portraits.delete([row.id for row in rows])
        elif job and (pet := await life.pets.get(rows[0].pet_id)):
            await self._order(life, pet, job.user_id, post.channel_id, rows[0].wish, (9,), reply_to=post.id)

    async def cancel(self, life: BotLife) -> None:
        which, running = self._rng.random(), self._rng.random() < 0.5
        jobs = await life.jobs.active()
        jobs = [job for job in jobs if running and job.state == "running"] or jobs
        if jobs:
            await self._cancel(life, jobs[int(which * len(jobs))])

    async def forget(self, life: BotLife) -> None:
        which, with_posts = self._rng.random(), self._rng.random() < 0.5
        pet = await self._a_pet(life, which)
        if not pet:
            return
        self._judge.to_forget.add(pet.id)
        if await life.erasure.forget(pet.id, with_posts=with_posts, stop=life.line.stop):
            self._judge.forgotten[pet.id] = with_posts

    async def queue(self, life: BotLife) -> None:
        self._judge.placed(await life.line.places())

    async def use_stale_claim(self, life: BotLife, stale: Claim) -> None:
        """Somebody comes with a claim of a run that is long over."""
        which, job_id = self._rng.randrange(4), stale.job.job_id
        says = Failed(cause=STALE, message="")
        if which == 0:
            hold(not await life.journal.settle(stale, says), "settled by a stale claim:", job_id)
        elif which == 1:
            hold(not await life.journal.mark_crashed(stale, says), "a stale claim crashed:", job_id)
        elif which == 2:
            await life.journal.mark_paused(stale)
        else:
            await life.journal.note_checkpoint(stale, Progress(phase="learning", checkpoint=FAR))

    async def _cancel(self, life: BotLife, job: JobRow) -> None:
        promise = self._judge.promises[job.id]
        promise.asked = True
        if await life.line.cancel(job.id):
            promise.cancelled = promise.cancelled or self._now()

    async def _a_pet(self, life: BotLife, which: float) -> Pet | None:
        pets = [pet for guild_id in GUILDS for pet in await life.pets.of_guild(guild_id)]
        return pets[int(which * len(pets))] if pets else None

    async def _order(
        self, life: BotLife, pet: Pet, user_id: int, thread_id: int | None, wish: Wish, seeds: tuple[int, ...],
        *, reply_to: int | None = None,
    ) -> None:  # fmt: skip
        try:
            row = await life.jobs.accept_paint(
                pet=pet, user_id=user_id, channel_id=pet.channel_id, thread_id=thread_id, wish=wish, seeds=seeds,
                locale="en", reply_to=reply_to,
            )  # fmt: skip
        except (PetNotReady, LineFull, TooManyJobs):
            return
        self._judge.accepted(row, self._now(), poison="die" in wish.text)
        life.line.submit(row.id)
