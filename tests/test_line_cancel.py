"""The line: cancel, at any moment."""

import asyncio
from copy import deepcopy
from pathlib import Path
from typing import Literal

from gpu.line.journal import Claim
from gpu.line.process import ProcessExecutor
from gpu.types import Done, Failed
from tests.hall import LONG, Hall, hall, opened
from tests.inline_executor import InlineExecutor
from tests.light_jobs import enroll_job, paint_job
from tests.light_studio import COMMAND, LightStudio
from tests.memory_journal import MemoryJournal

__all__ = ["hall"]  # a fixture


async def test_cancel_while_waiting(hall: Hall, tmp_path: Path) -> None:
    hall.submit(paint_job(tmp_path, "a", "steps=50 ms=5"))
    await hall.at_step("a", 2)
    hall.submit(paint_job(tmp_path, "b"))
    assert await hall.line.cancel("b")
    await hall.all_settled("a", "b")
    assert hall.settled == ["b", "a"]
    assert hall.state("b") == "cancelled"


async def test_cancel_while_running(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "a", "steps=100000 ms=5"), enroll_job(tmp_path, "b"))
    await hall.at_step("a", 3)
    assert await hall.line.cancel("a")
    await hall.all_settled("a", "b")
    assert (hall.state("a"), hall.state("b")) == ("cancelled", "done")


async def test_cancel_while_paused_for_a_portrait(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "a", LONG))
    await hall.at_step("a", 3)
    hall.submit(paint_job(tmp_path, "b", "steps=40 ms=5"))
    await hall.at_step("b", 2)
    assert await hall.line.cancel("a")
    await hall.all_settled("a", "b")
    assert hall.state("a") == "cancelled"


async def test_pause_and_cancel_at_once_is_a_cancel(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "a", LONG))
    await hall.at_step("a", 3)
    hall.submit(paint_job(tmp_path, "b"))
    await asyncio.sleep(0)
    assert await hall.line.cancel("a")
    await hall.all_settled("a", "b")
    assert (hall.state("a"), hall.state("b")) == ("cancelled", "done")


async def test_cancel_twice_is_one_answer(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "a", LONG), enroll_job(tmp_path, "b"))
    await hall.at_step("a", 3)
    assert await asyncio.gather(*(hall.line.cancel(name) for name in "aabb")) == [True, True, True, False]
    await hall.all_settled("a", "b")
    assert [len(hall.journal.rows[name].answers) for name in "ab"] == [1, 1]


class Slow(MemoryJournal):
    """A claim is written but not heard of, or an outcome not written, until the door opens."""

    def __init__(self, what: Literal["claim", "settle"]) -> None:
        super().__init__()
        self.knocked, self.door = asyncio.Event(), asyncio.Event()
        self._what = what

    async def _pass(self, what: str) -> None:
        if what == self._what:
            self.knocked.set()
            await self.door.wait()

    async def claim(self, job_id: str) -> Claim | None:
        claim = await super().claim(job_id)
        await self._pass("claim")
        return claim

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        await self._pass("settle")
        return await super().settle(claim, outcome)


async def test_cancel_while_it_is_being_claimed(tmp_path: Path) -> None:
    journal = Slow("claim")
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        hall.submit(enroll_job(tmp_path, "a", "steps=100000 ms=5"))
        await journal.knocked.wait()
        cancelling = asyncio.create_task(hall.line.cancel("a"))
        await asyncio.sleep(0.01)
        assert not cancelling.done(), "it is neither waiting nor running"
        journal.door.set()
        assert await cancelling
        await hall.all_settled("a")
        assert hall.state("a") == "cancelled"


async def test_cancel_when_it_is_just_done(tmp_path: Path) -> None:
    journal = Slow("settle")
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await journal.knocked.wait()
        cancelling = asyncio.create_task(hall.line.cancel("a"))
        await asyncio.sleep(0.01)
        journal.door.set()
        assert not await cancelling, "it is over"
        await hall.all_settled("a")
        assert (hall.state("a"), len(hall.journal.rows["a"].answers)) == ("done", 1)


async def test_a_cancel_that_was_said_outlives_the_bot(tmp_path: Path) -> None:
    journal = MemoryJournal()
    studio = LightStudio()
    async with opened(InlineExecutor(studio), journal) as hall:
        hall.submit(enroll_job(tmp_path, "a", LONG))
        await hall.at_step("a", 3)
        studio.open.clear()
        assert await hall.line.cancel("a")
        left = deepcopy(journal)  # what a kill at this moment leaves
        assert left.rows["a"].state == "running"
        studio.open.set()
    async with opened(InlineExecutor(LightStudio()), left):
        assert left.rows["a"].state == "cancelled"


async def test_a_cancel_during_the_drain_is_a_cancel(tmp_path: Path) -> None:
    async with opened(ProcessExecutor(COMMAND)) as hall:
        hall.submit(enroll_job(tmp_path, "a", LONG))
        await hall.at_step("a", 3)
        closing = asyncio.create_task(hall.line.close())
        await asyncio.sleep(0)
        assert await hall.line.cancel("a")
        await closing
        assert hall.state("a") == "cancelled"


async def test_cancel_of_what_is_over_or_unknown(hall: Hall, tmp_path: Path) -> None:
    hall.submit(paint_job(tmp_path, "a"))
    await hall.all_settled("a")
    assert not await hall.line.cancel("a")
    assert not await hall.line.cancel("unknown")
