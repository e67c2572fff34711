"""The outbox: answers that are owed to people. Exactly one visible answer per part: one row, one nonce.

Knows: which answers are due, how often each was tried, and where it ended up. Does not know: how one is sent or worded,
or what becomes of a message whose pet was forgotten (takedowns.py).
A row is written in the transaction that settles its job. An answer is sent with its nonce (at most 25 characters), so
that another try cannot make a second message. Each try is noted before it is made, so that whoever forgets a pet knows
which of its answers may have been posted although no reply came.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from time import time
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from gpu.outcomes import Done, Failed
from gpu.portraits import Wish
from storage import takedowns
from storage.database import Database, Transaction
from storage.portraits import POSTED

ANSWER_OWED = "EXISTS (SELECT 1 FROM outbox o WHERE o.job_id = jobs.id AND o.message_id IS NULL AND o.closed IS NULL)"
"""Of a row of jobs: it has an answer that is neither sent nor given up."""

AnswerKind = Literal["looked", "enrolled", "painted", "failed", "cancelled"]


class Part(IntEnum):
    """The parts of a job's answer: each is one message."""

    ANSWER = 0
    SHEET = 1  # of an enrolment: the contact sheet of what was learnt from; it goes before the answer
    LOOK = 10  # of an enrolment that begins with looks: LOOK + 1 is what the first of them showed, and so on


class Destination(IntEnum):
    """The places of an answer, in the order in which they are tried."""

    ORIGIN = 0  # where it was asked for: the pet's thread, or the channel itself where there is none
    PARENT = 1  # the channel above the thread
    DM = 2  # the person's direct messages


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPayload:
    """What an answer says, as values: all that the sender needs, also when the pet is gone."""

    pet_name: str
    user_id: int
    locale: str
    reply_to: int | None  # message id
    asked_in: tuple[int, int] | None = None  # (guild_id, channel_id) of that message
    wish: Wish
    photos: tuple[tuple[str, str], ...]  # (sha256, what it is called) of an enrolment, to name the rejected ones
    outcome: Annotated[Done | Failed, Field(discriminator="kind")]
    portraits: tuple[int, ...]  # ids of the portrait rows, in the outcome's order, for Outbox.mark_sent
    kept_until: float | None = None  # Unix seconds: nothing was learnt, and the photos are kept, to be tried again
    look: int = 0  # number of the look that this is about
    imported: bool = False  # of an enrolment: the dog came as files
    learn_at: float | None = None  # Unix seconds: it is learnt by itself then; None: too few photos are good


ANSWER_PAYLOAD: TypeAdapter[AnswerPayload] = TypeAdapter(AnswerPayload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One part of an answer that is still owed."""

    id: str  # goes into file names and custom_ids, so that a lost answer can be found in the channel
    job_id: str
    part: Part
    nonce: str  # 25 characters at most
    destination: Destination
    channel_id: int  # of that destination
    kind: AnswerKind
    payload: str  # an AnswerPayload as JSON
    first_tried: float | None  # at this destination, Unix seconds
    tries: int  # at this destination
    due: float  # Unix seconds

    @property
    def answer(self) -> AnswerPayload:
        """The payload as a value."""
        return ANSWER_PAYLOAD.validate_json(self.payload)


class Outbox:
    """The outbox table."""

    def __init__(self, db: Database, clock: Callable[[], float] = time) -> None:
        self._db = db
        self._clock = clock

    async def due(self, now: float) -> list[Delivery]:
        """Answers to be sent by `now` (Unix seconds), the longest due first."""
        sql = "SELECT * FROM outbox WHERE message_id IS NULL AND closed IS NULL AND due <= ? ORDER BY due, rowid"
        return [_delivery(row) for row in await self._db.all(sql, now)]

    async def mark_tried(self, delivery_id: str, channel_id: int, now: float) -> bool:
        """Note a try in this channel. Call it before each, so that a crash in the middle of one is known afterwards.

        False: nothing may be sent there. The pet was forgotten; since its row was read, the answer moved or was sent.
        """
        sql = """UPDATE outbox SET tries = tries + 1, first_tried = coalesce(first_tried, ?)
                 WHERE id = ? AND channel_id = ? AND message_id IS NULL AND closed IS NULL"""
        return await self._run(sql, now, delivery_id, channel_id) == 1

    async def retry(self, delivery_id: str, due: float) -> None:
        """Try again at `due`."""
        await self._run("UPDATE outbox SET due = ? WHERE id = ?", due, delivery_id)

    async def make_due(self, guild_id: int, now: float) -> None:
        """The bot is back in this guild: what could not be sent there meanwhile is due at once."""
        sql = """UPDATE outbox SET due = ?1 WHERE due > ?1 AND message_id IS NULL AND closed IS NULL
                 AND job_id IN (SELECT id FROM jobs WHERE guild_id = ?2)"""
        await self._run(sql, now, guild_id)

    async def move(
        self, delivery_id: str, destination: Destination, channel_id: int, now: float, *, unseen: bool
    ) -> None:
        """Send it to this destination from now on. It stays "tried", so that only another move changes its channel.

        Unseen: a message may be at the old place, where the bot cannot look; if there is one, it has to come down.
        """
        async with self._db.write() as tx:
            if unseen:
                await takedowns.owe_unseen(tx, delivery_id, now)
            sql = "UPDATE outbox SET home = ?1, channel_id = ?2, first_tried = ?3, due = ?3, tries = 0 WHERE id = ?4"
            await tx.run(sql, destination, channel_id, now, delivery_id)

    async def mark_sent(self, delivery_id: str, channel_id: int, message_id: int, portrait_ids: Sequence[int]) -> bool:
        """It was posted as this message, with these portraits.

        False: the pet was forgotten while the message was on its way, so it has to come down now.
        """
        sql = "UPDATE outbox SET channel_id = ?, message_id = ?, payload = '' WHERE id = ?"
        async with self._db.write() as tx:
            known = await tx.run(sql, channel_id, message_id, delivery_id)
            if not known:
                await takedowns.name_message(tx, delivery_id, channel_id, message_id)
            for portrait_id in portrait_ids:
                await tx.run(POSTED, channel_id, message_id, self._clock(), portrait_id)
        return known == 1

    async def close(self, delivery_id: str, reason: str) -> None:
        """It cannot be delivered: never try again."""
        await self._run("UPDATE outbox SET closed = ?, payload = '' WHERE id = ?", reason, delivery_id)

    async def _run(self, sql: str, *args: object) -> int:
        async with self._db.write() as tx:
            return await tx.run(sql, *args)


async def owe(
    tx: Transaction, *, job_id: str, part: int, channel_id: int, kind: AnswerKind, answer: AnswerPayload, due: float
) -> None:
    """Put one part of an answer into the outbox; for use inside the transaction that settles the job."""
    name = f"{job_id}-{part:d}"
    sql = "INSERT INTO outbox (id, job_id, part, nonce, channel_id, kind, payload, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    await tx.run(sql, name, job_id, part, name, channel_id, kind, ANSWER_PAYLOAD.dump_json(answer).decode(), due)


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        id=row["id"],
        job_id=row["job_id"],
        part=Part(min(row["part"], Part.LOOK)),
        nonce=row["nonce"],
        destination=Destination(row["home"]),
        channel_id=row["channel_id"],
        kind=row["kind"],
        payload=row["payload"],
        first_tried=row["first_tried"],
        tries=row["tries"],
        due=row["due"],
    )
