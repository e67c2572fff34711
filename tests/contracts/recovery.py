"""What a bot that starts again may rely on in a journal: a part of JournalContract (journal.py).

Knows: Journal.recover, and what a journal's test class says of itself. Does not know: how jobs come to run.
"""

from dataclasses import replace

import pytest

from gpu.errors import WorkerDied
from gpu.jobs import Enroll, JobKind
from gpu.line.journal import Claim, Journal
from gpu.outcomes import Done, Progress
from tests.helpers import fake_jobs
from tests.helpers.fake_jobs import done

DIED = WorkerDied().as_failed()
KILLS = 25  # of the bot under a job, until the job is set aside


def reached(checkpoint: int) -> Progress:
    return Progress(phase="learning", step=checkpoint, steps=100, checkpoint=checkpoint)


def learnt(claim: Claim) -> Progress:
    """The learning is over, and a first portrait is to be painted."""
    assert isinstance(claim.job, Enroll)
    known = fake_jobs.learnt(replace(claim.job, photos=()))  # they need not be pictures
    return Progress(phase="thinking", checkpoint=100, learnt=known)


async def claimed(journal: Journal, job_id: str) -> Claim:
    claim = await journal.claim(job_id)
    assert claim
    return claim


class RecoveryContract:
    @pytest.fixture
    async def journal(self) -> Journal:
        raise NotImplementedError

    async def accept(self, journal: Journal, kind: JobKind) -> str:
        """A new job's id; each is younger than those before. A look: an enrolment that begins with one."""
        raise NotImplementedError

    async def state(self, journal: Journal, job_id: str) -> str:
        """waiting, running, looked, done, failed or cancelled."""
        raise NotImplementedError

    async def answers(self, journal: Journal, job_id: str) -> int:
        """How many answers people will see of this job."""
        raise NotImplementedError

    async def test_recover_puts_running_jobs_back_until_it_never_ends(self, journal: Journal) -> None:
        poison, other = await self.accept(journal, "paint"), await self.accept(journal, "enroll")
        for _ in range(KILLS):
            assert await self.state(journal, poison) == "waiting"
            await claimed(journal, poison)
            await journal.recover()
        assert [ticket.job_id for ticket in await journal.waiting()] == [other]
        assert await self.state(journal, poison) == "failed"
        assert await self.answers(journal, poison) == 1

    async def test_the_bots_deaths_cost_no_attempt(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "paint")
        for _ in range(KILLS - 1):
            await claimed(journal, job_id)
            await journal.recover()
        assert await self.spares(journal, job_id) == [True, True, False]

    async def test_the_childs_deaths_are_remembered_over_the_bots(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "paint")
        spared: list[bool] = []
        for _ in range(3):
            spared.append(await journal.mark_crashed(await claimed(journal, job_id), DIED))
            if await journal.claim(job_id):
                await journal.recover()
        assert spared == [True, True, False]

    async def test_a_newer_checkpoint_forgives_the_bots_deaths(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        for kill in range(8 * KILLS):  # 200
            claim = await claimed(journal, job_id)
            if kill % (KILLS - 1) == 0:
                await journal.note_checkpoint(claim, reached(kill + 1))
            await journal.recover()
        assert await self.state(journal, job_id) == "waiting"

    async def test_a_pause_forgives_no_death(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "paint")
        for _ in range(KILLS):
            await journal.mark_paused(await claimed(journal, job_id))
            await claimed(journal, job_id)
            await journal.recover()
        assert await self.state(journal, job_id) == "failed"

    async def test_a_cancel_outlives_the_bot(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        await journal.request_cancel(await claimed(journal, job_id))
        assert await self.state(journal, job_id) == "running"
        await journal.recover()
        assert await self.state(journal, job_id) == "cancelled"
        assert await self.answers(journal, job_id) == 1
        assert await journal.waiting() == []

    async def test_a_job_that_was_quicker_than_its_cancel_is_done(self, journal: Journal) -> None:
        claim = await claimed(journal, await self.accept(journal, "paint"))
        await journal.request_cancel(claim)
        assert await journal.settle(claim, done(claim.job))
        await journal.recover()
        assert await self.state(journal, claim.job.job_id) == "done"

    async def test_recover_leaves_what_was_looked_at_alone(self, journal: Journal) -> None:
        claim = await claimed(journal, await self.accept(journal, "look"))
        await journal.recover()
        assert await self.state(journal, claim.job.job_id) == "waiting", "it is looked at again"
        claim = await claimed(journal, claim.job.job_id)
        assert claim.job.kind == "look"
        await journal.settle(claim, done(claim.job))
        await journal.recover()
        assert await self.state(journal, claim.job.job_id) == "looked"
        assert await self.answers(journal, claim.job.job_id) == 1

    async def test_recover_leaves_what_is_over_alone(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "paint")
        claim = await claimed(journal, job_id)
        outcome = done(claim.job)
        assert isinstance(outcome, Done)
        await journal.settle(claim, outcome)
        await journal.recover()
        assert await self.state(journal, job_id) == "done"

    async def spares(self, journal: Journal, job_id: str) -> list[bool]:
        """Crash the job until it is set aside: one True for each attempt left, then False."""
        spared = [True]
        while spared[-1]:
            spared.append(await journal.mark_crashed(await claimed(journal, job_id), DIED))
        return spared[1:]
