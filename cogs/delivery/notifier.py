"""Who hears that an answer is there: nobody of a quick one; of one that took long, the person who asked for it.

Knows: how long is long, and that somebody may want a direct message instead, or nothing (storage/notifications.py).
Does not know: how an answer is sent (sender.py).
The mention is a part of the answer itself, so that it comes exactly as often: once. The direct message is worth no
second try: the answer is there already.
"""

import asyncio
import logging
from collections.abc import Callable

import aiohttp

from cogs.api.message import OutgoingMessage
from cogs.api.refusals import Refused
from cogs.api.transport import Transport
from cogs.shared.text import Name, say
from storage.jobs import JobRow
from storage.notifications import How, Notifications
from storage.outbox import Delivery, Destination, Part

log = logging.getLogger(__name__)

LONG_S = 60.0  # from the command to the answer; whoever asked for less is still looking
DIRECT_S = 10.0  # for a direct message: other answers wait for it


class Notifier:
    """Tells people. The clock counts Unix seconds."""

    def __init__(self, notifications: Notifications, transport: Transport, clock: Callable[[], float]) -> None:
        self._notifications = notifications
        self._transport = transport
        self._clock = clock

    async def mentioned(self, delivery: Delivery, job: JobRow) -> int | None:
        """The one person whom this answer mentions."""
        return job.user_id if await self._how(delivery, job) == "on" else None

    async def write(self, delivery: Delivery, job: JobRow, message_id: int) -> None:
        """The answer is posted as this message: write to whoever wants it so. Where none is taken, nothing is said."""
        if await self._how(delivery, job) != "dm":
            return
        link = f"https://discord.com/channels/{job.guild_id}/{delivery.channel_id}/{message_id}"
        text = say(job.locale, "notify.done", name=Name(job.pet_name), link=link)
        try:
            async with asyncio.timeout(DIRECT_S):
                door = await self._transport.open_dm(job.user_id)
                notice = OutgoingMessage(id=delivery.id, text=text)
                await self._transport.send(door, notice, f"{delivery.nonce}.n")
        except (Refused, aiohttp.ClientError, OSError) as error:
            log.info("A person is not told directly: %s", error)

    async def _how(self, delivery: Delivery, job: JobRow) -> How:
        """What was cancelled was so by whoever would be told; and a direct message is a notification by itself."""
        told = delivery.part is not Part.SHEET and delivery.kind != "cancelled"
        if not told or delivery.destination is Destination.DM or self._clock() - job.created < LONG_S:
            return "off"
        return await self._notifications.of(job.user_id)
