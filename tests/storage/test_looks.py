"""Looks: what an enrolment goes through whose photos are looked at first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu.errors import OutOfMemory
from gpu.jobs import Enroll, Look
from storage.looks import NotLooked, OlderLook
from storage.outbox import Part
from tests.helpers.looked_rows import HOURS, LOOK_S, replaced, states, stored, told
from tests.helpers.storage_env import GUILD, MARKER, OWNER, StorageEnv, enrolled, seen


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[StorageEnv]:
    env = await StorageEnv.open(tmp_path, keep_failed_s=HOURS)
    yield env
    await env.db.close()


async def test_an_enrolment_begins_with_a_look(env: StorageEnv) -> None:
    row = await env.enroll(look=True)
    assert (row.kind, row.state, row.looks) == ("look", "waiting", 0)
    [ticket] = await env.journal.waiting()
    assert ticket.kind == "look"
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Look)
    assert (claim.job.folder, len(claim.job.photos)) == (env.files.job_folder(row.id), 3)
    assert await states(env) == {"Mochi": "learning"}


async def test_what_was_seen_is_told_and_its_owner_asked(env: StorageEnv) -> None:
    row = await env.enroll(photos=4, look=True)
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Look)
    env.clock.now += 7
    outcome = seen(claim.job, [claim.job.photos[0].sha256])
    assert await env.journal.settle(claim, outcome)
    [owed] = await env.outbox.due(env.clock.now)
    assert (owed.id, owed.nonce, owed.part, owed.kind) == (f"{row.id}-11", f"{row.id}-11", Part.LOOK, "looked")
    answer = owed.answer
    assert answer.outcome == replace(outcome, seconds=7)
    assert (answer.look, answer.learn_at, answer.kept_until) == (1, env.clock.now + LOOK_S, None)
    assert answer.photos == tuple((one.sha256, f"{MARKER}{n}.jpg") for n, one in enumerate(claim.job.photos)), (
        "in order"
    )
    looked = await env.looks.get(row.id)
    assert (looked.look, looked.looked, looked.photos) == (1, outcome.result, answer.photos)
    assert (looked.pet_id, looked.owner_id, looked.learn_at) == (row.pet_id, OWNER, answer.learn_at)
    assert await states(env) == {"Mochi": "looked"}
    assert [pet.class_word for pet in await env.pets.of_guild(GUILD)] == ["cat"]
    assert await env.jobs.durations("look") == 7
    assert [one.id for one in await env.jobs.looked(GUILD, OWNER)] == [row.id]
    assert await env.jobs.active() == await env.jobs.looked(GUILD, OWNER + 1) == await env.journal.waiting() == []


async def test_it_takes_no_place_in_line_until_it_is_learnt(env: StorageEnv) -> None:
    row, other = await env.looked(), await env.enroll("Other")
    env.clock.now += 60
    learning = await env.looks.learn(row.id, 1)
    assert (learning.kind, learning.state, learning.created, learning.started) == ("enroll", "waiting", 1060.0, None)
    assert [one.job_id for one in await env.journal.waiting()] == [other.id, row.id]
    assert [(one.kind, one.begun) for one in await env.journal.waiting()] == [("enroll", None)] * 2
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Enroll)
    assert (claim.job.class_word, len(claim.job.photos), claim.job.wish.text) == ("cat", 4, MARKER)
    assert (claim.job.folder / "cutouts" / "cut.json").exists()
    assert await env.journal.settle(claim, enrolled(claim.job.folder))
    assert await told(env, row) == [("LOOK", "looked"), ("ANSWER", "enrolled")], "people have seen the sheet"
    assert await states(env) == {"Mochi": "ready", "Other": "learning"}
    with pytest.raises(NotLooked):
        await env.looks.get(row.id)


async def test_its_attempts_and_its_time_begin_anew(env: StorageEnv) -> None:
    row = await env.enroll(look=True)
    for _ in range(2):
        await env.journal.mark_crashed(await env.claim(row.id), OutOfMemory().as_failed())
    env.clock.now += 3
    assert await env.look(row.id)
    learning = await env.looks.learn(row.id, 1)
    assert (learning.attempts, learning.seconds, learning.fence) == (0, 0.0, 3)
    spared = [await env.journal.mark_crashed(await env.claim(row.id), OutOfMemory().as_failed()) for _ in range(3)]
    assert spared == [True, True, False]


async def test_turns_with_looks_are_their_own(env: StorageEnv) -> None:
    await env.looked()
    assert [turn.kind for turn in await env.journal.turns()] == ["look"]


async def test_nobody_says_anything_and_it_is_learnt(env: StorageEnv) -> None:
    row, later = await env.looked(), await env.enroll("Later", look=True)
    env.clock.now += 1
    await env.look(later.id)
    env.clock.now += LOOK_S - 2
    assert await env.looks.begin_due() == []
    env.clock.now += 1
    assert [one.id for one in await env.looks.begin_due()] == [row.id]
    assert await env.looks.begin_due() == []
    await env.journal.recover()
    env.clock.now += 1
    assert [one.id for one in await env.looks.begin_due()] == [later.id]
    assert [one.kind for one in await env.journal.waiting()] == ["enroll", "enroll"]


async def test_without_a_look_it_is_as_it_was(env: StorageEnv) -> None:
    row = await env.enroll()
    assert await env.journal.settle(claim := await env.claim(row.id), enrolled(claim.job.folder))
    assert await told(env, row) == [("SHEET", "enrolled"), ("ANSWER", "enrolled")]
    with pytest.raises(NotLooked):
        await env.looks.learn(row.id, 0)


async def test_many_presses_are_one_learning(env: StorageEnv) -> None:
    row = await env.looked(refused=1)
    answers = await asyncio.gather(
        *(env.looks.learn(row.id, 1) for _ in range(3)),
        *(replaced(env, row, "new") for _ in range(3)),
        env.looks.begin_due(),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in answers) == ["JobRow", *["NotLooked"] * 5, "list"]
    assert len(await env.journal.waiting()) == 1
    assert len(stored(env, row)) == 4 and env.files.found() == {row.id}


async def test_of_many_forms_one_is_taken(env: StorageEnv) -> None:
    row = await env.looked(refused=2)
    answers = await asyncio.gather(*(replaced(env, row, f"new{n}") for n in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in answers) == ["JobRow", *["OlderLook"] * 3]
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Look) and len(claim.job.photos) == 3
    assert stored(env, row) == {photo.path.name for photo in claim.job.photos}, "and nothing of the others is kept"


async def test_an_older_sheet_answers_nothing(env: StorageEnv) -> None:
    row = await env.looked(refused=2, photos=5)
    await replaced(env, row, "new")
    for _ in range(2):  # while it is looked at again, and after that
        with pytest.raises(OlderLook):
            await env.looks.learn(row.id, 1)
        with pytest.raises(OlderLook):
            await replaced(env, row, "other", look=1)
        with pytest.raises(OlderLook):
            await env.looks.get(row.id, 1)
        if await env.journal.waiting():
            await env.look(row.id)
    assert (await env.looks.get(row.id)).look == 2
    assert await told(env, row) == [("LOOK", "looked"), ("LOOK", "looked")]
    assert [one.id for one in await env.outbox.due(env.clock.now)] == [f"{row.id}-11", f"{row.id}-12"]
    assert (await env.looks.learn(row.id, 2)).kind == "enroll"


async def test_a_press_after_the_end_says_so(env: StorageEnv) -> None:
    row = await env.looked()
    await env.journal.cancel_waiting(row.id)
    for job_id in (row.id, "0123456789ab"):
        with pytest.raises(NotLooked):
            await env.looks.learn(job_id, 1)
        with pytest.raises(NotLooked):
            await replaced(env, replace(row, id=job_id), "new")
    assert env.files.found() == set()
