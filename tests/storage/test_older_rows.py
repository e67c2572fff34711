"""What an older version wrote into the database is still read: literal JSON of it, never made by today's code.

Knows: the words of that version. Does not know: SQL migrations (test_storage.py).
"""

import pytest

from gpu.jobs import Paint
from gpu.outcomes import Cause, Failed
from gpu.pets import Rejected
from gpu.portraits import Wish
from gpu.wire import EVENT, End
from tests.helpers.storage_env import StorageEnv

PAYLOAD = """{"pet_id": 4, "pet_name": "Mochi", "user_id": 3, "locale": "ko", "reply_to": null,
"wish": {"style": "ukiyo-e", "text": "on a beach"}, "photos": [["ab", "dog.jpg"]],
"outcome": {"kind": "failed", "error": "TooFewPhotos", "message": "Fewer than three photos.",
"rejected": [{"photo": "ab", "reason": "no_dog"}], "checkpoint": 0}, "portraits": []}"""

BODY = """{"kind": "paint", "job_id": "0123456789ab", "folder": "data/jobs/0123456789ab",
"adapter": {"folder": "data/jobs/ba9876543210/adapter", "tokens": ["<s0>", "<s1>"], "class_word": "dog", "base": "abc",
"steps": 300, "likeness": 0.7}, "cutouts": [{"image": "a.png", "mask": "b.png", "photo": "ab", "share": 0.4}],
"wish": {"style": "ukiyo-e", "text": "on a beach"}, "seeds": [1, 2],
"prompt": {"text": "a <s0><s1> dog", "negative": "", "thought": "", "box": [0.1, 0.2, 0.9, 1.0], "source": "llm"}}"""


async def _owed(env: StorageEnv, payload: str) -> Failed:
    """The outcome in an owed answer with this payload."""
    row = await env.enroll()
    await env.journal.cancel_waiting(row.id)
    async with env.db.write() as tx:
        await tx.run("UPDATE outbox SET payload = ?", payload)
    [owed] = await env.outbox.due(env.clock.now)
    assert isinstance(owed.answer.outcome, Failed)
    return owed.answer.outcome


async def test_an_owed_answer_with_an_error_is_read(env: StorageEnv) -> None:
    rejected = (Rejected(photo="ab", reason="no_dog"),)
    expected = Failed(cause=Cause.TOO_FEW_PHOTOS, message="Fewer than three photos.", rejected=rejected)
    assert await _owed(env, PAYLOAD) == expected


async def test_a_cause_that_nobody_knows_is_one_that_nobody_expected(env: StorageEnv) -> None:
    """After a way back to an older bot: the answer is sent, and says what can be said."""
    outcome = await _owed(env, PAYLOAD.replace("TooFewPhotos", "TooManyCats").replace('"error"', '"cause"'))
    assert outcome.cause is Cause.INTERNAL
    assert outcome.message == "Fewer than three photos."


async def test_a_job_that_waits_is_read(env: StorageEnv) -> None:
    row = await env.paint(await env.ready())
    async with env.db.write() as tx:
        await tx.run("UPDATE jobs SET body = ? WHERE id = ?", BODY, row.id)
    job = (await env.claim(row.id)).job
    assert isinstance(job, Paint)
    assert (job.seeds, job.wish, job.adapter.steps) == ((1, 2), Wish(style="ukiyo-e", text="on a beach"), 300)


@pytest.mark.parametrize("cause", Cause)
async def test_a_job_that_failed_keeps_its_cause(env: StorageEnv, cause: Cause) -> None:
    row = await env.enroll()
    await env.journal.cancel_waiting(row.id)
    async with env.db.write() as tx:
        await tx.run("UPDATE jobs SET error = ?", cause.value)
    assert (await env.row(row.id)).cause is cause


def test_an_outcome_on_the_pipe_is_read() -> None:
    """The bot may be older than the code from which its next child is started, or the other way round."""
    outcome = '{"kind": "failed", "error": "OutOfMemory", "message": "", "rejected": [], "checkpoint": 3}'
    event = EVENT.validate_json(f'{{"outcome": {outcome}, "last": true, "reserved": 0, "says": "outcome"}}')
    assert event == End(Failed(cause=Cause.OUT_OF_MEMORY, message="", checkpoint=3), last=True)
