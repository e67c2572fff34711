"""The line: cancel, at any moment."""

import asyncio
from copy import deepcopy
from pathlib import Path
from typing import Literal

from gpu.line.journal import Claim
from gpu.line.process import ProcessExecutor
from gpu.outcomes import Done, Failed
from tests.helpers.fake_jobs import enroll_job, look_job, paint_job
from tests.helpers.fake_studio import COMMAND, FakeStudio
from tests.helpers.inline_executor import InlineExecutor
from tests.helpers.line_env import LONG, LineEnv, opened
from tests.helpers.memory_journal import MemoryJournal


async def test_cancel_while_waiting(env: LineEnv, tmp_path: Path) -> None:
    env.submit(paint_job(tmp_path, "a", "steps=50 ms=5"))
    await env.at_step("a", 2)
    env.submit(paint_job(tmp_path, "b"))
    assert await env.line.cancel("b")
    await env.all_settled("a", "b")
    assert env.settled == ["b", "a"]
    assert env.state("b") == "cancelled"


async def test_cancel_while_running(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "a", "steps=100000 ms=5"), enroll_job(tmp_path, "b"))
    await env.at_step("a", 3)
    assert await env.line.cancel("a")
    await env.all_settled("a", "b")
    assert (env.state("a"), env.state("b")) == ("cancelled", "done")


async def test_cancel_while_paused_for_a_portrait(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "a", LONG))
    await env.at_step("a", 3)
    env.submit(paint_job(tmp_path, "b", "steps=40 ms=5"))
    await env.at_step("b", 2)
    assert await env.line.cancel("a")
    await env.all_settled("a", "b")
    assert env.state("a") == "cancelled"


async def test_pause_and_cancel_at_once_is_a_cancel(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "a", LONG))
    await env.at_step("a", 3)
    env.submit(paint_job(tmp_path, "b"))
    await asyncio.sleep(0)
    assert await env.line.cancel("a")
    await env.all_settled("a", "b")
    assert (env.state("a"), env.state("b")) == ("cancelled", "done")


async def test_cancel_twice_is_one_answer(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "a", LONG), enroll_job(tmp_path, "b"))
    await env.at_step("a", 3)
    assert await asyncio.gather(*(env.line.cancel(name) for name in "aabb")) == [True, True, True, False]
    await env.all_settled("a", "b")
    assert [len(env.journal.rows[name].answers) for name in "ab"] == [1, 1]


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
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        env.submit(enroll_job(tmp_path, "a", "steps=100000 ms=5"))
        await journal.knocked.wait()
        cancelling = asyncio.create_task(env.line.cancel("a"))
        await asyncio.sleep(0.01)
        assert not cancelling.done(), "it is neither waiting nor running"
        journal.door.set()
        assert await cancelling
        await env.all_settled("a")
        assert env.state("a") == "cancelled"


async def test_cancel_when_it_is_just_done(tmp_path: Path) -> None:
    journal = Slow("settle")
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        env.submit(paint_job(tmp_path, "a"))
        await journal.knocked.wait()
        cancelling = asyncio.create_task(env.line.cancel("a"))
        await asyncio.sleep(0.01)
        journal.door.set()
        assert not await cancelling, "it is over"
        await env.all_settled("a")
        assert (env.state("a"), len(env.journal.rows["a"].answers)) == ("done", 1)


async def test_cancel_a_look_when_it_is_just_done(tmp_path: Path) -> None:
    journal = Slow("settle")
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        env.submit(look_job(tmp_path, "a"))
        await journal.knocked.wait()
        cancelling = asyncio.create_task(env.line.cancel("a"))
        await asyncio.sleep(0.01)
        journal.door.set()
        assert await cancelling, "its learning would begin by itself"
        await env.all_settled("a")
        assert (env.state("a"), len(env.journal.rows["a"].answers)) == ("cancelled", 2)


class LastStep(InlineExecutor):
    """Its job has no step left at which it could hear of a cancel."""

    async def cancel(self, job_id: str) -> None:
        return


async def test_a_look_that_was_quicker_than_its_cancel_is_cancelled(tmp_path: Path) -> None:
    studio = FakeStudio()
    async with opened(LastStep(studio)) as env:
        studio.open.clear()
        env.submit(look_job(tmp_path, "a", photos=1))
        await env.at_step("a", 1)
        assert await env.line.cancel("a")
        studio.open.set()
        await env.all_settled("a")
        assert (env.state("a"), len(env.journal.rows["a"].answers)) == ("cancelled", 1)


async def test_a_cancel_that_was_said_outlives_the_bot(tmp_path: Path) -> None:
    journal = MemoryJournal()
    studio = FakeStudio()
    async with opened(InlineExecutor(studio), journal) as env:
        env.submit(enroll_job(tmp_path, "a", LONG))
        await env.at_step("a", 3)
        studio.open.clear()
        assert await env.line.cancel("a")
        left = deepcopy(journal)  # what a kill at this moment leaves
        assert left.rows["a"].state == "running"
        studio.open.set()
    async with opened(InlineExecutor(FakeStudio()), left):
        assert left.rows["a"].state == "cancelled"


async def test_a_cancel_during_the_drain_is_a_cancel(tmp_path: Path) -> None:
    async with opened(ProcessExecutor(COMMAND)) as env:
        env.submit(enroll_job(tmp_path, "a", LONG))
        await env.at_step("a", 3)
        closing = asyncio.create_task(env.line.close())
        await asyncio.sleep(0)
        assert await env.line.cancel("a")
        await closing
        assert env.state("a") == "cancelled"


async def test_cancel_of_what_is_over_or_unknown(env: LineEnv, tmp_path: Path) -> None:
    env.submit(paint_job(tmp_path, "a"))
    await env.all_settled("a")
    assert not await env.line.cancel("a")
    assert not await env.line.cancel("unknown")
