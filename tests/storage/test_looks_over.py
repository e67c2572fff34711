"""Looks: cancelled, forgotten, failed, and in the middle of it the bot starts again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gpu.errors import OutOfMemory, TooFewPhotos
from gpu.jobs import Enroll
from storage.jobs import JobRow
from storage.looks import NotLooked
from storage.retention import DAY_S, Retention
from tests.helpers.looked_rows import HOURS, LOOK_S, all_sent, brought, replaced, states, stored, told
from tests.helpers.storage_env import CHANNEL, MARKER, THREAD, StorageEnv, enrolled, traces


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[StorageEnv]:
    env = await StorageEnv.open(tmp_path, keep_failed_s=HOURS)
    yield env
    await env.db.close()


@pytest.mark.parametrize("refused", [0, 2])
@pytest.mark.parametrize("sent", [False, True])
async def test_forgetting_one_that_was_looked_at_leaves_nothing(env: StorageEnv, refused: int, sent: bool) -> None:
    row = await env.looked(refused=refused)
    [owed] = await env.outbox.due(env.clock.now)
    await env.outbox.mark_tried(owed.id, owed.channel_id, env.clock.now)
    if sent:
        await env.outbox.mark_sent(owed.id, CHANNEL, 99, ())
    receipt = await env.erasure.forget((await env.looks.get(row.id)).pet_id, with_posts=True)
    assert receipt and (receipt.photos, receipt.files) == (4, 4 + 2)
    assert traces(env.root, MARKER) == [] and env.files.found() == set()
    strays = {(one.message_id, one.mark) for one in await env.takedowns.due(env.clock.now)}
    assert strays == {(77, ""), (99, "") if sent else (None, f"{row.id}-11")}
    env.clock.now += LOOK_S
    assert await env.looks.begin_due() == []


async def test_a_form_for_a_forgotten_one_brings_nothing_back(env: StorageEnv) -> None:
    row = await env.looked(refused=1)
    photos, names, incoming = await brought(env, "new")
    forgetting = env.erasure.forget((await env.looks.get(row.id)).pet_id)
    answers = await asyncio.gather(env.looks.replace(row.id, 1, photos, names), forgetting, return_exceptions=True)
    env.files.remove(incoming)
    assert isinstance(answers[0], JobRow | NotLooked)
    assert env.files.found() == set()
    with pytest.raises(NotLooked):
        await replaced(env, row, "new")
    assert env.files.found() == set()


async def test_cancelling_one_that_was_looked_at_is_one_answer(env: StorageEnv) -> None:
    row = await env.looked()
    assert await env.journal.cancel_waiting(row.id)
    assert not await env.journal.cancel_waiting(row.id)
    assert await told(env, row) == [("LOOK", "looked"), ("ANSWER", "cancelled")]
    assert await states(env) == {} and env.files.found() == set()
    env.clock.now += LOOK_S
    assert await env.looks.begin_due() == []
    await all_sent(env)
    await env.db.checkpoint()
    assert traces(env.root, MARKER) == []


async def test_a_look_that_fails_is_looked_at_again(env: StorageEnv) -> None:
    row = await env.looked(refused=1)
    await replaced(env, row, "new")
    assert await env.journal.settle(await env.claim(row.id), OutOfMemory().as_failed())
    assert await told(env, row) == [("LOOK", "looked"), ("ANSWER", "failed")]
    assert await states(env) == {"Mochi": "failed"}
    with pytest.raises(NotLooked):
        await env.looks.get(row.id)
    again = await env.failed.retry(row.id, locale="en", pets_each=9)
    assert (again.kind, again.looks, again.state) == ("look", 1, "waiting")
    await env.look(again.id)
    assert await told(env, again) == [("LOOK", "looked")]
    learning = await env.looks.learn(again.id, 2)
    await env.journal.settle(await env.claim(learning.id), OutOfMemory().as_failed())
    retried = await env.failed.retry(learning.id, locale="en", pets_each=9)
    assert retried.kind == "enroll", "its photos were looked at"
    claim = await env.claim(retried.id)
    assert isinstance(claim.job, Enroll) and claim.job.class_word == "cat"


async def test_a_look_that_nobody_can_mend_goes_at_once(env: StorageEnv) -> None:
    row = await env.enroll(look=True)
    assert await env.journal.settle(await env.claim(row.id), TooFewPhotos().as_failed())
    assert await states(env) == {} and env.files.found() == set()


@pytest.mark.parametrize(
    "when", ["waits", "is looked at", "is looked", "waits again", "waits to be learnt", "is learnt"]
)
async def test_a_restart_anywhere_loses_nothing(tmp_path: Path, when: str) -> None:
    env = await StorageEnv.open(tmp_path)
    row = await env.enroll(photos=4, look=True)
    if when == "is looked at":
        await env.claim(row.id)
    elif when != "waits":
        await env.look(row.id, refused=1)
    if when == "waits again":
        await replaced(env, await env.row(row.id), "new")
    elif when in ("waits to be learnt", "is learnt"):
        await env.looks.learn(row.id, 1)
    if when == "is learnt":
        await env.claim(row.id)
    now = env.clock.now
    await env.db.close()

    again = await StorageEnv.open(tmp_path)
    again.clock.now = now
    await again.journal.recover()
    assert len(stored(again, row)) == 4
    number = {"waits": 1, "is looked at": 1, "waits again": 2}.get(when)
    if number:
        assert [one.kind for one in await again.journal.waiting()] == ["look"]
        await again.look(row.id)
    if number or when == "is looked":
        again.clock.now += LOOK_S
        assert [one.id for one in await again.looks.begin_due()] == [row.id]
    claim = await again.claim(row.id)
    assert isinstance(claim.job, Enroll)
    assert await again.journal.settle(claim, enrolled(claim.job.folder))
    looks = [("LOOK", "looked")] * (number or 1)
    assert await told(again, row) == [*looks, ("ANSWER", "enrolled")]
    await again.db.close()


async def test_a_night_leaves_it_alone(env: StorageEnv) -> None:
    rows = [await env.looked("Good"), await env.looked("Bad", refused=2)]
    await Retention(env.db, env.files, photos_days=1, portraits_days=1, clock=lambda: env.clock.now + 99 * DAY_S).tidy()
    assert [len(stored(env, row)) for row in rows] == [4, 4]
    assert len(await env.outbox.due(env.clock.now)) == 2
    assert [(await env.looks.get(row.id)).looked.sheet.exists() for row in rows] == [True, True]


async def test_its_thread_is_deleted_and_it_goes_on_above(env: StorageEnv) -> None:
    row = await env.enroll(look=True)
    assert row.pet_id
    await env.pets.set_thread(row.pet_id, THREAD)
    await env.look(row.id)
    [owed] = await env.outbox.due(env.clock.now)
    assert owed.channel_id == THREAD
    await env.pets.leave_thread(THREAD)
    assert (await env.row(row.id)).thread_id == CHANNEL


@pytest.mark.parametrize(("state", "takes_down"), [("looked, told", False), ("looked, owed", True), ("again", True)])
async def test_a_progress_message_goes_if_no_answer_would_take_it_down(
    env: StorageEnv, state: str, takes_down: bool
) -> None:
    row = await env.looked(refused=1)
    if state != "looked, owed":
        await all_sent(env)
    if state == "again":
        await replaced(env, row, "new")
    await env.jobs.set_progress_message([row.id], 88)
    assert row.pet_id
    await env.erasure.forget(row.pet_id)
    assert (88 in [one.message_id for one in await env.takedowns.due(env.clock.now)]) == takes_down
