"""Enrolments that failed: what is kept, for how long, and that it is tried again once or goes without a trace."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gpu.jobs import Enroll
from gpu.outcomes import Cause, Failed
from storage.failed import NotKept, TriedAgain
from storage.files import Files
from storage.jobs import JobRow, Jobs, LineFull, QueueLimits, TooManyJobs
from storage.pets import TooManyPets
from storage.retention import Retention
from tests.helpers.storage_env import CHANNEL, GUILD, MARKER, OWNER, THREAD, StorageEnv, enrolled, traces

HOURS = 24 * 3600.0
MENDABLE = [cause for cause in Cause if cause not in (Cause.TOO_FEW_PHOTOS, Cause.CANCELLED)]


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[StorageEnv]:
    env = await StorageEnv.open(tmp_path, keep_failed_s=HOURS)
    yield env
    await env.db.close()


async def failed(env: StorageEnv, name: str = "Mochi", cause: Cause = Cause.WORKER_DIED) -> JobRow:
    """An enrolment that failed in the middle of its training."""
    row = await env.enroll(name)
    await fail(env, row, cause)
    return row


async def fail(env: StorageEnv, row: JobRow, cause: Cause = Cause.WORKER_DIED) -> None:
    claim = await env.claim(row.id)
    checkpoint = claim.job.folder / "checkpoint" / "training.safetensors"
    checkpoint.parent.mkdir(exist_ok=True)
    checkpoint.write_text(MARKER)
    assert await env.journal.settle(claim, Failed(cause=cause, message=""))


async def again(env: StorageEnv, row: JobRow, pets_each: int = 9) -> JobRow:
    return await env.failed.retry(row.id, locale="en", pets_each=pets_each)


async def states(env: StorageEnv) -> dict[str, str]:
    return {pet.name: pet.state for pet in await env.pets.of_guild(GUILD)}


async def all_sent(env: StorageEnv) -> None:
    for owed in await env.outbox.due(env.clock.now):
        await env.outbox.mark_sent(owed.id, CHANNEL, 99, ())


@pytest.mark.parametrize("cause", MENDABLE)
async def test_what_may_be_mended_keeps_its_photos(env: StorageEnv, cause: Cause) -> None:
    row = await failed(env, cause=cause)
    assert await states(env) == {"Mochi": "failed"}
    assert len(list(env.files.photo_folder(row.id).iterdir())) == 3
    [owed] = await env.owed()
    assert (owed.kind, owed.answer.kept_until) == ("failed", env.clock.now + HOURS)
    assert ((await env.row(row.id)).state, (await env.row(row.id)).cause) == ("failed", cause)


@pytest.mark.parametrize("cause", [Cause.TOO_FEW_PHOTOS, Cause.CANCELLED])
async def test_what_nobody_can_mend_goes_at_once(env: StorageEnv, cause: Cause) -> None:
    row = await failed(env, cause=cause)
    [owed] = await env.owed()
    assert owed.answer.kept_until is None and await states(env) == {}
    await all_sent(env)
    await env.db.checkpoint()
    assert traces(env.root, MARKER) == []
    with pytest.raises(NotKept):
        await again(env, row)


async def test_a_try_is_the_same_enrolment_once_more(env: StorageEnv) -> None:
    row = await env.enroll()
    [pet] = await env.pets.of_guild(GUILD)
    await env.pets.set_thread(pet.id, THREAD)
    await fail(env, row)
    retried = await again(env, row)
    assert (retried.pet_name, retried.pet_id, retried.user_id, retried.locale) == ("Mochi", pet.id, OWNER, "en")
    assert (retried.channel_id, retried.thread_id, retried.ack) == (CHANNEL, THREAD, (CHANNEL, 77))
    assert await states(env) == {"Mochi": "learning"}
    claim = await env.claim(retried.id)
    assert isinstance(claim.job, Enroll)
    assert (claim.job.job_id, claim.job.folder) == (retried.id, env.files.job_folder(retried.id))
    assert (claim.job.seed, claim.job.wish.text) == (7, MARKER)
    assert [photo.path.parent for photo in claim.job.photos] == [env.files.photo_folder(retried.id)] * 3
    assert all(MARKER in photo.path.read_text() for photo in claim.job.photos)
    rows = {row["path"] for row in await env.db.all("SELECT path FROM photos")}
    assert rows == {str(photo.path) for photo in claim.job.photos}
    assert (claim.job.folder / "checkpoint" / "training.safetensors").exists(), "it goes on where it came to"
    assert not env.files.job_folder(row.id).exists()
    assert await env.journal.settle(claim, enrolled(claim.job.folder))
    assert await states(env) == {"Mochi": "ready"}


async def test_numbers_that_ran_away_are_drawn_anew(env: StorageEnv) -> None:
    claim = await env.claim((await again(env, await failed(env, cause=Cause.NOT_FINITE))).id)
    assert isinstance(claim.job, Enroll) and claim.job.seed == 8, "the same steps would run away again"


async def test_without_its_photos_nothing_is_tried(env: StorageEnv) -> None:
    row = await failed(env)
    env.files.remove_photos(row.id)
    with pytest.raises(NotKept):
        await again(env, row)
    assert env.files.found() == {row.id}, "of the try nothing is left"
    assert await states(env) == {"Mochi": "failed"}


async def test_photos_that_go_while_it_begins_are_told_from_a_disk_that_refuses(
    env: StorageEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, link = await failed(env), os.link

    def refuse(*_: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    def late(source: Path, target: Path) -> None:
        source.unlink()
        link(source, target)

    for way, raised in ((refuse, OSError), (late, NotKept)):
        monkeypatch.setattr(os, "link", way)
        with pytest.raises(raised):
            await again(env, row)
        assert env.files.found() == {row.id}


async def test_many_presses_are_one_job(env: StorageEnv) -> None:
    row = await failed(env)
    tries = await asyncio.gather(*(again(env, row) for _ in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tries) == ["JobRow"] + ["TriedAgain"] * 4
    [job] = await env.jobs.active()
    assert env.files.found() == {job.id}
    await fail(env, job)
    with pytest.raises(TriedAgain):  # the press of the first failure, delivered once more
        await again(env, row)
    await again(env, job)


async def test_a_try_keeps_the_limits_and_loses_nothing(env: StorageEnv) -> None:
    row = await failed(env)
    await env.enroll("Other")
    with pytest.raises(TooManyPets):
        await again(env, row, pets_each=1)
    for limits, refusal in ((QueueLimits(each=1), TooManyJobs), (QueueLimits(total=1), LineFull)):
        env.failed._jobs = Jobs(env.db, env.files, env.clock, limits)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(refusal):
            await again(env, row)
    assert len(env.files.found()) == 2
    env.failed._jobs = env.jobs  # pyright: ignore[reportPrivateUsage]
    assert (await again(env, row)).state == "waiting"


async def test_a_failed_one_counts_for_nothing_and_gives_its_name_away(env: StorageEnv) -> None:
    row = await failed(env, "Mochi")
    await failed(env, "Other")
    await env.enroll("Third", pets_each=1)
    fresh = await env.enroll("MOCHI", pets_each=2)
    assert await states(env) == {"MOCHI": "learning", "Other": "failed", "Third": "learning"}
    assert not env.files.job_folder(row.id).exists()
    assert len(list(env.files.photo_folder(fresh.id).iterdir())) == 3
    with pytest.raises(NotKept):
        await again(env, row)


async def test_a_try_that_is_cancelled_leaves_nothing(env: StorageEnv) -> None:
    retried = await again(env, await failed(env))
    assert await env.journal.cancel_waiting(retried.id)
    await all_sent(env)
    await env.db.checkpoint()
    assert traces(env.root, MARKER) == []
    assert env.files.found() == set()


async def test_when_its_time_is_over_nothing_is_left(env: StorageEnv) -> None:
    row, other = await failed(env), await failed(env, "Other")
    await again(env, other)
    env.clock.now += HOURS - 1
    assert await env.failed.expire() == 0
    assert await states(env) == {"Mochi": "failed", "Other": "learning"}
    env.clock.now += 1
    assert await env.failed.expire() == 1
    assert await states(env) == {"Other": "learning"}
    assert not env.files.job_folder(row.id).exists()
    assert [owed.answer.pet_name for owed in await env.owed()] == ["Mochi", "Other"], "people are told all the same"
    await env.journal.cancel_waiting((await env.jobs.active())[0].id)
    await all_sent(env)
    await env.db.checkpoint()
    assert traces(env.root, MARKER) == []
    with pytest.raises(NotKept):
        await again(env, row)


async def test_its_time_is_looked_at_again_and_again(env: StorageEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.failed.LOOK_S", 0.01)
    await failed(env)
    with monkeypatch.context() as broken:
        broken.setattr("storage.pets.drop", None)
        worker, env.clock.now = asyncio.create_task(env.failed.work()), env.clock.now + HOURS
        await asyncio.sleep(0.1)
        assert await states(env) == {"Mochi": "failed"}
    async with asyncio.timeout(10):
        while await states(env):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    worker.cancel()
    await asyncio.wait([worker])


async def test_forgetting_one_that_failed_leaves_nothing(env: StorageEnv) -> None:
    row = await failed(env)
    receipt = await env.erasure.forget(await env.failed.pet_id(row.id))
    assert receipt
    assert (receipt.photos, receipt.portraits, receipt.files) == (3, 0, 4)
    assert traces(env.root, MARKER) == []
    with pytest.raises(NotKept):
        await env.failed.pet_id(row.id)


async def test_a_restart_and_a_night_leave_it_alone(env: StorageEnv) -> None:
    row = await failed(env)
    await env.journal.recover()
    await Retention(env.db, env.files, photos_days=1, portraits_days=1, clock=env.clock).tidy()
    assert len(list(env.files.photo_folder(row.id).iterdir())) == 3
    assert (await again(env, row)).state == "waiting"


async def test_a_crash_in_the_middle_of_a_try_loses_no_photo(env: StorageEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    row, other = await failed(env), await failed(env, "Other")
    with monkeypatch.context() as crash:
        crash.setattr(Files, "remove", lambda *_: 0)
        crash.setattr("storage.failed.insert", None)
        with pytest.raises(TypeError):
            await again(env, row)  # before the commit
    with monkeypatch.context() as crash:
        crash.setattr(Files, "remove", lambda *_: 0)
        retried = await again(env, other)  # after it
    assert len(env.files.found()) == 4
    await env.journal.recover()
    assert env.files.found() == {row.id, retried.id}
    for kept in env.files.found():
        assert len(list(env.files.photo_folder(kept).iterdir())) == 3
    assert await states(env) == {"Mochi": "failed", "Other": "learning"}
