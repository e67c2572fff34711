"""What the line may rely on in a journal. A test class inherits this and says how jobs come in and what is stored.

Knows: Journal (gpu/line/journal.py). Does not know: whether rows lie in SQLite or in memory.
"""

import pytest

from gpu.errors import Cancelled, OutOfMemory, TooFewPhotos
from gpu.jobs import JobKind, Look
from gpu.line.journal import Journal
from tests.contracts.recovery import DIED, RecoveryContract, claimed, learnt, reached
from tests.helpers.fake_jobs import done


class JournalContract(RecoveryContract):
    """And what a bot relies on that starts again."""

    async def test_waiting_is_oldest_first(self, journal: Journal) -> None:
        kinds: tuple[JobKind, ...] = ("enroll", "paint", "look", "enroll")
        accepted = [await self.accept(journal, kind) for kind in kinds]
        waiting = await journal.waiting()
        assert [ticket.job_id for ticket in waiting] == accepted
        assert tuple(ticket.kind for ticket in waiting) == kinds
        assert [ticket.created for ticket in waiting] == sorted(ticket.created for ticket in waiting)

    async def test_waiting_follows_every_change(self, journal: Journal) -> None:
        async def waiting() -> list[str]:
            return [ticket.job_id for ticket in await journal.waiting()]

        first, second = await self.accept(journal, "enroll"), await self.accept(journal, "paint")
        assert await waiting() == [first, second]
        claim = await claimed(journal, first)
        third = await self.accept(journal, "paint")
        assert await waiting() == [second, third]
        await journal.mark_crashed(claim, DIED)
        assert await waiting() == [first, second, third]
        await journal.cancel_waiting(second)
        claim = await claimed(journal, third)
        assert await waiting() == [first]
        await journal.recover()
        assert await waiting() == [first, third]
        claim = await claimed(journal, third)
        await journal.settle(claim, done(claim.job))
        await journal.recover()
        assert await waiting() == [first]

    async def test_a_job_is_claimed_once(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "paint")
        claim = await claimed(journal, job_id)
        assert (claim.job.job_id, claim.job.kind) == (job_id, "paint")
        assert await journal.claim(job_id) is None
        assert await journal.claim("unknown") is None
        assert await journal.waiting() == []
        assert await self.state(journal, job_id) == "running"

    async def test_a_pause_costs_nothing_and_keeps_the_place(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        await self.accept(journal, "enroll")
        attempts: list[int] = []
        for _ in range(5):
            claim = await claimed(journal, job_id)
            attempts.append(claim.attempt)
            await journal.mark_paused(claim)
            assert (await journal.waiting())[0].job_id == job_id
        assert attempts == sorted(set(attempts))
        assert await self.spares(journal, job_id) == [True, True, False]

    async def test_a_pause_is_a_beginning_and_a_death_is_none(self, journal: Journal) -> None:
        async def begun() -> float | None:
            return (await journal.waiting())[0].begun

        job_id = await self.accept(journal, "enroll")
        assert await begun() is None
        claim = await claimed(journal, job_id)
        await journal.mark_paused(claim)
        assert await begun() == claim.at
        await journal.mark_paused(await claimed(journal, job_id))
        assert await begun() == claim.at, "the first claim counts"
        await claimed(journal, job_id)
        await journal.recover()
        assert await begun() is None, "the bot died under it"
        again = await claimed(journal, job_id)
        await journal.note_checkpoint(again, reached(10))
        await journal.mark_paused(again)
        assert await begun() == claim.at
        await journal.mark_crashed(await claimed(journal, job_id), DIED)
        assert await begun() is None, "the child died under it"

    async def test_turns_are_those_of_each_person_and_kind(self, journal: Journal) -> None:
        assert await journal.turns() == []
        learning = await claimed(journal, await self.accept(journal, "enroll"))
        painting = [await claimed(journal, await self.accept(journal, "paint")) for _ in range(2)]
        looking = await claimed(journal, await self.accept(journal, "look"))
        await self.accept(journal, "paint")  # nobody's turn yet
        await journal.recover()
        turns = await journal.turns()
        assert [turn.kind for turn in turns] == ["enroll", "paint", "look"]
        assert turns[0].at >= learning.at and turns[1].at == painting[1].at > painting[0].at
        assert turns[2].at == looking.at

    async def test_the_third_crash_is_the_last(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "paint")
        assert await self.spares(journal, job_id) == [True, True, False]
        assert await journal.waiting() == []
        assert await self.state(journal, job_id) == "failed"
        assert await self.answers(journal, job_id) == 1

    async def test_a_newer_checkpoint_refunds_its_attempt_once(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        for checkpoint in (10, 30, 50, 70):
            claim = await claimed(journal, job_id)
            await journal.note_checkpoint(claim, reached(checkpoint))
            await journal.note_checkpoint(claim, reached(checkpoint + 10))
            assert await journal.mark_crashed(claim, DIED)
        assert await self.spares(journal, job_id) == [True, True, False]

    async def test_a_checkpoint_that_is_known_refunds_nothing(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        spared: list[bool] = []
        for _ in range(4):
            if claim := await journal.claim(job_id):
                await journal.note_checkpoint(claim, reached(10))
                spared.append(await journal.mark_crashed(claim, DIED))
        assert spared == [True, True, True, False]

    async def test_a_pause_after_a_refund_refunds_no_more(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        await journal.mark_crashed(await claimed(journal, job_id), DIED)
        claim = await claimed(journal, job_id)
        await journal.note_checkpoint(claim, reached(10))
        await journal.mark_paused(claim)
        assert await self.spares(journal, job_id) == [True, False]

    @pytest.mark.parametrize("kind", ["enroll", "paint", "look"])
    async def test_settled_once(self, journal: Journal, kind: JobKind) -> None:
        job_id = await self.accept(journal, kind)
        claim = await claimed(journal, job_id)
        assert await journal.settle(claim, done(claim.job))
        assert await self.state(journal, job_id) == ("looked" if kind == "look" else "done")
        answers = await self.answers(journal, job_id)
        assert answers >= 1
        assert not await journal.settle(claim, done(claim.job))
        assert not await journal.settle(claim, TooFewPhotos().as_failed())
        assert await self.answers(journal, job_id) == answers
        assert await journal.waiting() == []

    async def test_a_look_is_a_question(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "look")
        claim = await claimed(journal, job_id)
        assert isinstance(claim.job, Look) and claim.job.job_id == job_id
        await journal.settle(claim, done(claim.job))
        assert await journal.claim(job_id) is None, "nobody has answered"
        assert await journal.cancel_waiting(job_id)
        assert not await journal.cancel_waiting(job_id)
        assert await self.state(journal, job_id) == "cancelled"
        assert await self.answers(journal, job_id) == 2

    @pytest.mark.parametrize("kind", ["enroll", "paint", "look"])
    async def test_a_failure_is_one_answer(self, journal: Journal, kind: JobKind) -> None:
        job_id = await self.accept(journal, kind)
        assert await journal.settle(await claimed(journal, job_id), TooFewPhotos().as_failed())
        assert await self.state(journal, job_id) == "failed"
        assert await self.answers(journal, job_id) == 1

    @pytest.mark.parametrize("end", ["fails", "is cancelled", "is cancelled as it waits", "dies", "dies with the bot"])
    async def test_what_was_learnt_is_kept_whatever_comes_after_it(self, journal: Journal, end: str) -> None:
        job_id = await self.accept(journal, "enroll")
        claim = await claimed(journal, job_id)
        await journal.note_checkpoint(claim, learnt(claim))
        match end:
            case "fails":
                assert await journal.settle(claim, OutOfMemory().as_failed())
            case "is cancelled":
                assert await journal.settle(claim, Cancelled().as_failed())
            case "is cancelled as it waits":
                await journal.mark_paused(claim)
                assert await journal.cancel_waiting(job_id)
            case "dies":
                assert await journal.mark_crashed(claim, DIED), "what was learnt is worth an attempt"
                assert await self.spares(journal, job_id) == [True, True, False]
            case _:
                await journal.request_cancel(claim)
                await journal.recover()
        assert await self.state(journal, job_id) == "done"
        assert await self.answers(journal, job_id) >= 1
        assert await journal.waiting() == []

    async def test_a_stale_claim_has_learnt_nothing(self, journal: Journal) -> None:
        stale = await claimed(journal, await self.accept(journal, "enroll"))
        await journal.mark_paused(stale)
        fresh = await claimed(journal, stale.job.job_id)
        await journal.note_checkpoint(stale, learnt(stale))
        assert await journal.settle(fresh, OutOfMemory().as_failed())
        assert await self.state(journal, stale.job.job_id) == "failed"

    async def test_a_running_job_is_cancelled_by_its_outcome(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        claim = await claimed(journal, job_id)
        assert not await journal.cancel_waiting(job_id)
        assert await journal.settle(claim, Cancelled().as_failed())
        assert await self.state(journal, job_id) == "cancelled"
        assert await self.answers(journal, job_id) == 1

    async def test_a_waiting_job_is_cancelled_at_once(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "paint")
        assert await journal.cancel_waiting(job_id)
        assert not await journal.cancel_waiting(job_id)
        assert not await journal.cancel_waiting("unknown")
        assert await journal.claim(job_id) is None
        assert await self.state(journal, job_id) == "cancelled"
        assert await self.answers(journal, job_id) == 1

    async def test_a_stale_claim_changes_nothing(self, journal: Journal) -> None:
        job_id = await self.accept(journal, "enroll")
        stale = await claimed(journal, job_id)
        await journal.recover()
        fresh = await claimed(journal, job_id)
        assert not await journal.settle(stale, done(stale.job))
        assert not await journal.mark_crashed(stale, DIED)
        await journal.mark_paused(stale)
        await journal.renew(stale)
        await journal.request_cancel(stale)
        await journal.note_checkpoint(stale, reached(90))
        assert await self.state(journal, job_id) == "running"
        await journal.note_checkpoint(fresh, reached(10))  # still news
        assert await journal.mark_crashed(fresh, DIED)
        assert await self.answers(journal, job_id) == 0
