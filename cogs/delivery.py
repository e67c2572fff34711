"""Answers that are owed go out, once each.

A room added to the design: sending belongs to neither the commands (they end long before) nor to storage (it knows no
Discord). Knows: the outbox, nonces, which of Discord's errors pass and which stay. Does not know: who asked, how, or
what made the answer. Everything needed is in the outbox row, so a restart changes nothing.

One visible answer per row: it is sent with the row's own nonce, enforced by Discord for a few minutes. When that
window may be over, the channel's history is searched for the row's id (file names hold it) before sending again.
"""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter

import aiohttp
import discord
from discord.ext import commands

from cogs import House
from cogs.errors import DROPPED
from cogs.letters import Post, compose, ending
from cogs.progress import Board
from storage.outbox import Delivery

log = logging.getLogger(__name__)

REACTIONS = ("🔁", "🗑️")
NONCE_S = 120.0  # after this a nonce may be forgotten by Discord ("a few minutes")
LOOK_S = 2.0  # seconds between two looks at the outbox without a wake-up
SKEW = timedelta(minutes=1)  # our clock against Discord's
LONGEST_REST_S = 300.0
UNKNOWN_MESSAGE = 10008  # with a nonce: it was sent, and somebody deleted it since


class Postman(commands.Cog):
    """Sends what lies in the outbox."""

    def __init__(self, bot: commands.Bot, house: House, board: Board) -> None:
        self._bot = bot
        self._house = house
        self._board = board
        self._wake = asyncio.Event()
        self._round = asyncio.Lock()
        self._worker: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._worker = asyncio.create_task(self._work(), name="delivery")

    async def cog_unload(self) -> None:
        if self._worker:
            self._worker.cancel()

    @commands.Cog.listener()
    async def on_job_settled(self, _job_id: str) -> None:
        """From the line: an answer lies in the outbox."""
        self._wake.set()

    async def deliver(self) -> None:
        """One round: send everything that is due. Channels do not wait for each other, rows of a channel do."""
        async with self._round:
            due = sorted(await self._house.outbox.due(time.time()), key=attrgetter("channel_id"))
            streets = [list(rows) for _, rows in groupby(due, key=attrgetter("channel_id"))]
            await asyncio.gather(*map(self._walk, streets))

    async def _work(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            self._wake.clear()
            try:
                await self.deliver()
            except Exception:
                log.exception("The postman stumbled")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    async def _walk(self, street: list[Delivery]) -> None:
        for delivery in street:
            try:
                await self._hand_over(delivery)
            except Exception as error:
                if not passing(error):
                    log.exception("Delivery %s failed", delivery.id)
                rest = min(2.0**delivery.tries, LONGEST_REST_S)
                await self._house.outbox.retry(delivery.id, time.time() + rest)

    async def _hand_over(self, delivery: Delivery) -> None:
        """Raises what may pass; the row is then tried again later, with the same nonce."""
        job = await self._house.jobs.get(delivery.job_id)
        if job is None:  # the pet was forgotten since we looked, and the row with it
            return
        letter, post = delivery.letter, compose(delivery)
        if job.kind == "enroll":
            await self._board.finish(job, *ending(letter))
        homes = [delivery.channel_id]
        if job.channel_id != delivery.channel_id:
            homes.append(job.channel_id)  # where the thread was opened, if it is gone
        message = await self._found(delivery, homes, post) or await self._sent(delivery, homes, post)
        if job.kind == "paint":
            await self._board.finish(job, None)
        if message is None:
            return
        if not await self._house.outbox.sent(delivery.id, message.channel.id, message.id, letter.portraits):
            await message.delete()  # the pet was forgotten while this was on its way
        elif post.pictures:
            await self._react(message)

    async def _sent(self, delivery: Delivery, homes: list[int], post: Post) -> discord.Message | None:
        """None: it can never be delivered, and the row is closed."""
        await self._house.outbox.tried(delivery.id, time.time())
        reason = ""
        for fallback, channel_id in enumerate(homes):
            try:
                return await self._send(delivery, channel_id, post.moved() if fallback else post, fallback)
            except discord.HTTPException as error:
                if passing(error):
                    raise
                reason = f"{error.status} {error.code} {error.text}"
                log.warning("Delivery %s is refused in channel %s: %s", delivery.id, channel_id, reason)
                if error.code == UNKNOWN_MESSAGE:
                    break
        await self._house.outbox.closed(delivery.id, reason)
        return None

    async def _send(self, delivery: Delivery, channel_id: int, post: Post, fallback: int) -> discord.Message:
        channel = self._bot.get_partial_messageable(channel_id)
        nonce = f"f{delivery.nonce}" if fallback else delivery.nonce
        send = partial(channel.send, post.text, files=post.files(), nonce=nonce[:25], suppress_embeds=True)
        if post.reply_to is None or fallback:
            return await send()
        what = discord.MessageReference(message_id=post.reply_to, channel_id=channel_id, fail_if_not_exists=False)
        return await send(reference=what)

    async def _found(self, delivery: Delivery, homes: list[int], post: Post) -> discord.Message | None:
        """The message of an earlier try whose answer never reached us."""
        if delivery.first_tried is None or time.time() - delivery.first_tried < NONCE_S:
            return None
        since = datetime.fromtimestamp(delivery.first_tried, UTC) - SKEW
        for channel_id in homes:
            try:
                async for message in self._bot.get_partial_messageable(channel_id).history(limit=50):
                    if message.author == self._bot.user and message.created_at > since and post.is_in(message):
                        return message
            except discord.HTTPException as error:
                if passing(error):
                    raise
        return None

    async def _react(self, message: discord.Message) -> None:
        try:
            for emoji in REACTIONS:
                await message.add_reaction(emoji)
        except DROPPED as error:
            log.debug("No reactions under message %s: %s", message.id, error)


def passing(error: Exception) -> bool:
    """True for what goes away by itself: the network, a busy or broken server."""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, discord.RateLimited | aiohttp.ClientError | OSError)
