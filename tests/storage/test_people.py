"""What is kept of people's presses and wishes to be told: one press is one job, and a setting goes with its person."""

import asyncio

from gpu.portraits import Wish
from storage.jobs import JobRow
from storage.notifications import Notifications
from storage.pets import Pet
from storage.retention import Retention
from tests.helpers.storage_env import CHANNEL, OWNER, THREAD, StorageEnv


async def pressed(env: StorageEnv, pet: Pet, interaction_id: int, user_id: int = OWNER, style: str = "oil") -> JobRow:
    """Somebody presses a button under message 55."""
    return await env.jobs.accept_paint(
        pet=pet, user_id=user_id, channel_id=CHANNEL, thread_id=THREAD, wish=Wish(style=style), seeds=(1,),
        locale="en", reply_to=55, interaction_id=interaction_id,
    )  # fmt: skip


async def test_an_interaction_is_one_job_however_often_it_comes(env: StorageEnv) -> None:
    pet = await env.ready()
    jobs = await asyncio.gather(*(pressed(env, pet, 1001) for _ in range(3)))
    assert len({job.id for job in jobs}) == 1
    await env.journal.cancel_waiting(jobs[0].id)
    assert (await pressed(env, pet, 1001)).id == jobs[0].id, "also when its job is over"
    assert (await pressed(env, pet, 1002)).id != jobs[0].id


async def test_a_press_joins_its_like_that_waits(env: StorageEnv) -> None:
    pet = await env.ready()
    first = await pressed(env, pet, 1)
    assert (await pressed(env, pet, 2)).id == first.id
    others = [await pressed(env, pet, 3, style="pencil"), await pressed(env, pet, 4, user_id=77), await env.paint(pet)]
    assert len({first.id, *(job.id for job in others)}) == 4
    await env.claim(first.id)
    assert (await pressed(env, pet, 5)).id not in {first.id, *(job.id for job in others)}, "it is being painted"
    assert (await pressed(env, pet, 2)).id == first.id, "the same press, sent again"


async def test_presses_go_with_their_pet(env: StorageEnv) -> None:
    pet = await env.ready()
    await pressed(env, pet, 1)
    await env.erasure.forget(pet.id)
    assert await env.db.all("SELECT * FROM presses") == []


async def test_a_setting_stays_until_nothing_else_is_kept_of_its_person(env: StorageEnv) -> None:
    pet, settings = await env.ready(), Notifications(env.db)
    for user_id, how in ((OWNER, "dm"), (77, "off"), (78, "off"), (78, "on")):
        await settings.set(user_id, how)
    assert [await settings.of(user_id) for user_id in (OWNER, 77, 78, 79)] == ["dm", "off", "on", "on"]
    nightly = Retention(env.db, env.files, photos_days=0, portraits_days=0, clock=env.clock)
    assert (await nightly.tidy()).settings == 1
    assert [await settings.of(user_id) for user_id in (OWNER, 77)] == ["dm", "on"]
    await env.erasure.forget(pet.id)
    assert (await nightly.tidy()).settings == 1 and await settings.of(OWNER) == "on"
