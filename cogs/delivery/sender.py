"""Sends what the outbox owes: an answer is looked for, sent, moved to another place, and marked as sent, in this order.

The promise kept here: exactly one visible answer per row. It is sent under the row's nonce, which Discord enforces for
a few minutes. A row that was tried before is first looked for in the channel's history by the delivery's id (it is in
the file names, or in the last line). A place that refuses it for good is given up for the next one (Destination), and
never tried again. Everything that is needed is in the outbox row, so a restart changes nothing.

Knows: the outbox, and that channels do not wait for each other. Does not know: discord.py (cogs/api/transport.py), what
a refusal means (cogs/api/refusals.py), who asked, or what made the answer. The simulation in tests/sim runs this code.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import groupby
from operator import attrgetter

from cogs.api.message import OutgoingMessage
from cogs.api.refusals import (
    LONGEST_REST_S,
    MISSING_ACCESS,
    OUT_OF_SIGHT,
    UNKNOWN_CHANNEL,
    Refused,
    Verdict,
    is_transient,
    retry_after_s,
)
from cogs.api.transport import Transport
from cogs.delivery.notifier import Notifier
from cogs.delivery.render import compose
from cogs.delivery.routes import must_be_sought, next_destination, nonce
from storage.jobs import JobRow, Jobs
from storage.outbox import Delivery, Destination, Outbox
from storage.pets import Pets

log = logging.getLogger(__name__)

LOOK_S = 2.0  # seconds between two looks at the outbox without a wake-up
SEND_TIMEOUT_S = 60.0  # for looking and sending together: Discord remembers a nonce for longer ("a few minutes")

FinishProgress = Callable[[str], Awaitable[None]]  # ProgressMessages.finish, by the job's id


class Sender:
    """Sends what is in the outbox. The clock counts Unix seconds."""

    def __init__(
        self,
        outbox: Outbox,
        jobs: Jobs,
        pets: Pets,
        transport: Transport,
        notifier: Notifier,
        finish: FinishProgress,
        clock: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._jobs = jobs
        self._pets = pets
        self._transport = transport
        self._notifier = notifier
        self._finish = finish
        self._clock = clock
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by channel: its rows are being sent, one after the other

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    async def work(self) -> None:
        """Send whatever comes to be due, until cancelled."""
        while True:
            self._wake.clear()
            await self._start_due()
            with suppress(TimeoutError):  # not wait_for(), which loses a cancellation that comes with a wake-up
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def deliver(self) -> None:
        """Send everything that is due; returns when each of them was tried once."""
        await self._start_due()
        await asyncio.gather(*self._tasks.values())

    def cancel(self) -> None:
        """Stop sending, wherever it is."""
        for task in self._tasks.values():
            task.cancel()

    async def _start_due(self) -> None:
        try:
            async with self._looking:
                await self._look()
        except Exception:  # the database failed: whatever is due will be due at the next look
            log.exception("The outbox could not be looked at")

    async def _look(self) -> None:
        """Channels do not wait for each other; the rows of one channel are sent one after the other."""
        busy = set(self._tasks)  # before the query: rows of these channels may be sent by the time it returns
        due = sorted(await self._outbox.due(self._clock()), key=attrgetter("channel_id"))
        for channel_id, rows in groupby(due, key=attrgetter("channel_id")):
            if channel_id not in busy:
                self._tasks[channel_id] = task = asyncio.create_task(self._send_all(list(rows)), name="send")
                task.add_done_callback(lambda _, at=channel_id: self._tasks.pop(at))

    async def _send_all(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            try:
                await self._try(delivery)
            except Exception:  # the database failed: the row is as it was, and still due
                log.exception("Delivery %s failed before it was tried", delivery.id)

    async def _try(self, delivery: Delivery) -> None:
        try:
            await self._deliver(delivery)
        except Exception as error:
            await self._retry_later(delivery, error)

    async def _retry_later(self, delivery: Delivery, error: Exception) -> None:
        if not is_transient(error):
            log.error("Delivery %s failed", delivery.id, exc_info=error)
        await self._outbox.retry(delivery.id, self._clock() + retry_after_s(error, delivery.tries))

    async def _deliver(self, delivery: Delivery) -> None:
        """Raises what may pass; the row is then tried again later."""
        job = await self._jobs.get(delivery.job_id)
        if job is None:  # the pet was forgotten since we looked, and the row with it
            return
        if not self._transport.serves(job.guild_id):  # we were removed: asked back we go on at once (cog.py)
            await self._outbox.retry(delivery.id, self._clock() + LONGEST_REST_S)
            return
        message = compose(delivery, await self._notifier.mentioned(delivery, job))
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                message_id = await self._find_or_send(delivery, message)
        except Refused as error:
            await self._handle_refusal(delivery, job, error)
            return
        if message_id is not None:
            await self._mark_delivered(delivery, job, message, message_id)

    async def _find_or_send(self, delivery: Delivery, message: OutgoingMessage) -> int | None:
        """The message's id; None: nothing is to be sent here: the pet was forgotten, or the answer has moved."""
        if must_be_sought(delivery) and (message_id := await self._find(delivery)):
            return message_id
        if not await self._outbox.mark_tried(delivery.id, delivery.channel_id, self._clock()):
            return None
        try:
            return await self._transport.send(delivery.channel_id, message, nonce(delivery))
        except Refused as error:
            # discord.py tries several times by itself: one try may have arrived just before the channel was closed
            leaving = error.verdict is Verdict.NOT_HERE and error.code not in OUT_OF_SIGHT
            if not leaving or not (message_id := await self._find(delivery)):
                raise
            return message_id

    async def _find(self, delivery: Delivery) -> int | None:
        """The message of an earlier try whose answer never reached us; None also where we may send but not look."""
        since = delivery.first_tried or self._clock()
        try:
            return await self._transport.find(delivery.channel_id, delivery.id, since)
        except Refused as error:
            if is_transient(error) or error.code in OUT_OF_SIGHT:  # sending would fail in the same way
                raise
        return None

    async def _handle_refusal(self, delivery: Delivery, job: JobRow, error: Refused) -> None:
        """On to the next destination, or to the end. Raises what may pass."""
        if is_transient(error):
            raise error
        log.warning("Delivery %s is refused in channel %s: %s", delivery.id, delivery.channel_id, error)
        if error.code == UNKNOWN_CHANNEL:
            await self._pets.leave_thread(delivery.channel_id)
        destination = None if error.verdict is Verdict.DELETED else next_destination(delivery, job.channel_id)
        channel_id = await self._channel_of(destination, job) if destination else None
        if destination and channel_id:
            unseen = error.code == MISSING_ACCESS  # an earlier try may be there, where we may no longer look
            await self._outbox.move(delivery.id, destination, channel_id, self._clock(), unseen=unseen)
            self._wake.set()
        else:
            await self._finish(job.id)
            await self._outbox.close(delivery.id, str(error))

    async def _channel_of(self, destination: Destination, job: JobRow) -> int | None:
        """The channel's id; None: this person takes no direct messages. Raises what may pass."""
        if destination is Destination.PARENT:
            return job.channel_id
        try:
            return await self._transport.open_dm(job.user_id)
        except Refused as error:
            if is_transient(error):
                raise
            return None

    async def _mark_delivered(self, delivery: Delivery, job: JobRow, message: OutgoingMessage, message_id: int) -> None:
        """Mark it before anything else: after a crash an unmarked answer has to be looked for, which may be forbidden.

        The progress message goes after it: the answer opens an archived thread, where nothing can be deleted before.
        Reactions are heard in servers only, so in direct messages the portraits are not noted and get none.
        Whoever wants a direct message of it is told last: a try that marks nothing tells nobody.
        """
        direct = delivery.destination is Destination.DM
        portraits = () if direct else delivery.answer.portraits
        known = await self._outbox.mark_sent(delivery.id, delivery.channel_id, message_id, portraits)
        await self._finish(delivery.job_id)
        if known and portraits and message.pictures:
            await self._transport.add_reactions(delivery.channel_id, message_id)
        if known:
            await self._notifier.write(delivery, job, message_id)
