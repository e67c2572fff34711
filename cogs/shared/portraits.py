"""What people may do with a portrait that hangs in Discord, by a reaction or a button: paint it again, delete it.

Knows: what follows from asking for either, and the words that promise a painting. Does not know: how it was asked for
(cogs/reactions.py, cogs/buttons.py), or how a dog is painted.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from discord.ext import commands

from cogs.api.refusals import UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, Refused, is_transient
from cogs.api.transport import DiscordTransport, Transport
from cogs.progress.eta import standings
from cogs.shared.access import check_place
from cogs.shared.errors import Sorry
from cogs.shared.rerolls import Reroll
from cogs.shared.services import Services
from cogs.shared.text import duration, say
from storage.jobs import JobRow
from storage.portraits import PortraitRow

log = logging.getLogger(__name__)


async def promise(services: Services, job: JobRow) -> str:
    """The words for a painting that is in line: its place, how long it takes, and where it will appear."""
    mine = [one for one in await standings(services.line, services.jobs, services.painting) if one.job.id == job.id]
    place, seconds = (mine[0].place, mine[0].left) if mine else (0, None)
    left = say(job.locale, "portrait.left", time=duration(job.locale, seconds)) if seconds is not None else ""
    thread = f"<#{job.thread_id or job.channel_id}>"
    if place == 0:
        return say(job.locale, "portrait.running", left=left, thread=thread)
    return say(job.locale, "portrait.accepted", place=place, left=left, thread=thread)


async def forget_missing(services: Services, code: int, channel_id: int, message_id: int) -> None:
    """A look at the message of portraits was refused with this code: nobody looks there again where it is gone."""
    if code == UNKNOWN_MESSAGE:
        rows = await services.portraits.by_message(message_id)
        await services.portraits.delete([row.id for row in rows])
    elif code == UNKNOWN_CHANNEL:
        await services.pets.leave_thread(channel_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for something under a portrait, and where it hangs."""

    user_id: int
    channel_id: int
    message_id: int
    locale: str
    interaction_id: int | None = None  # of a button: the same one never makes a second job


class PostedPortraits:
    """Does what people ask for under a portrait. The rows are those of one message, at least one."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._transport: Transport = DiscordTransport(bot)

    async def paint(self, rows: Sequence[PortraitRow], ask: Reroll, asker: Asker) -> JobRow:
        """Put a painting in line, which will answer this message. Raises Sorry, PetNotReady, LineFull, TooManyJobs."""
        await self._services.models.check()
        pet = await self._services.pets.get(rows[0].pet_id)
        if pet is None:
            raise Sorry("forget.gone")
        if guild := self._bot.get_guild(pet.guild_id):
            check_place(guild, asker.channel_id, pet.channel_id, asker.locale)
        job = await self._services.jobs.accept_paint(
            pet=pet,
            user_id=asker.user_id,
            channel_id=pet.channel_id,
            thread_id=asker.channel_id,
            wish=ask.wish,
            seeds=ask.seeds,
            prompt=ask.prompt,
            options=ask.options,
            locale=asker.locale,
            reply_to=asker.message_id,
            interaction_id=asker.interaction_id,
        )
        self._services.line.submit(job.id)
        return job

    async def belongs_to(self, user_id: int, rows: Sequence[PortraitRow]) -> bool:
        """Did this person ask for it, or is it their dog?"""
        pet = await self._services.pets.get(rows[0].pet_id)
        return user_id in (rows[0].requester_id, pet.owner_id if pet else None)

    async def delete(self, rows: Sequence[PortraitRow], channel_id: int, message_id: int) -> None:
        """The message first: without the rows nobody could ask for it again. Raises Sorry, and what may pass."""
        try:
            await self._transport.delete(channel_id, message_id)
        except Refused as error:
            if is_transient(error):
                raise
            if error.code != UNKNOWN_MESSAGE:
                log.warning("Portrait %s could not be deleted: %s", message_id, error)
                raise Sorry("sorry.no_delete") from None
        await self._services.portraits.delete([row.id for row in rows])
