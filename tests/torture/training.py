"""Trainings of the real pocket models that were disturbed, held against the same ones left in peace, byte by byte.

Knows: the files that an enrolment leaves, how many steps a portrait waits for. Does not know: who disturbed a training
in the data folder that it finds (tests/bench/kills.py did), or how a training goes on where it stopped.
"""

import asyncio
import random
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from gpu.adapter_files import KOHYA_FILE, LORA_FILE, RECIPE_FILE, ROWS_FILE
from gpu.jobs import JOB, Enroll
from tests.torture.stage import Stage

LEARNT = tuple(f"adapter/{name}" for name in (LORA_FILE, KOHYA_FILE, ROWS_FILE, RECIPE_FILE))

BETWEEN = 7  # steps between two portraits: 50 of them in the 360 steps of one enrolment, and nothing is owed for them

MOST_CLAIMED = "SELECT body, fence FROM jobs WHERE kind = 'enroll' AND state = 'done' ORDER BY fence DESC"


async def interrupted(stage: Stage) -> dict[str, Any]:
    """The enrolment of this folder that was begun most often, once more and without an interruption."""
    row = await stage.db.one(MOST_CLAIMED)
    assert row, "no enrolment came to its end here"
    began = time.monotonic()
    again = await _again(stage, "In Peace", _job(row["body"]))
    await stage.over(again.job_id)
    seconds = round(time.monotonic() - began, 1)
    return {"claims": row["fence"], **_compared(_job(row["body"]), again), "uninterrupted_s": seconds}


async def paused(stage: Stage, askings: int, peaceful: str = "In Peace") -> dict[str, Any]:
    """The same enrolment, while portraits of its twin are asked for, one after the other."""
    row = await stage.db.one("SELECT id, body FROM jobs WHERE pet_name = ? AND kind = 'enroll'", peaceful)
    assert row
    twin, chance = await stage.pet(row["id"]), random.Random(1)
    job = await _again(stage, "Out Of Breath", _job(row["body"]))
    steps: list[int] = []
    waits: list[float] = []
    for number in range(askings):
        await stage.at_step(job.job_id, BETWEEN * (number + 1))
        await asyncio.sleep(chance.uniform(0.0, _step_s(stage, job)))
        asked = asyncio.get_running_loop().time()
        portrait = await stage.paint(twin)
        before = stage.step(job.job_id)  # now it is in line
        waits.append(await stage.started(portrait) - asked)
        steps.append(stage.step(job.job_id) - before)
        await stage.over(portrait)
    await stage.over(job.job_id)
    late = int(0.95 * askings)  # as the worst but 5 %
    return {
        "askings": askings,
        "steps_p95": sorted(steps)[late - 1],
        "steps_worst": max(steps),
        "wait_p95_s": round(sorted(waits)[late - 1], 3),
        "wait_worst_s": round(max(waits), 3),
        "step_s": round(_step_s(stage, job), 3),
        **_compared(_job(row["body"]), job),
    }


async def _again(stage: Stage, name: str, job: Enroll) -> Enroll:
    """The same photos and seed, as another dog."""
    job_id = await stage.enrol(name, job.photos, job.seed, job.wish)
    row = await stage.db.one("SELECT body FROM jobs WHERE id = ?", job_id)
    assert row
    return _job(row["body"])


def _job(body: str) -> Enroll:
    job = JOB.validate_json(body)
    assert isinstance(job, Enroll)
    return job


def _compared(one: Enroll, other: Enroll) -> dict[str, int]:
    files = [_files(job.folder) for job in (one, other)]
    names = files[0].keys() | files[1].keys()
    differ = sum(files[0].get(name) != files[1].get(name) for name in names)
    return {"files": len(names), "files_differ": differ}


def _files(folder: Path) -> dict[str, bytes]:
    """What was learnt and painted."""
    pictures = [str(path.relative_to(folder)) for path in (folder / "portraits").glob("*.png")]
    return {name: (folder / name).read_bytes() for name in (*LEARNT, *pictures)}


def _step_s(stage: Stage, job: Enroll) -> float:
    """The median of the steps that were heard one after the other; pauses fall out of it."""
    steps = [(at, progress.step) for at, progress in stage.heard[job.job_id] if progress.phase == "learning"]
    took = [after - at for (at, step), (after, following) in pairwise(steps) if following == step + 1]
    return median(took) if took else 0.0
