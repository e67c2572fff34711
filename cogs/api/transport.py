"""The few requests that an answer needs: send it, find it, delete it.

A seam, so that cogs/delivery can be tested in simulated time: the simulation has a transport of its own, and one
contract suite runs against both. Knows: discord.py. Does not know: what is owed to whom, or what follows from a refusal
(refusals.py).
"""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import discord
from discord.ext import commands

from cogs.api.budget import Resting
from cogs.api.message import OutgoingMessage, is_marked
from cogs.api.refusals import ARCHIVED, Refused, Verdict, classify
from cogs.shared.errors import DROPPED

log = logging.getLogger(__name__)

REACTIONS = ("🔁", "🗑️")
SKEW = timedelta(days=1)  # the most our clock may differ from Discord's
LONGEST_SEARCH = 2000  # messages, the newest first; many times what is said in a dog's thread
NO_REPLY, INVALID_FORM = 160002, 50035  # a reply takes Read Message History, which a plain message does not


class Transport(Protocol):
    """Each request raises Refused; or aiohttp.ClientError or OSError, and then nobody knows whether it was done."""

    def serves(self, guild_id: int) -> bool:
        """Are we in this guild?"""
        ...

    async def send(self, channel_id: int, message: OutgoingMessage, nonce: str) -> int:
        """The id of the new message, or of the one that was sent under this nonce in the past few minutes.

        What may be sent but not as a reply is sent without.
        """
        ...

    async def find(self, channel_id: int, mark: str, since: float) -> int | None:
        """The id of our message with this mark, if there is one not older than `since` (Unix seconds, by our clock)."""
        ...

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Delete a message of ours, even in an archived thread."""
        ...

    async def open_dm(self, user_id: int) -> int:
        """The id of the channel of direct messages with a person."""
        ...

    async def add_reactions(self, channel_id: int, message_id: int) -> None:
        """Put the reactions there that people may press. What Discord or the network does to them raises nothing."""
        ...


class DiscordTransport:
    """Discord itself, through discord.py."""

    def __init__(self, bot: commands.Bot) -> None:
        self._bot = bot

    def serves(self, guild_id: int) -> bool:
        return self._bot.get_guild(guild_id) is not None

    async def send(self, channel_id: int, message: OutgoingMessage, nonce: str) -> int:
        with raising_refused():
            try:
                return await self._send(channel_id, message, nonce)
            except discord.HTTPException as error:
                if message.reply_to is None or not _refuses_the_reply(error):
                    raise
            return await self._send(channel_id, replace(message, reply_to=None), nonce)

    async def _send(self, channel_id: int, message: OutgoingMessage, nonce: str) -> int:
        channel = self._bot.get_partial_messageable(channel_id)
        send = partial(
            channel.send, message.text, nonce=nonce, suppress_embeds=True, allowed_mentions=message.mentions()
        )
        if view := message.view():
            send = partial(send, view=view)
        if message.reply_to is not None:
            to = discord.MessageReference(message_id=message.reply_to, channel_id=channel.id, fail_if_not_exists=False)
            send = partial(send, reference=to)
        try:
            return (await send(files=message.files())).id
        except discord.HTTPException as error:
            if classify(error.status, error.code) is not Verdict.TOO_LARGE or not message.pictures:
                raise
        return (await send(files=await asyncio.to_thread(message.smaller_files))).id

    async def find(self, channel_id: int, mark: str, since: float) -> int | None:
        after = datetime.fromtimestamp(since, UTC) - SKEW
        history = self._bot.get_partial_messageable(channel_id).history
        with raising_refused():
            async for message in history(limit=LONGEST_SEARCH, after=after, oldest_first=False):
                if message.author == self._bot.user and is_marked(message, mark):
                    return message.id
        return None

    async def delete(self, channel_id: int, message_id: int) -> None:
        message = self._bot.get_partial_messageable(channel_id).get_partial_message(message_id)
        with raising_refused():
            try:
                await message.delete()
            except discord.HTTPException as error:
                if error.code != ARCHIVED:
                    raise
                await self._reopen(channel_id)
                await message.delete()

    async def _reopen(self, thread_id: int) -> None:
        thread = await self._bot.fetch_channel(thread_id)
        assert isinstance(thread, discord.Thread)  # nothing else can be archived
        await thread.edit(archived=False)

    async def open_dm(self, user_id: int) -> int:
        with raising_refused():
            return (await self._bot.create_dm(discord.Object(user_id))).id

    async def add_reactions(self, channel_id: int, message_id: int) -> None:
        await add_reactions(self._bot.get_partial_messageable(channel_id).get_partial_message(message_id))


async def add_reactions(message: discord.Message | discord.PartialMessage) -> None:
    """Put the reactions there that people may press."""
    try:
        for emoji in REACTIONS:
            await message.add_reaction(emoji)
    except DROPPED as error:
        log.debug("No reactions under message %s: %s", message.id, error)


def _refuses_the_reply(error: discord.HTTPException) -> bool:
    """Nothing was sent then, so the nonce is still free."""
    return error.code == NO_REPLY or (error.code == INVALID_FORM and "message_reference" in error.text)


@contextmanager
def raising_refused() -> Generator[None]:
    """While inside, discord.py's errors are raised as this seam's: Refused, or Resting where it would wait too long."""
    try:
        yield
    except discord.RateLimited as error:
        raise Resting(error.retry_after) from error
    except discord.HTTPException as error:
        raise Refused(error.status, error.code, error.text) from error
