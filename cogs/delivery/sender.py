"""The postman's rounds: in which order an answer is sought, sent, moved on, and noted as sent.

Knows: the outbox, and that channels do not wait for each other. Does not know: discord.py (counter.py), what a refusal
means (postage.py), who asked, or what made the answer. Everything needed is in the outbox row, so a restart changes
nothing. The simulation in tests/sim plays these very rounds.

One visible answer per row. It is sent under the row's nonce, enforced by Discord for a few minutes. A row that was
tried before is first looked for in the channel's history by the delivery's id (file names hold it, or the last line).
A place that refuses it for good is left for the next one (Home), and never entered again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from cogs.api.message import Post
from cogs.api.refusals import (
    LONGEST_REST_S,
    MISSING_ACCESS,
    OUT_OF_SIGHT,
    UNKNOWN_CHANNEL,
    Refused,
    Verdict,
    passing,
    patience,
)
from cogs.api.transport import Counter
from cogs.delivery.render import compose, ending
from cogs.delivery.routes import next_home, nonce, to_be_sought
from cogs.shared.services import House
from storage.jobs import JobRow
from storage.outbox import Delivery, Home

log = logging.getLogger(__name__)

LOOK_S = 2.0  # seconds between two looks at the outbox without a wake-up
PATIENCE_S = 60.0  # for looking and sending together: Discord remembers a nonce for longer ("a few minutes")

Finish = Callable[[JobRow, str | None, Path | None], Awaitable[None]]  # Board.finish


class Rounds:
    """Brings what lies in the outbox. The clock counts Unix seconds."""

    def __init__(self, house: House, counter: Counter, finish: Finish, clock: Callable[[], float]) -> None:
        self._house = house
        self._counter = counter
        self._finish = finish
        self._clock = clock
        self._wake = asyncio.Event()
        self._setting_out = asyncio.Lock()
        self._walks: dict[int, asyncio.Task[None]] = {}  # by channel: who is on the way there

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    async def work(self) -> None:
        """For ever."""
        while True:
            self._wake.clear()
            await self._set_out()
            with suppress(TimeoutError):  # not wait_for(), which loses a cancellation that comes with a wake-up
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def deliver(self) -> None:
        """Send everything that is due; returns when each of them was tried once."""
        await self._set_out()
        await asyncio.gather(*self._walks.values())

    def cancel(self) -> None:
        """Come home from wherever."""
        for walk in self._walks.values():
            walk.cancel()

    async def _set_out(self) -> None:
        try:
            async with self._setting_out:
                await self._look()
        except Exception:  # the database's: whatever is due will be due at the next look
            log.exception("The postman stumbled")

    async def _look(self) -> None:
        """Channels do not wait for each other, rows of a channel do."""
        busy = set(self._walks)  # before the look: what it finds for these may be delivered by the time it is back
        due = sorted(await self._house.outbox.due(self._clock()), key=attrgetter("channel_id"))
        for channel_id, rows in groupby(due, key=attrgetter("channel_id")):
            if channel_id not in busy:
                self._walks[channel_id] = walk = asyncio.create_task(self._walk(list(rows)), name="street")
                walk.add_done_callback(lambda _, at=channel_id: self._walks.pop(at))

    async def _walk(self, street: list[Delivery]) -> None:
        for delivery in street:
            try:
                await self._try(delivery)
            except Exception:  # the database's: the row is as it was, and still due
                log.exception("Delivery %s stumbled", delivery.id)

    async def _try(self, delivery: Delivery) -> None:
        try:
            await self._hand_over(delivery)
        except Exception as error:
            await self._later(delivery, error)

    async def _later(self, delivery: Delivery, error: Exception) -> None:
        if not passing(error):
            log.error("Delivery %s failed", delivery.id, exc_info=error)
        await self._house.outbox.retry(delivery.id, self._clock() + patience(error, delivery.tries))

    async def _hand_over(self, delivery: Delivery) -> None:
        """Raises what may pass; the row is then tried again later."""
        job = await self._house.jobs.get(delivery.job_id)
        if job is None:  # the pet was forgotten since we looked, and the row with it
            return
        if not self._counter.serves(job.guild_id):  # we were sent away: asked back, we go on; else guilds.py forgets
            await self._house.outbox.retry(delivery.id, self._clock() + LONGEST_REST_S)
            return
        post = compose(delivery)
        try:
            async with asyncio.timeout(PATIENCE_S):
                message_id = await self._found_or_sent(delivery, post)
        except Refused as error:
            await self._refused(delivery, job, error)
            return
        if message_id is None:
            return
        await self._delivered(delivery, job, post, message_id)

    async def _found_or_sent(self, delivery: Delivery, post: Post) -> int | None:
        """The message's id; None: the pet was forgotten before anything was sent."""
        if to_be_sought(delivery) and (message_id := await self._found(delivery)):
            return message_id
        if not await self._house.outbox.mark_tried(delivery.id, self._clock()):
            return None
        try:
            return await self._counter.send(delivery.channel_id, post, nonce(delivery))
        except Refused as error:
            # discord.py tries several times by itself: one may have come through just before the door was shut
            leaving = error.verdict is Verdict.ELSEWHERE and error.code not in OUT_OF_SIGHT
            if not leaving or not (message_id := await self._found(delivery)):
                raise
            return message_id

    async def _found(self, delivery: Delivery) -> int | None:
        """The message of an earlier try whose answer never reached us; None also where we may send but not look."""
        since = delivery.first_tried or self._clock()
        try:
            return await self._counter.find(delivery.channel_id, delivery.id, since)
        except Refused as error:
            if passing(error) or error.code in OUT_OF_SIGHT:  # sending would end the same
                raise
        return None

    async def _refused(self, delivery: Delivery, job: JobRow, error: Refused) -> None:
        """On to the next place, or to the end. Raises what may pass."""
        if passing(error):
            raise error
        log.warning("Delivery %s is refused in channel %s: %s", delivery.id, delivery.channel_id, error)
        if error.code == UNKNOWN_CHANNEL:
            await self._house.pets.leave_thread(delivery.channel_id)
        home = None if error.verdict is Verdict.OVER else next_home(delivery, job.channel_id)
        channel_id = await self._address(home, job) if home else None
        if home and channel_id:
            unseen = error.code == MISSING_ACCESS  # a try may hang where we may not look any more
            await self._house.outbox.move(delivery.id, home, channel_id, self._clock(), unseen=unseen)
            self._wake.set()
        else:
            await self._last_word(delivery, job)
            await self._house.outbox.close(delivery.id, str(error))

    async def _last_word(self, delivery: Delivery, job: JobRow) -> None:
        """After the answer, which opens an archived thread: before it nothing can be edited there."""
        await self._finish(job, *(ending(delivery.letter) if job.kind == "enroll" else (None, None)))

    async def _address(self, home: Home, job: JobRow) -> int | None:
        """None: this person has no door. Raises what may pass."""
        if home is Home.ABOVE:
            return job.channel_id
        try:
            return await self._counter.door(job.user_id)
        except Refused as error:
            if passing(error):
                raise
            return None

    async def _delivered(self, delivery: Delivery, job: JobRow, post: Post, message_id: int) -> None:
        """Noted before all else: what a crash leaves unnoted has to be sought, and cannot be where nobody may look.

        Reactions are only heard in the server, so in direct messages nothing hangs on the portraits.
        """
        direct = delivery.home is Home.DIRECT
        portraits = () if direct else delivery.letter.portraits
        known = await self._house.outbox.mark_sent(delivery.id, delivery.channel_id, message_id, portraits)
        await self._last_word(delivery, job)
        if known and post.pictures and not direct:
            await self._counter.invite(delivery.channel_id, message_id)
