"""The line: order, turns, pauses and places, with real executors and a journal in memory."""

from pathlib import Path

import pytest

from gpu.jobs import JobKind
from gpu.line import schedule as turns
from tests.contracts.journal import JournalContract
from tests.helpers.fake_jobs import enroll_job, look_job, paint_job, steps_taken
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.inline_executor import InlineExecutor
from tests.helpers.line_env import LONG, LineEnv, opened
from tests.helpers.memory_journal import MemoryJournal


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    async def journal(self) -> MemoryJournal:
        return MemoryJournal()

    @pytest.fixture(autouse=True)
    def root(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    async def accept(self, journal: MemoryJournal, kind: JobKind) -> str:
        make = {"enroll": enroll_job, "paint": paint_job, "look": look_job}[kind]
        return journal.accept(make(self.tmp_path, f"{kind}{len(journal.rows)}"))

    async def state(self, journal: MemoryJournal, job_id: str) -> str:
        return journal.rows[job_id].state

    async def answers(self, journal: MemoryJournal, job_id: str) -> int:
        return len(journal.rows[job_id].answers)


async def test_a_job_is_run_and_settled_once(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "a"))
    await env.all_settled("a")
    assert env.state("a") == "done"
    assert env.settled == ["a"]
    assert env.journal.rows["a"].checkpoint == 20
    assert ("a", "loading") in [(job_id, progress.phase) for job_id, progress in env.heard]


async def test_doubled_and_false_wake_ups_do_no_harm(env: LineEnv, tmp_path: Path) -> None:
    for name in ("a", "unknown", "a"):
        env.line.submit(name)
    env.submit(paint_job(tmp_path, "a"))
    env.line.submit("a")
    await env.all_settled("a")
    assert env.settled == ["a"]


async def test_a_portrait_does_not_wait_for_an_enrolment(env: LineEnv, tmp_path: Path) -> None:
    learning = enroll_job(tmp_path, "learning", LONG)
    env.submit(learning, enroll_job(tmp_path, "later"))
    await env.at_step("learning", 5)
    env.submit(paint_job(tmp_path, "first"), paint_job(tmp_path, "second"))
    await env.all_settled("learning", "first", "second", "later")
    assert env.settled == ["first", "second", "learning", "later"]
    assert steps_taken(learning) == list(range(1, 61)), "nothing was done twice"
    assert env.journal.rows["learning"].charged == 0


async def test_a_look_does_not_wait_for_an_enrolment(env: LineEnv, tmp_path: Path) -> None:
    learning = enroll_job(tmp_path, "learning", LONG)
    env.submit(learning, enroll_job(tmp_path, "later"))
    await env.at_step("learning", 5)
    env.submit(look_job(tmp_path, "look"), paint_job(tmp_path, "p"), look_job(tmp_path, "look2"))
    assert await env.line.places() == {"learning": 0, "look": 1, "p": 2, "look2": 3, "later": 4}
    await env.all_settled("learning", "look", "p", "look2", "later")
    assert env.settled == ["look", "p", "look2", "learning", "later"]
    assert env.state("look") == "looked"
    assert steps_taken(learning) == list(range(1, 61)), "nothing was done twice"


async def test_a_portrait_does_not_stop_a_look(env: LineEnv, tmp_path: Path) -> None:
    env.submit(look_job(tmp_path, "look", photos=8))
    await env.at_step("look", 1)
    env.submit(paint_job(tmp_path, "p"), enroll_job(tmp_path, "learning"))
    await env.all_settled("look", "p", "learning")
    assert env.settled == ["look", "p", "learning"]
    assert env.journal.rows["look"].fence == 1


async def test_a_portrait_does_not_stop_a_portrait(env: LineEnv, tmp_path: Path) -> None:
    env.submit(paint_job(tmp_path, "a", "steps=40 ms=5"))
    await env.at_step("a", 2)
    env.submit(paint_job(tmp_path, "b"))
    await env.all_settled("a", "b")
    assert env.settled == ["a", "b"]
    assert env.journal.rows["a"].fence == 1


async def test_a_portrait_starts_within_one_step(env: LineEnv, tmp_path: Path) -> None:
    learning = enroll_job(tmp_path, "learning", "steps=100 ms=20")
    env.submit(learning)
    late: list[int] = []
    for number in range(8):
        await env.at_step("learning", 10 * number + 2)
        before = len(steps_taken(learning))
        env.submit(paint_job(tmp_path, f"p{number}"))
        await env.until(lambda name=f"p{number}": any(job_id == name for job_id, _ in env.heard))
        late.append(len(steps_taken(learning)) - before)
        await env.all_settled(f"p{number}")
    await env.all_settled("learning")
    assert max(late) <= 2, "the step that was being taken, and one more if it was just over"
    assert steps_taken(learning) == list(range(1, 101))


async def test_the_nine_start_within_nineteen(env: LineEnv, tmp_path: Path) -> None:
    env.submit(*(paint_job(tmp_path, f"greedy{number}", "steps=1") for number in range(100)))
    await env.at_step("greedy0", 1)
    for user in range(2, 11):
        env.submit(paint_job(tmp_path, f"user{user}", "steps=1"), user_id=user)
    await env.all_settled(*(f"user{user}" for user in range(2, 11)))
    nine = [place for place, name in enumerate(env.settled, start=1) if name.startswith("user")]
    assert len(nine) == 9 and max(nine) <= 19
    await env.until(lambda: len(env.settled) == 109)


async def test_turns_outlive_a_restart(tmp_path: Path) -> None:
    journal = MemoryJournal()
    for number in range(4):
        journal.accept(paint_job(tmp_path, f"greedy{number}"), user_id=1)
    journal.accept(paint_job(tmp_path, "other"), user_id=2)
    await journal.claim("greedy0")  # by a bot that was killed then
    async with opened(InlineExecutor(FakeStudio()), journal) as env:
        await env.until(lambda: len(env.settled) == 5)
        assert env.settled[:2] == ["other", "greedy0"]


async def test_portraits_without_end_do_not_starve_a_training(
    env: LineEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "HELD_S", 0.2)
    monkeypatch.setattr(turns, "SLICE_S", 0.2)
    learning = enroll_job(tmp_path, "learning", "steps=60 ms=5")
    env.submit(learning)
    await env.at_step("learning", 2)
    env.submit(*(paint_job(tmp_path, f"p{number}", "steps=2 ms=10") for number in range(80)))
    await env.all_settled("learning")
    ahead = env.settled.index("learning")
    assert 0 < ahead < 80, "portraits go first, but not all of them"
    assert steps_taken(learning) == list(range(1, 61)), "nothing was done twice"
    assert 3 <= env.journal.rows["learning"].fence <= 12, "its slices had an end, and were not single steps"
    await env.until(lambda: len(env.settled) == 81)


async def test_what_comes_after_the_learning_is_not_begun_again_and_again(
    env: LineEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first portrait takes longer than a slice."""
    monkeypatch.setattr(turns, "HELD_S", 0.1)
    monkeypatch.setattr(turns, "SLICE_S", 0.1)
    env.submit(enroll_job(tmp_path, "learning", "steps=2 ms=60"))
    await env.at_step("learning", 1)
    env.submit(*(paint_job(tmp_path, f"p{number}", "steps=2 ms=10") for number in range(80)))
    await env.all_settled("learning")
    assert 0 < env.settled.index("learning") < 80
    await env.until(lambda: len(env.settled) == 81)


async def test_a_first_portrait_goes_on_to_its_end(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "learning", "steps=2 ms=30"))
    await env.until(lambda: any(progress.phase == "painting" for _, progress in env.heard))
    env.submit(paint_job(tmp_path, "p"))
    await env.all_settled("learning", "p")
    assert env.settled == ["learning", "p"]
    assert env.journal.rows["learning"].fence == 1


async def test_nothing_is_owed_for_a_time_when_no_training_waited(
    env: LineEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "HELD_S", 1.0)
    env.submit(paint_job(tmp_path, "long", "steps=260 ms=5"), paint_job(tmp_path, "next"))
    await env.at_step("long", 220)
    env.submit(enroll_job(tmp_path, "learning"))
    assert await env.line.places() == {"long": 0, "next": 1, "learning": 2}
    await env.all_settled("long", "next", "learning")
    assert env.settled == ["long", "next", "learning"]


async def test_a_paused_training_goes_on_before_another_begins(env: LineEnv, tmp_path: Path) -> None:
    env.submit(enroll_job(tmp_path, "begun", LONG), user_id=1)
    await env.at_step("begun", 3)
    env.submit(enroll_job(tmp_path, "other"), user_id=2)
    env.submit(paint_job(tmp_path, "p", "steps=40 ms=5"), user_id=3)
    await env.at_step("p", 2)
    assert await env.line.places() == {"p": 0, "begun": 1, "other": 2}
    await env.all_settled("begun", "other", "p")
    assert env.settled == ["p", "begun", "other"]


async def test_places(env: LineEnv, tmp_path: Path) -> None:
    assert await env.line.places() == {}
    env.submit(paint_job(tmp_path, "a", "steps=50 ms=5"))
    await env.at_step("a", 2)
    env.submit(enroll_job(tmp_path, "b"), enroll_job(tmp_path, "c"), paint_job(tmp_path, "d"))
    assert await env.line.places() == {"a": 0, "d": 1, "b": 2, "c": 3}
