"""The line and its journal: writes that fail, outcomes that must not be lost, leases."""

import asyncio
from pathlib import Path

import pytest

from gpu.line import journal as journal_module
from gpu.line import line as line_module
from gpu.line.journal import Claim
from gpu.line.line import Line
from gpu.line.schedule import Ticket
from gpu.outcomes import Done, Failed, Progress
from tests.helpers.fake_jobs import enroll_job, paint_job
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.inline_executor import InlineExecutor
from tests.helpers.line_env import LONG, LineEnv, opened
from tests.helpers.memory_journal import MemoryJournal

pytestmark = pytest.mark.usefixtures("short_rests")


class Flaky(MemoryJournal):
    """Every write and every look fails the first time it is tried for a job."""

    def __init__(self) -> None:
        super().__init__()
        self._failed: set[str] = set()

    def _flake(self, what: str) -> None:
        if what not in self._failed:
            self._failed.add(what)
            raise OSError("planned")

    async def waiting(self) -> list[Ticket]:
        self._flake(f"waiting with {len(self.rows)} rows")
        return await super().waiting()

    async def claim(self, job_id: str) -> Claim | None:
        self._flake(f"claim {job_id}")
        return await super().claim(job_id)

    async def note_checkpoint(self, claim: Claim, progress: Progress) -> None:
        self._flake(f"progress {claim.job.job_id} {progress.checkpoint}")
        await super().note_checkpoint(claim, progress)

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._flake(f"settle {claim.job.job_id}")
        return await super().settle(claim, outcome)


async def test_the_line_survives_a_journal_that_fails_now_and_then(tmp_path: Path) -> None:
    async with opened(InlineExecutor(FakeStudio()), Flaky()) as env:
        env.submit(enroll_job(tmp_path, "a"), paint_job(tmp_path, "b"))
        await env.all_settled("a", "b")
        assert (env.state("a"), env.state("b")) == ("done", "done")
        assert env.journal.rows["a"].checkpoint == 20


class Full(MemoryJournal):
    """Writes nothing while the disk is full, and may fail after a claim is written."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.refused = 0

    def _check(self) -> None:
        if self.full:
            self.refused += 1
            raise OSError("planned")

    async def claim(self, job_id: str) -> Claim | None:
        claim = await super().claim(job_id)
        self._check()
        return claim

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._check()
        return await super().settle(claim, outcome)

    async def recover(self) -> None:
        self._check()
        await super().recover()


async def test_an_outcome_that_cannot_be_written_is_not_lost(tmp_path: Path) -> None:
    journal = Full()
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        env.submit(paint_job(tmp_path, "a", "steps=40 ms=5"), paint_job(tmp_path, "b"))
        await env.at_step("a", 1)
        journal.full = True
        async with asyncio.timeout(5):
            while journal.refused < 8:  # noqa: ASYNC110 - the line gives up writing, then tries to recover
                await asyncio.sleep(0.01)
        assert env.settled == []
        journal.full = False
        await env.all_settled("a", "b")
        assert [len(journal.rows[name].answers) for name in "ab"] == [1, 1]


class Refusing(MemoryJournal):
    """Refuses outcomes for as long as the line tries once."""

    def __init__(self) -> None:
        super().__init__()
        self._left = len(journal_module.RETRY_S) + 1

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._left -= 1
        if self._left >= 0:
            raise OSError("planned")
        return await super().settle(claim, outcome)


async def test_a_job_whose_outcome_was_refused_runs_again(tmp_path: Path) -> None:
    async with opened(InlineExecutor(FakeStudio()), Refusing()) as env:
        env.submit(paint_job(tmp_path, "a"))
        await env.all_settled("a")
        assert (env.state("a"), env.journal.rows["a"].fence) == ("done", 2)


async def test_a_claim_that_was_written_but_not_heard_of_is_not_lost(tmp_path: Path) -> None:
    journal = Full()
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        journal.full = True
        env.submit(paint_job(tmp_path, "a"))
        async with asyncio.timeout(5):
            while journal.refused < 2:  # noqa: ASYNC110 - nobody can tell us
                await asyncio.sleep(0.01)
        assert journal.rows["a"].state == "running"
        journal.full = False
        await env.all_settled("a")
        assert (env.state("a"), journal.rows["a"].fence) == ("done", 2)


async def test_the_lease_is_renewed_while_the_job_reports(
    env: LineEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "RENEW_S", 0.02)
    env.submit(paint_job(tmp_path, "a", "steps=150 ms=5"))
    leases: set[float] = set()
    for step in (1, 50, 100):  # executors report ten times a second
        await env.at_step("a", step)
        leases.add(env.journal.rows["a"].alive)
    assert len(leases) == 3
    await env.all_settled("a")


class Asked(MemoryJournal):
    """Somebody asks for the places while a pause is being written down."""

    line: Line
    places: dict[str, int]

    async def mark_paused(self, claim: Claim) -> None:
        await super().mark_paused(claim)
        self.places = await self.line.places()


async def test_nobody_has_two_places_while_a_pause_is_written_down(tmp_path: Path) -> None:
    journal = Asked()
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        journal.line = env.line
        env.submit(enroll_job(tmp_path, "long", LONG))
        await env.at_step("long", 3)
        env.submit(enroll_job(tmp_path, "other"), paint_job(tmp_path, "p"))
        await env.all_settled("p")
        assert journal.places == {"long": 0, "p": 1, "other": 2}
        await env.all_settled("long", "other")
