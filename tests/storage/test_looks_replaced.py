"""Looks: refused photos are replaced, and what becomes of those with too few good ones."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gpu.jobs import Look
from gpu.outcomes import Cause
from gpu.pets import Photo
from storage.failed import NotKept
from storage.jobs import Jobs, LineFull, QueueLimits, TooManyJobs, new_job_id
from storage.looks import Looks, NotLooked
from storage.pets import NameTaken, TooManyPets
from tests.helpers.looked_rows import HOURS, LOOK_S, all_sent, brought, replaced, states, stored
from tests.helpers.storage_env import MARKER, StorageEnv, seen, traces


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[StorageEnv]:
    env = await StorageEnv.open(tmp_path, keep_failed_s=HOURS)
    yield env
    await env.db.close()


async def test_refused_photos_are_replaced_and_go(env: StorageEnv) -> None:
    row = await env.looked(photos=5, refused=2)
    before = await env.looks.get(row.id)
    good = [photo for photo in before.photos if photo[0] in {cutout.photo for cutout in before.looked.cutouts}]
    env.clock.now += 30
    again = await replaced(env, row, "new", "newer")
    assert (again.kind, again.state, again.created, again.looks) == ("look", "waiting", env.clock.now, 1)
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Look)
    assert claim.job.class_word == "dog", "what the set agreed on before is asked anew"
    assert [photo.sha256 for photo in claim.job.photos[:3]] == [sha256 for sha256, _ in good], "those with remarks stay"
    assert all(photo.path.parent == env.files.photo_folder(row.id) for photo in claim.job.photos)
    assert stored(env, row) == {photo.path.name for photo in claim.job.photos} and len(claim.job.photos) == 5
    assert not (claim.job.folder / "cutouts" / "cut.json").exists(), "it is cut anew"
    assert await env.journal.settle(claim, seen(claim.job))
    after = await env.looks.get(row.id)
    assert after.photos == (*good, (claim.job.photos[3].sha256, "new.jpg"), (claim.job.photos[4].sha256, "newer.jpg"))
    rows = {(one["sha256"], one["path"]) for one in await env.db.all("SELECT sha256, path FROM photos")}
    assert rows == {(photo.sha256, str(photo.path)) for photo in claim.job.photos}
    assert env.files.found() == {row.id}


async def test_the_same_photo_once_more_is_one_photo(env: StorageEnv) -> None:
    row = await env.looked(refused=1)
    job_id, [photo, *_] = new_job_id(), env.files.photo_folder(row.id).iterdir()
    path, sha256 = env.files.keep(photo.read_bytes(), env.files.photo_folder(job_id), ".jpg")
    again = Photo(path=path, sha256=sha256, width=60, height=50)
    await env.looks.replace(row.id, 1, (again, again), ("a.jpg", "b.jpg"))
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Look)
    assert all(photo.path.exists() for photo in claim.job.photos)
    assert stored(env, row) == {photo.path.name for photo in claim.job.photos}


async def test_a_form_that_is_refused_keeps_nothing(env: StorageEnv) -> None:
    row = await env.looked(refused=2)
    before = stored(env, row)
    await env.enroll("Other")
    for limits, refusal in ((QueueLimits(each=1), TooManyJobs), (QueueLimits(total=1), LineFull)):
        full = Looks(env.db, env.files, Jobs(env.db, env.files, env.clock, limits), env.clock)
        photos, names, incoming = await brought(env, "new")
        with pytest.raises(refusal):
            await full.replace(row.id, 1, photos, names)
        env.files.remove(incoming)
        assert stored(env, row) == before
        assert (await full.get(row.id)).look == 1
    await replaced(env, row, "new")


async def test_where_the_line_is_full_it_is_due_again(env: StorageEnv) -> None:
    row = await env.looked()
    await env.enroll("Other")
    full = Looks(env.db, env.files, Jobs(env.db, env.files, env.clock, QueueLimits(total=1)), env.clock)
    with pytest.raises(LineFull):
        await full.learn(row.id, 1)
    env.clock.now += LOOK_S
    assert await full.begin_due() == []
    assert await states(env) == {"Mochi": "looked", "Other": "learning"}
    assert [one.id for one in await env.looks.begin_due()] == [row.id]


async def test_a_fault_keeps_no_other_from_being_learnt(env: StorageEnv) -> None:
    first, second = await env.looked("First"), await env.looked("Second")
    async with env.db.write() as tx:
        await tx.run("UPDATE jobs SET body = 'broken' WHERE id = ?", first.id)
    env.clock.now += LOOK_S
    assert [one.id for one in await env.looks.begin_due()] == [second.id]


async def test_a_crash_in_the_middle_of_a_form_loses_no_photo(env: StorageEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await env.looked(refused=1)
    with monkeypatch.context() as crash:
        crash.setattr("storage.looks.add_photo", None)
        crash.setattr(Looks, "_remove_other_photos", lambda *_: asyncio.sleep(0))
        with pytest.raises(TypeError):
            await replaced(env, row, "new")
    await env.journal.recover()
    looked = await env.looks.get(row.id)
    assert len(looked.photos) == 4
    again = await replaced(env, row, "newer")
    claim = await env.claim(again.id)
    assert isinstance(claim.job, Look)
    assert stored(env, row) == {photo.path.name for photo in claim.job.photos}, "what the crash left goes too"


async def test_with_too_few_good_photos_it_is_kept_as_one_that_failed(env: StorageEnv) -> None:
    row = await env.looked(refused=2)
    looked = await env.looks.get(row.id)
    assert (looked.learn_at, looked.kept_until) == (None, env.clock.now + HOURS)
    [owed] = await env.outbox.due(env.clock.now)
    assert (owed.kind, owed.answer.kept_until, owed.answer.learn_at) == ("looked", env.clock.now + HOURS, None)
    with pytest.raises(NotLooked):
        await env.looks.learn(row.id, 1)
    with pytest.raises(NotKept):
        await env.failed.pet_id(row.id)
    env.clock.now += HOURS - 1
    assert await env.looks.begin_due() == [] and await env.failed.expire() == 0
    await replaced(env, row, "new")
    env.clock.now += 1
    assert await env.failed.expire() == 0, "it is looked at again"
    await env.look(row.id)
    assert (await env.looks.get(row.id)).learn_at == env.clock.now + LOOK_S


async def test_when_its_time_is_over_nothing_is_left(env: StorageEnv) -> None:
    row, other = await env.looked(refused=2), await env.looked("Other")
    await all_sent(env)
    env.clock.now += HOURS
    assert await env.failed.expire() == 1
    assert await states(env) == {"Other": "looked"}
    gone = await env.row(row.id)
    assert (gone.state, gone.cause, gone.pet_id) == ("failed", Cause.TOO_FEW_PHOTOS, None)
    assert await env.erasure.forget((await env.looks.get(other.id)).pet_id)
    await env.db.checkpoint()
    assert traces(env.root, MARKER) == []
    with pytest.raises(NotLooked):
        await env.looks.get(row.id)


async def test_where_failed_ones_are_not_kept_people_can_answer_all_the_same(tmp_path: Path) -> None:
    env = await StorageEnv.open(tmp_path)
    async with env.db:
        row = await env.looked(refused=2)
        assert (await env.looks.get(row.id)).kept_until == env.clock.now + 24 * 3600


async def test_with_too_few_good_photos_it_gives_its_name_away(env: StorageEnv) -> None:
    row = await env.looked(refused=2)
    fresh = await env.enroll("MOCHI", pets_each=1)
    assert await states(env) == {"MOCHI": "learning"}
    assert env.files.found() == {fresh.id}
    assert (await env.row(row.id)).state == "failed"
    await env.looked("Good")
    with pytest.raises(NameTaken):
        await env.enroll("good")


async def test_each_that_was_looked_at_counts(env: StorageEnv) -> None:
    await env.looked("Good")
    await env.looked("Bad", refused=2)
    with pytest.raises(TooManyPets):
        await env.enroll("Third", pets_each=2)
