"""The real child in trouble: a job that kills it each time, and one under which it hangs.

Knows: how to kill and how to stop a process, the profile's timeouts. Does not know: how the bot finds out.
"""

import asyncio
from typing import Any

import psutil

from gpu.outcomes import Cause
from tests.torture.stage import OWNER, TIMEOUTS, Stage

LEARNT = "SELECT id FROM jobs WHERE kind = 'enroll' AND state = 'done'"


async def poison(stage: Stage) -> dict[str, Any]:
    """A portrait that kills its child whenever it is begun, between portraits for others."""
    pet = await stage.pet(await _learnt(stage))
    jobs = [await stage.paint(pet, OWNER + person) for person in range(4)]
    stage.cursed = bad = jobs.pop(1)
    await stage.over(bad, *jobs)
    row = await stage.row(bad)
    return {
        "crashes": row.fence,
        "set_aside": int((row.state, row.cause) == ("failed", Cause.WORKER_DIED)),
        "neighbours": len(jobs),
        "neighbours_lost": sum([(await stage.row(job)).state != "done" for job in jobs]),
    }


async def hang(stage: Stage) -> dict[str, Any]:
    """A training whose child stands still, deaf to the portrait for which it should make way."""
    loop, pet = asyncio.get_running_loop(), await stage.pet(await _learnt(stage))
    job = await stage.enrol("Sleepyhead", await stage.photographed("sleepyhead"))
    await stage.at_step(job, 2)
    child = stage.child()
    child.suspend()
    stopped = loop.time()
    portrait = await stage.paint(pet)
    await _gone(child)
    killed = loop.time()
    started = await stage.started(portrait)
    await stage.line.cancel(job)
    await stage.over(job, portrait)
    return {
        "budget_s": TIMEOUTS.learning,
        "killed_after_s": round(killed - stopped, 1),
        "next_job_s": round(started - killed, 1),
    }


async def _learnt(stage: Stage) -> str:
    """An enrolment that came to its end."""
    row = await stage.db.one(LEARNT)
    assert row, "no enrolment came to its end here"
    return row["id"]


async def _gone(process: psutil.Process) -> None:
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110 (it tells nobody)
        await asyncio.sleep(0.05)
