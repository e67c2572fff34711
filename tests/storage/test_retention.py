"""The nightly pass: what goes, what never goes, and that it goes on."""

import asyncio
import logging
import os
import time
from datetime import datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from gpu.errors import Cancelled, WorkerDied
from gpu.jobs import JOB, Enroll
from gpu.outcomes import Done
from storage.erasure import POSTS
from storage.jobs import new_job_id
from storage.outbox import Delivery
from storage.retention import DAY_S, ORPHAN_S, Removed, Retention, next_time
from tests.helpers.storage_env import THREAD, StorageEnv, enrolled, painted

NOW = 1000 * DAY_S
PHOTOS, PORTRAITS, ROWS = 10, 5, 30  # days
NOTHING = Removed(folders=0, paintings=0, firsts=0, originals=0, leftovers=0, exports=0, jobs=0, answers=0, settings=0)


class Case(NamedTuple):
    """One job: of which kind, how it ended, how many days ago, and what became of its answer."""

    kind: str
    end: str
    days: float
    answer: str

    @property
    def owed(self) -> bool:
        return self.answer in ("owed", "tried")

    @property
    def open(self) -> bool:
        return self.end in ("waiting", "running")

    @property
    def came_to_something(self) -> bool:
        return self.open or self.end == "done"

    def due(self, days: int) -> bool:
        return not self.open and not self.owed and self.days >= days


ENDED = product(
    ("enroll", "paint"), ("done", "failed", "cancelled"), (1, 7, 20, 40), ("owed", "tried", "sent", "closed")
)
OPEN = product(("enroll", "paint"), ("waiting", "running"), (1, 40), ("",))
CASES = [Case(*case) for case in (*ENDED, *OPEN)]


async def played(env: StorageEnv, case: Case) -> str:
    """Let it happen; the job's id."""
    env.clock.now = NOW - case.days * DAY_S
    if case.kind == "enroll":
        job_id = (await env.enroll(f"Dog {len(env.files.found())}")).id
    else:
        pet = await env.ready(f"Dog {len(env.files.found())}")
        for owed in await env.outbox.due(env.clock.now):
            if (await env.row(owed.job_id)).pet_id == pet.id:
                await answer(env, owed, "sent")
        job_id = (await env.paint(pet)).id
        env.files.job_folder(job_id).mkdir()
    if case.end != "waiting":
        await ended(env, case, job_id)
    return job_id


async def ended(env: StorageEnv, case: Case, job_id: str) -> None:
    claim = await env.claim(job_id)
    if case.end == "running":
        return
    if case.end == "done":
        outcome = enrolled(claim.job.folder) if case.kind == "enroll" else painted(claim)
    else:
        outcome = (WorkerDied if case.end == "failed" else Cancelled)().as_failed()
    assert await env.journal.settle(claim, outcome)
    for owed in await env.outbox.due(env.clock.now):
        if owed.job_id == job_id:
            await answer(env, owed, case.answer)


async def answer(env: StorageEnv, owed: Delivery, how: str) -> None:
    if how in ("tried", "sent"):
        await env.outbox.mark_tried(owed.id, owed.channel_id, env.clock.now)
    if how == "sent":
        await env.outbox.mark_sent(owed.id, THREAD, int(owed.job_id, 16), owed.answer.portraits)
    if how == "closed":
        await env.outbox.close(owed.id, "gone")


async def dogs_need(env: StorageEnv) -> None:
    """Make the files that learning would have made."""
    for row in await env.db.all("SELECT id FROM pets WHERE state = 'ready'"):
        pet = await env.pets.get(row["id"])
        assert pet is not None
        for cutout in pet.cutouts:
            cutout.image.touch()
            cutout.mask.touch()


async def posts(env: StorageEnv) -> dict[int, set[tuple[int, int]]]:
    """What forgetting each pet would find."""
    ids = [row["id"] for row in await env.db.all("SELECT id FROM pets")]
    return {pet_id: {tuple(row) for row in await env.db.all(POSTS, pet_id)} for pet_id in ids}


def retention(env: StorageEnv, photos_days: int = PHOTOS, portraits_days: int = PORTRAITS) -> Retention:
    env.clock.now = NOW
    return Retention(env.db, env.files, photos_days=photos_days, portraits_days=portraits_days, clock=env.clock)


async def test_what_goes_and_what_stays(env: StorageEnv) -> None:
    """Every kind of job in every state, of every age, with every fate of its answer."""
    await env.db.one("PRAGMA synchronous = OFF")
    jobs = {case: await played(env, case) for case in CASES}
    await dogs_need(env)
    before = await posts(env)
    removed = await retention(env).tidy()
    for case, job_id in jobs.items():
        folder, photos = env.files.job_folder(job_id), env.files.photo_folder(job_id)
        painting_went = case.kind == "paint" and case.due(PORTRAITS)
        assert folder.exists() == (case.came_to_something and not painting_went), case
        if case.kind == "enroll" and case.came_to_something:
            assert photos.exists() == (not case.due(PHOTOS)), case
        if case.kind == "enroll" and case.end == "done":
            assert (folder / "portraits").exists() == (not case.due(PORTRAITS)), case
        row = await env.jobs.get(job_id)
        assert (row is None) == (case.kind == "enroll" and not case.came_to_something and case.due(ROWS)), case
        answers = await env.db.all("SELECT 1 FROM outbox WHERE job_id = ?", job_id)
        shown_elsewhere = case.end == "done" or case.answer == "closed"
        said_long_ago = case.due(ROWS) and (row is None or shown_elsewhere)
        parts = 2 if case.kind == "enroll" and case.end == "done" else 1
        assert len(answers) == (0 if case.open or said_long_ago else parts), case
    assert await posts(env) == before, "forgetting a pet would miss a post of it"
    assert (removed.paintings, removed.originals) == (3 * 2 + 0, 3 * 2 * 2 + originals_of_painted())
    assert removed.firsts == 3 * 2 + sum(case.kind == "paint" and case.days >= PORTRAITS for case in CASES)
    await nothing_is_missing(env)
    assert await retention(env).tidy() == NOTHING


def originals_of_painted() -> int:
    """Each painting case has a dog of its own, learnt as many days ago."""
    return 3 * sum(case.kind == "paint" and case.days >= PHOTOS for case in CASES)


async def nothing_is_missing(env: StorageEnv) -> None:
    """Whatever an open job reads, an owed answer shows, or a living pet is painted from, is there."""
    for row in await env.db.all("SELECT body FROM jobs WHERE state IN ('waiting', 'running')"):
        job = JOB.validate_json(row["body"])
        needed = [photo.path for photo in job.photos] if isinstance(job, Enroll) else [job.adapter.folder]
        assert all(path.exists() for path in needed)
    for owed in await env.outbox.due(NOW):
        outcome = owed.answer.outcome
        assert not isinstance(outcome, Done) or all(one.path.exists() for one in outcome.result.portraits)
    for row in await env.db.all("SELECT id FROM pets WHERE state = 'ready'"):
        pet = await env.pets.get(row["id"])
        assert pet and pet.adapter
        assert (pet.adapter.folder / "recipe.json").exists()
        assert all(one.image.exists() and one.mask.exists() for one in pet.cutouts)


async def test_for_ever_is_for_ever(env: StorageEnv) -> None:
    jobs = [await played(env, Case(kind, "done", 900, "sent")) for kind in ("enroll", "paint")]
    removed = await retention(env, 0, 0).tidy()
    assert (removed.paintings, removed.firsts, removed.originals) == (0, 0, 0)
    assert all(env.files.job_folder(job_id).exists() for job_id in jobs)


async def test_expired_photos_are_gone_and_the_dog_is_painted_on(env: StorageEnv) -> None:
    pet = await env.ready()
    assert pet.adapter is not None
    photos = env.files.photo_folder(pet.adapter.folder.parent.name)
    for owed in await env.outbox.due(env.clock.now):
        await env.outbox.mark_sent(owed.id, THREAD, 99, owed.answer.portraits)
    assert (await retention(env).tidy()).originals == 3
    assert not photos.exists()
    assert (await env.paint(pet)).state == "waiting"
    receipt = await env.erasure.forget(pet.id)
    assert receipt is not None
    assert receipt.photos == 0, "it says what is there"


@pytest.mark.parametrize(("rested", "stays"), [(ORPHAN_S + 60, False), (ORPHAN_S - 60, True), (0, True)])
async def test_an_enrolment_that_is_being_given_keeps_its_folder(env: StorageEnv, rested: float, stays: bool) -> None:
    path, _ = env.files.keep(b"photo", env.files.photo_folder(new_job_id()), ".jpg")
    at = time.time() - rested
    os.utime(path.parent.parent, (at, at))
    removed = await retention(env).tidy()
    assert (path.exists(), removed.folders) == (stays, not stays)


async def test_a_portrait_that_was_taken_down_leaves_no_file(env: StorageEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    pet = await env.ready()
    claim = await env.claim((await env.paint(pet)).id)
    await env.journal.settle(claim, painted(claim))
    [first, second] = await env.portraits.of_job(claim.job.job_id)
    with monkeypatch.context() as crash:
        crash.setattr(Path, "unlink", lambda *_, **__: None)
        await env.portraits.delete([first.id])
    assert first.portrait.path.exists()
    assert (await retention(env).tidy()).leftovers == 1
    assert [first.portrait.path.exists(), second.portrait.path.exists()] == [False, True]


async def test_a_pass_that_fails_is_not_the_last(
    env: StorageEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keeper, sweep = retention(env), env.files.sweep
    monkeypatch.setattr("storage.retention.next_time", lambda _, now: now + timedelta(seconds=0.01))
    monkeypatch.setattr(env.files, "sweep", lambda *_: 1 / 0)
    with caplog.at_level(logging.INFO):
        task = asyncio.create_task(keeper.nightly(4))
        async with asyncio.timeout(20):
            while "ZeroDivisionError" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert "Tidied up" not in caplog.text
            monkeypatch.setattr(env.files, "sweep", sweep)
            while "Tidied up" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(("now", "hours"), [(3, 1), (4, 24), (5, 23), (23, 5)])
def test_the_next_night(now: int, hours: int) -> None:
    moment = datetime(2026, 3, 1, now, tzinfo=timezone(timedelta(hours=9)))
    assert next_time(4, moment) - moment == timedelta(hours=hours)


async def test_a_zip_waits_a_week_for_the_operator(env: StorageEnv) -> None:
    """And what a kill left of one; what the dog is painted from stays."""
    pet = await env.ready("Rex")
    assert pet.adapter
    other = await env.enroll("Bo")
    waits, goes = (env.files.export_folder(job_id) for job_id in (pet.adapter.folder.parent.name, other.id))
    for folder, days in ((waits, 6), (goes, 8)):
        folder.mkdir(parents=True)
        (folder / "rex.zip.tmp").write_text("half")
        os.utime(folder, (time.time() - days * DAY_S,) * 2)
    removed = await retention(env).tidy()
    assert removed.exports == 1 and waits.exists() and not goes.exists() and pet.adapter.folder.exists()
