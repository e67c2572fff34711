"""The line: order, pause, cancel, crashes, drain, with real executors and a journal in memory."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import Literal

import pytest

from gpu import line as line_module
from gpu import turns
from gpu.errors import WorkerDied
from gpu.executor import Executor, InlineExecutor
from gpu.line import Claim, Line, Ticket
from gpu.process import ProcessExecutor
from gpu.types import Done, Enroll, Failed, Paint, Paused, Progress, Report
from tests.journal_contract import JournalContract
from tests.light_jobs import enroll_job, paint_job, steps_taken
from tests.light_studio import COMMAND, LightStudio
from tests.memory_journal import MemoryJournal

LONG = "steps=60 ms=5"


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    async def journal(self) -> MemoryJournal:
        return MemoryJournal()

    @pytest.fixture(autouse=True)
    def root(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    async def accept(self, journal: MemoryJournal, kind: Literal["enroll", "paint"]) -> str:
        make = enroll_job if kind == "enroll" else paint_job
        return journal.accept(make(self.tmp_path, f"{kind}{len(journal.rows)}"))

    async def state(self, journal: MemoryJournal, job_id: str) -> str:
        return journal.rows[job_id].state

    async def answers(self, journal: MemoryJournal, job_id: str) -> int:
        return len(journal.rows[job_id].answers)


class Hall:
    """A line with a journal, and what people would have seen of it."""

    def __init__(self, executor: Executor, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.heard: list[tuple[str, Progress]] = []
        self.settled: list[str] = []
        self.line = Line(executor, self.journal, self._progress, self._settle)
        self._news = asyncio.Event()

    def submit(self, *jobs: Enroll | Paint, user_id: int = 1) -> None:
        for job in jobs:
            self.line.submitted(self.journal.accept(job, user_id))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def all_settled(self, *job_ids: str) -> None:
        await self.until(lambda: set(job_ids) <= set(self.settled))

    async def at_step(self, job_id: str, step: int) -> None:
        await self.until(lambda: any(name == job_id and progress.step >= step for name, progress in self.heard))

    def state(self, job_id: str) -> str:
        return self.journal.rows[job_id].state

    def _progress(self, job_id: str, progress: Progress) -> None:
        self.heard.append((job_id, progress))
        self._news.set()

    def _settle(self, job_id: str) -> None:
        self.settled.append(job_id)
        self._news.set()


@asynccontextmanager
async def opened(executor: Executor, journal: MemoryJournal | None = None) -> AsyncGenerator[Hall]:
    hall = Hall(executor, journal)
    await hall.line.start()
    try:
        yield hall
    finally:
        await hall.line.close()


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    async with opened(InlineExecutor(LightStudio())) as hall:
        yield hall


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "STUMBLE_S", 0.01)
    monkeypatch.setattr(line_module, "RETRY_S", (0.01, 0.01, 0.01))


async def test_a_job_is_run_and_settled_once(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "a"))
    await hall.all_settled("a")
    assert hall.state("a") == "done"
    assert hall.settled == ["a"]
    assert hall.journal.rows["a"].checkpoint == 20
    assert ("a", "loading") in [(job_id, progress.phase) for job_id, progress in hall.heard]


async def test_doubled_and_false_wake_ups_do_no_harm(hall: Hall, tmp_path: Path) -> None:
    for name in ("a", "unknown", "a"):
        hall.line.submitted(name)
    hall.submit(paint_job(tmp_path, "a"))
    hall.line.submitted("a")
    await hall.all_settled("a")
    assert hall.settled == ["a"]


async def test_a_portrait_does_not_wait_for_an_enrolment(hall: Hall, tmp_path: Path) -> None:
    learning = enroll_job(tmp_path, "learning", LONG)
    hall.submit(learning, enroll_job(tmp_path, "later"))
    await hall.at_step("learning", 5)
    hall.submit(paint_job(tmp_path, "first"), paint_job(tmp_path, "second"))
    await hall.all_settled("learning", "first", "second", "later")
    assert hall.settled == ["first", "second", "learning", "later"]
    assert steps_taken(learning) == list(range(1, 61)), "nothing was done twice"
    assert hall.journal.rows["learning"].charged == 0


async def test_a_portrait_does_not_stop_a_portrait(hall: Hall, tmp_path: Path) -> None:
    hall.submit(paint_job(tmp_path, "a", "steps=40 ms=5"))
    await hall.at_step("a", 2)
    hall.submit(paint_job(tmp_path, "b"))
    await hall.all_settled("a", "b")
    assert hall.settled == ["a", "b"]
    assert hall.journal.rows["a"].fence == 1


async def test_a_portrait_starts_within_one_step(hall: Hall, tmp_path: Path) -> None:
    learning = enroll_job(tmp_path, "learning", "steps=100 ms=20")
    hall.submit(learning)
    late: list[int] = []
    for number in range(8):
        await hall.at_step("learning", 10 * number + 2)
        before = len(steps_taken(learning))
        hall.submit(paint_job(tmp_path, f"p{number}"))
        await hall.until(lambda name=f"p{number}": any(job_id == name for job_id, _ in hall.heard))
        late.append(len(steps_taken(learning)) - before)
        await hall.all_settled(f"p{number}")
    await hall.all_settled("learning")
    assert max(late) <= 2, "the step that was being taken, and one more if it was just over"
    assert steps_taken(learning) == list(range(1, 101))


async def test_the_nine_start_within_nineteen(hall: Hall, tmp_path: Path) -> None:
    hall.submit(*(paint_job(tmp_path, f"greedy{number}", "steps=1") for number in range(100)))
    await hall.at_step("greedy0", 1)
    for user in range(2, 11):
        hall.submit(paint_job(tmp_path, f"user{user}", "steps=1"), user_id=user)
    await hall.all_settled(*(f"user{user}" for user in range(2, 11)))
    nine = [place for place, name in enumerate(hall.settled, start=1) if name.startswith("user")]
    assert len(nine) == 9 and max(nine) <= 19
    await hall.until(lambda: len(hall.settled) == 109)


async def test_turns_outlive_a_restart(tmp_path: Path) -> None:
    journal = MemoryJournal()
    for number in range(4):
        journal.accept(paint_job(tmp_path, f"greedy{number}"), user_id=1)
    journal.accept(paint_job(tmp_path, "other"), user_id=2)
    await journal.claim("greedy0")  # by a bot that was killed then
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        await hall.until(lambda: len(hall.settled) == 5)
        assert hall.settled[:2] == ["other", "greedy0"]


async def test_portraits_without_end_do_not_starve_a_training(
    hall: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "HELD_S", 0.2)
    monkeypatch.setattr(turns, "SLICE_S", 0.2)
    learning = enroll_job(tmp_path, "learning", "steps=60 ms=5")
    hall.submit(learning)
    await hall.at_step("learning", 2)
    hall.submit(*(paint_job(tmp_path, f"p{number}", "steps=2 ms=10") for number in range(80)))
    await hall.all_settled("learning")
    ahead = hall.settled.index("learning")
    assert 0 < ahead < 80, "portraits go first, but not all of them"
    assert steps_taken(learning) == list(range(1, 61)), "nothing was done twice"
    assert 3 <= hall.journal.rows["learning"].fence <= 12, "its slices had an end, and were not single steps"
    await hall.until(lambda: len(hall.settled) == 81)


async def test_nothing_is_owed_for_a_time_when_no_training_waited(
    hall: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "HELD_S", 1.0)
    hall.submit(paint_job(tmp_path, "long", "steps=260 ms=5"), paint_job(tmp_path, "next"))
    await hall.at_step("long", 220)
    hall.submit(enroll_job(tmp_path, "learning"))
    assert await hall.line.places() == {"long": 0, "next": 1, "learning": 2}
    await hall.all_settled("long", "next", "learning")
    assert hall.settled == ["long", "next", "learning"]


async def test_a_paused_training_goes_on_before_another_begins(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "begun", LONG), user_id=1)
    await hall.at_step("begun", 3)
    hall.submit(enroll_job(tmp_path, "other"), user_id=2)
    hall.submit(paint_job(tmp_path, "p", "steps=40 ms=5"), user_id=3)
    await hall.at_step("p", 2)
    assert await hall.line.places() == {"p": 0, "begun": 1, "other": 2}
    await hall.all_settled("begun", "other", "p")
    assert hall.settled == ["p", "begun", "other"]


async def test_places(hall: Hall, tmp_path: Path) -> None:
    assert await hall.line.places() == {}
    hall.submit(paint_job(tmp_path, "a", "steps=50 ms=5"))
    await hall.at_step("a", 2)
    hall.submit(enroll_job(tmp_path, "b"), enroll_job(tmp_path, "c"), paint_job(tmp_path, "d"))
    assert await hall.line.places() == {"a": 0, "d": 1, "b": 2, "c": 3}


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


async def test_a_failure_is_settled_and_the_next_job_runs(hall: Hall, tmp_path: Path) -> None:
    hall.submit(enroll_job(tmp_path, "a", "fail=3"), enroll_job(tmp_path, "b", "crash=3"), enroll_job(tmp_path, "c"))
    await hall.all_settled("a", "b", "c")
    assert [hall.state(name) for name in "abc"] == ["failed", "failed", "done"]


async def test_a_job_that_kills_its_child_is_set_aside_and_its_neighbours_complete(tmp_path: Path) -> None:
    async with opened(ProcessExecutor(COMMAND)) as hall:
        hall.submit(paint_job(tmp_path, "before"), paint_job(tmp_path, "poison", "die=1"), paint_job(tmp_path, "after"))
        await hall.all_settled("before", "poison", "after")
        assert [hall.state(name) for name in ("before", "poison", "after")] == ["done", "failed", "done"]
        assert hall.journal.rows["poison"].fence == 3
        [answer] = hall.journal.rows["poison"].answers
        assert isinstance(answer, Failed)
        assert answer.error == "WorkerDied"


async def test_close_keeps_the_running_job_for_the_next_line(tmp_path: Path) -> None:
    job = enroll_job(tmp_path, "a", LONG)
    async with opened(ProcessExecutor(COMMAND)) as first:
        first.submit(job, enroll_job(tmp_path, "b"))
        await first.at_step("a", 15)
    assert [first.state(name) for name in "ab"] == ["waiting", "waiting"]
    assert first.settled == []
    async with opened(ProcessExecutor(COMMAND), first.journal) as second:
        await second.all_settled("a", "b")
    assert steps_taken(job) == list(range(1, 61)), "the drain wrote a checkpoint"


async def test_start_takes_up_what_a_crash_left(tmp_path: Path) -> None:
    journal = MemoryJournal()
    for name in ("was running", "was waiting"):
        journal.accept(enroll_job(tmp_path, name))
    await journal.claim("was running")
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        await hall.all_settled("was running", "was waiting")
        assert hall.settled == ["was running", "was waiting"]


class SlowStart(InlineExecutor):
    """Fails to start a few times, then takes until it is allowed to."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(LightStudio())
        self.allowed = asyncio.Event()
        self._failures = failures

    async def start(self) -> None:
        await self.allowed.wait()
        self._failures -= 1
        if self._failures >= 0:
            raise WorkerDied("planned")


async def test_start_does_not_wait_for_the_executor(tmp_path: Path) -> None:
    executor = SlowStart()
    async with opened(executor) as hall:
        hall.submit(paint_job(tmp_path, "a"), paint_job(tmp_path, "b"))
        assert await hall.line.places() == {"a": 1, "b": 2}
        assert await hall.line.cancel("b")
        executor.allowed.set()
        await hall.all_settled("a", "b")


async def test_an_executor_that_cannot_start_costs_no_job_an_attempt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    executor = SlowStart(failures=5)
    executor.allowed.set()
    async with opened(executor) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await hall.all_settled("a")
        assert (hall.state("a"), hall.journal.rows["a"].fence) == ("done", 1)
    assert caplog.text.count("The line stumbled") == 5


async def test_close_before_the_executor_is_ready(tmp_path: Path) -> None:
    async with opened(SlowStart()) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await asyncio.sleep(0)
    assert hall.state("a") == "waiting"


class Broken(InlineExecutor):
    """Raises where it must not."""

    async def run(self, job: Enroll | Paint, report: Report) -> Done | Paused | Failed:
        raise OSError("planned")


async def test_an_executor_that_raises_counts_as_a_crash(tmp_path: Path) -> None:
    async with opened(Broken(LightStudio())) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await hall.all_settled("a")
        assert (hall.state("a"), hall.journal.rows["a"].fence) == ("failed", 3)


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

    async def progressed(self, claim: Claim, progress: Progress) -> None:
        self._flake(f"progress {claim.job.job_id} {progress.checkpoint}")
        await super().progressed(claim, progress)

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._flake(f"settle {claim.job.job_id}")
        return await super().settle(claim, outcome)


async def test_the_line_outlives_a_journal_that_stumbles(tmp_path: Path) -> None:
    async with opened(InlineExecutor(LightStudio()), Flaky()) as hall:
        hall.submit(enroll_job(tmp_path, "a"), paint_job(tmp_path, "b"))
        await hall.all_settled("a", "b")
        assert (hall.state("a"), hall.state("b")) == ("done", "done")
        assert hall.journal.rows["a"].checkpoint == 20


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
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        hall.submit(paint_job(tmp_path, "a", "steps=40 ms=5"), paint_job(tmp_path, "b"))
        await hall.at_step("a", 1)
        journal.full = True
        async with asyncio.timeout(5):
            while journal.refused < 8:  # noqa: ASYNC110 - the line gives up writing, then tries to recover
                await asyncio.sleep(0.01)
        assert hall.settled == []
        journal.full = False
        await hall.all_settled("a", "b")
        assert [len(journal.rows[name].answers) for name in "ab"] == [1, 1]


class Refusing(MemoryJournal):
    """Refuses outcomes for as long as the line tries once."""

    def __init__(self) -> None:
        super().__init__()
        self._left = len(line_module.RETRY_S) + 1

    async def settle(self, claim: Claim, outcome: Done | Failed) -> bool:
        self._left -= 1
        if self._left >= 0:
            raise OSError("planned")
        return await super().settle(claim, outcome)


async def test_a_job_whose_outcome_was_refused_runs_again(tmp_path: Path) -> None:
    async with opened(InlineExecutor(LightStudio()), Refusing()) as hall:
        hall.submit(paint_job(tmp_path, "a"))
        await hall.all_settled("a")
        assert (hall.state("a"), hall.journal.rows["a"].fence) == ("done", 2)


async def test_a_claim_that_was_written_but_not_heard_of_is_not_lost(tmp_path: Path) -> None:
    journal = Full()
    async with opened(InlineExecutor(LightStudio()), journal) as hall:
        journal.full = True
        hall.submit(paint_job(tmp_path, "a"))
        async with asyncio.timeout(5):
            while journal.refused < 2:  # noqa: ASYNC110 - nobody can tell us
                await asyncio.sleep(0.01)
        assert journal.rows["a"].state == "running"
        journal.full = False
        await hall.all_settled("a")
        assert (hall.state("a"), journal.rows["a"].fence) == ("done", 2)


async def test_the_lease_is_renewed_while_the_job_reports(
    hall: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_module, "RENEW_S", 0.02)
    hall.submit(paint_job(tmp_path, "a", "steps=150 ms=5"))
    leases: set[float] = set()
    for step in (1, 50, 100):  # executors report ten times a second
        await hall.at_step("a", step)
        leases.add(hall.journal.rows["a"].alive)
    assert len(leases) == 3
    await hall.all_settled("a")


async def test_a_listener_that_raises_harms_no_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = MemoryJournal()

    def raises(*_: object) -> None:
        raise ValueError("planned")

    line = Line(InlineExecutor(LightStudio()), journal, raises, raises)
    await line.start()
    with caplog.at_level(logging.CRITICAL, logger="asyncio"):
        line.submitted(journal.accept(paint_job(tmp_path, "a")))
        async with asyncio.timeout(5):
            while journal.rows["a"].state != "done":  # noqa: ASYNC110 - nobody can tell us
                await asyncio.sleep(0.01)
    await line.close()
