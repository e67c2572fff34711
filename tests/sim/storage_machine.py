"""Hypothesis against storage: Jobs, Pets and Outbox have to do what a dictionary would.

Knows: the rules of claims, attempts, fences and answers, once more and in plain Python. Does not know: SQL.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from gpu.errors import TooFewPhotos, WorkerDied
from gpu.jobs import Look, Paint
from gpu.line.journal import Claim
from gpu.outcomes import Progress
from storage.journal import MOST_ATTEMPTS, MOST_KILLS
from storage.looks import NotLooked, OlderLook
from tests.helpers.storage_env import StorageEnv, enrolled, painted, seen
from tests.sim.clockwork import Clockwork
from tests.sim.judge import OVER
from tests.sim.known import Known

T = TypeVar("T")
FEW = 3  # jobs at once, so that each is met again and again


class StorageMachine(RuleBasedStateMachine):
    """Jobs, Pets and Outbox against a dictionary."""

    jobs = Bundle("jobs")
    pets = Bundle("pets")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner(loop_factory=Clockwork)
        self.known: dict[str, Known] = {}
        self.ready: dict[int, str] = {}  # pets, with their enrolments
        self.tried: set[str] = set()  # deliveries that may have been posted
        self.takedowns: set[str] = set()  # those of them whose pet was forgotten
        self.names = 0
        self.env = self.do(StorageEnv.open(Path(self.folder.name)))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.do(self.env.db.close())
        self.runner.close()
        self.folder.cleanup()

    @precondition(lambda self: len(self.known) < FEW)
    @rule(target=jobs, look=st.booleans())
    def enrol(self, look: bool) -> str:
        self.names += 1
        self.env.clock.now += 1
        row = self.do(self.env.enroll(f"Dog {self.names}", look=look))
        assert row.pet_id is not None
        self.known[row.id] = Known("enroll", row.pet_id, look=look)
        return row.id

    @precondition(lambda self: len(self.known) < FEW)
    @rule(target=jobs, pet_id=pets)
    def paint(self, pet_id: int) -> Any:
        self.env.clock.now += 1
        pet = self.do(self.env.pets.get(pet_id))
        assert (pet is not None) == (pet_id in self.ready)
        if pet is None:
            return multiple()
        row = self.do(self.env.paint(pet))
        self.known[row.id] = Known("paint", pet_id)
        return row.id

    @rule(target=claims, job_id=jobs)
    def claim(self, job_id: str) -> Any:
        job, claim = self.known.get(job_id), self.do(self.env.journal.claim(job_id))
        assert (claim is not None) == (job is not None and job.state == "waiting")
        if claim is None or job is None:
            return multiple()
        job.state, job.fence, job.attempts, job.charged = "running", job.fence + 1, job.attempts + 1, 1
        assert claim.attempt == job.fence
        return claim

    def held(self, claim: Claim) -> Known | None:
        job = self.known.get(claim.job.job_id)
        return job if job and (job.state, job.fence) == ("running", claim.attempt) else None

    def end(self, job_id: str, state: str) -> None:
        job = self.known[job_id]
        job.state, job.charged = state, 0
        job.looks += state == "looked"
        if job.kind == "enroll" and state == "done":
            self.ready[job.pet_id] = job_id

    @rule(claim=claims, what=st.sampled_from(["pause", "crash", "fail", "cancel", "progress"]), n=st.integers(0, 50))
    def use(self, claim: Claim, what: str, n: int) -> None:
        """One rule for all: Hypothesis leaves whole rules out of a run."""
        if what == "progress":
            self.progress(claim, n)
        else:
            {"pause": self.pause, "crash": self.crash, "fail": self.fail, "cancel": self.request_cancel}[what](claim)

    def progress(self, claim: Claim, checkpoint: int) -> None:
        self.do(self.env.journal.note_checkpoint(claim, Progress(phase="learning", checkpoint=checkpoint)))
        if (job := self.held(claim)) and checkpoint > job.checkpoint:
            job.checkpoint, job.kills = checkpoint, 0
            job.refund()

    def pause(self, claim: Claim) -> None:
        self.do(self.env.journal.mark_paused(claim))
        if job := self.held(claim):
            job.refund()
            job.wait()

    def crash(self, claim: Claim) -> None:
        again, job = self.do(self.env.journal.mark_crashed(claim, WorkerDied().as_failed())), self.held(claim)
        assert again == (job is not None and job.attempts < MOST_ATTEMPTS)
        if job and again:
            job.wait()
        elif job:
            self.end(claim.job.job_id, "failed")

    @rule(target=pets, claim=claims)
    def finish(self, claim: Claim) -> Any:
        job, folder = self.held(claim), claim.job.folder
        folder.mkdir(exist_ok=True)  # a stale claim may come after its folder went
        match claim.job:
            case Look():
                outcome = seen(claim.job)
            case Paint():
                outcome = painted(claim)
            case _:
                outcome = enrolled(folder)
        assert self.do(self.env.journal.settle(claim, outcome)) == (job is not None)
        if job is None:
            return multiple()
        self.end(claim.job.job_id, "looked" if isinstance(claim.job, Look) else "done")
        return job.pet_id if claim.job.kind == "enroll" else multiple()

    @rule(job_id=jobs, how=st.sampled_from(["learn", "replace", "too late"]))
    def answer(self, job_id: str, how: str) -> None:
        """What people say to a look."""
        job, looks = self.known.get(job_id), self.env.looks
        number = job.looks - (how == "too late") if job else 1
        self.env.clock.now += 1
        work = looks.replace(job_id, number, (), ()) if how == "replace" else looks.learn(job_id, number)
        answered = self.do(_is_taken(work))
        assert answered == (job is not None and job.state == "looked" and how != "too late")
        if answered:
            self.requeue(job_id, look=how == "replace")

    @rule()
    def say_nothing(self) -> None:
        self.env.clock.now += 1000
        begun = {row.id for row in self.do(self.env.looks.begin_due())}
        assert begun == {job_id for job_id, job in self.known.items() if job.state == "looked"}
        for job_id in sorted(begun, key=lambda job_id: self.known[job_id].pet_id):  # who came first
            self.requeue(job_id, look=False)

    def requeue(self, job_id: str, *, look: bool) -> None:
        self.known[job_id] = self.known.pop(job_id)  # it is the youngest now
        self.known[job_id].requeue(look=look)

    def fail(self, claim: Claim) -> None:
        job = self.held(claim)
        assert self.do(self.env.journal.settle(claim, TooFewPhotos().as_failed())) == (job is not None)
        if job:
            self.end(claim.job.job_id, "failed")

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        job = self.known.get(job_id)
        waits = job is not None and job.state in ("waiting", "looked")
        assert self.do(self.env.journal.cancel_waiting(job_id)) == waits
        if waits:
            self.end(job_id, "cancelled")

    def request_cancel(self, claim: Claim) -> None:
        self.do(self.env.journal.request_cancel(claim))
        if job := self.held(claim):
            job.cancel_requested = True

    @rule(pet_id=consumes(pets))
    def forget(self, pet_id: int) -> None:
        receipt = self.do(self.env.erasure.forget(pet_id))
        assert (receipt is not None) == (pet_id in self.ready)
        self.ready.pop(pet_id, None)
        forgotten = {name for name in self.tried if self.known[name.partition("-")[0]].pet_id == pet_id}
        self.takedowns, self.tried = self.takedowns | forgotten, self.tried - forgotten
        self.known = {job_id: job for job_id, job in self.known.items() if job.pet_id != pet_id}

    @rule(luck=st.integers(0, 5))
    def restart(self, luck: int) -> None:
        """The bot dies, and another one takes the folder up; not so often that no claim grows old."""
        if luck:
            return
        now = self.env.clock.now
        self.do(self.env.db.close())
        self.env = self.do(StorageEnv.open(Path(self.folder.name)))
        self.env.clock.now = now
        self.do(self.env.journal.recover())
        for job_id, job in [(job_id, job) for job_id, job in self.known.items() if job.state == "running"]:
            job.refund()
            job.wait()
            job.kills += 1
            if job.cancel_requested or job.kills >= MOST_KILLS:
                self.end(job_id, "cancelled" if job.cancel_requested else "failed")

    @rule(how=st.sampled_from(["sent", "closed", "unheard"]))
    def deliver(self, how: str) -> None:
        for owed in self.do(self.env.outbox.due(self.env.clock.now))[:1]:
            assert self.do(self.env.outbox.mark_tried(owed.id, owed.channel_id, self.env.clock.now))
            self.tried.add(owed.id)
            if how == "sent":
                assert self.do(self.env.outbox.mark_sent(owed.id, owed.channel_id, 7, owed.answer.portraits))
            elif how == "closed":
                self.do(self.env.outbox.close(owed.id, "gone"))
            if how != "unheard":
                self.tried.remove(owed.id)

    @invariant()
    def takedowns_are_known(self) -> None:
        assert {takedown.mark for takedown in self.do(self.env.takedowns.due(self.env.clock.now))} == self.takedowns

    @invariant()
    def rows_are_as_known(self) -> None:
        columns = "id, state, attempts, charged, fence, kills, checkpoint, doomed"
        rows = {row["id"]: tuple(row)[1:] for row in self.do(self.env.db.all(f"SELECT {columns} FROM jobs"))}
        assert rows == {
            job_id: (job.state, job.attempts, job.charged, job.fence, job.kills, job.checkpoint, job.cancel_requested)
            for job_id, job in self.known.items()
        }

    @invariant()
    def who_waits_is_known(self) -> None:
        waiting = [ticket.job_id for ticket in self.do(self.env.journal.waiting())]
        assert waiting == [job_id for job_id, job in self.known.items() if job.state == "waiting"]

    @invariant()
    def each_end_has_one_answer(self) -> None:
        owed = [row["job_id"] for row in self.do(self.env.db.all("SELECT job_id FROM outbox WHERE part = 0"))]
        assert sorted(owed) == sorted(job_id for job_id, job in self.known.items() if job.state in OVER)

    @invariant()
    def each_look_has_one_answer(self) -> None:
        owed = Counter(row["job_id"] for row in self.do(self.env.db.all("SELECT job_id FROM outbox WHERE part > 10")))
        assert owed == {job_id: job.looks for job_id, job in self.known.items() if job.looks}


async def _is_taken(answer: Coroutine[Any, Any, object]) -> bool:
    try:
        await answer
    except (NotLooked, OlderLook):
        return False
    return True
