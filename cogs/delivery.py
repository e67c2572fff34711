"""Answers that are owed go out, once each.

A room added to the design: sending belongs to neither the commands (they end long before) nor to storage (it knows no
Discord). Knows: the outbox, and how an answer is sent and looked for. Does not know: who asked, what made the answer,
or what a refusal means (postage.py decides). Everything needed is in the outbox row, so a restart changes nothing.

One visible answer per row. It is sent under the row's nonce, enforced by Discord for a few minutes. A row that was
tried before is first looked for in the channel's history by the delivery's id (file names hold it, or the last line).
A place that refuses it for good is left for the next one (Home), and never entered again.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter

import aiohttp
import discord
from discord.ext import commands

from cogs import House
from cogs.budget import Resting
from cogs.errors import DROPPED
from cogs.letters import Post, compose, ending
from cogs.postage import (
    LONGEST_REST_S,
    OUT_OF_SIGHT,
    UNKNOWN_CHANNEL,
    Verdict,
    judge,
    next_home,
    nonce,
    rest,
    to_be_sought,
)
from cogs.progress import Board
from storage.jobs import JobRow
from storage.outbox import Delivery, Home

log = logging.getLogger(__name__)

REACTIONS = ("🔁", "🗑️")
LOOK_S = 2.0  # seconds between two looks at the outbox without a wake-up
PATIENCE_S = 60.0  # for looking and sending together: Discord remembers a nonce for longer ("a few minutes")
SKEW = timedelta(days=1)  # our clock against Discord's; with a worse one nothing here would work
LONGEST_SEARCH = 2000  # messages, the newest first; many times what is said in a dog's thread


class Postman(commands.Cog):
    """Sends what lies in the outbox. The clock counts Unix seconds."""

    def __init__(self, bot: commands.Bot, house: House, board: Board, clock: Callable[[], float] = time.time) -> None:
        self._bot = bot
        self._house = house
        self._board = board
        self._clock = clock
        self._wake = asyncio.Event()
        self._setting_out = asyncio.Lock()
        self._walks: dict[int, asyncio.Task[None]] = {}  # by channel: who is on the way there
        self._worker: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._worker = asyncio.create_task(self._work(), name="delivery")

    async def cog_unload(self) -> None:
        for task in filter(None, [self._worker, *self._walks.values()]):
            task.cancel()

    @commands.Cog.listener()
    async def on_job_settled(self, _job_id: str) -> None:
        """From the line: an answer lies in the outbox."""
        self._wake.set()

    async def deliver(self) -> None:
        """Send everything that is due; returns when each of them was tried once."""
        await self._set_out()
        await asyncio.gather(*self._walks.values())

    async def _work(self) -> None:
        await self._bot.wait_until_ready()
        while True:
            self._wake.clear()
            try:
                await self._set_out()
            except Exception:
                log.exception("The postman stumbled")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    async def _set_out(self) -> None:
        """Channels do not wait for each other, rows of a channel do."""
        async with self._setting_out:
            busy = set(self._walks)  # before the look: what it finds for these may be delivered by the time it is back
            due = sorted(await self._house.outbox.due(self._clock()), key=attrgetter("channel_id"))
            for channel_id, rows in groupby(due, key=attrgetter("channel_id")):
                if channel_id not in busy:
                    self._walks[channel_id] = walk = asyncio.create_task(self._walk(list(rows)), name="street")
                    walk.add_done_callback(lambda _, at=channel_id: self._walks.pop(at))

    async def _walk(self, street: list[Delivery]) -> None:
        for delivery in street:
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
        if self._bot.get_guild(job.guild_id) is None:  # we were sent away: asked back, we go on; else upkeep.py forgets
            await self._house.outbox.retry(delivery.id, self._clock() + LONGEST_REST_S)
            return
        if job.kind == "enroll" and delivery.tries == 0:
            await self._board.finish(job, *ending(delivery.letter))
        post = compose(delivery)
        try:
            async with asyncio.timeout(PATIENCE_S):
                message = await self._found_or_sent(delivery, post)
        except discord.HTTPException as error:
            await self._refused(delivery, job, error)
            return
        if job.kind == "paint":
            await self._board.finish(job, None)
        await self._delivered(delivery, post, message)

    async def _found_or_sent(self, delivery: Delivery, post: Post) -> discord.Message:
        if to_be_sought(delivery) and (message := await self._found(delivery, post)):
            return message
        await self._house.outbox.tried(delivery.id, self._clock())
        try:
            return await self._send(delivery, post)
        except discord.HTTPException as error:
            # discord.py tries several times by itself: one may have come through just before the door was shut
            leaving = judge(error.status, error.code) is Verdict.ELSEWHERE and error.code not in OUT_OF_SIGHT
            if not leaving or not (message := await self._found(delivery, post)):
                raise
            return message

    async def _found(self, delivery: Delivery, post: Post) -> discord.Message | None:
        """The message of an earlier try whose answer never reached us; None also where we may send but not look."""
        since = datetime.fromtimestamp(delivery.first_tried or self._clock(), UTC) - SKEW
        history = self._bot.get_partial_messageable(delivery.channel_id).history
        try:
            async for message in history(limit=LONGEST_SEARCH, after=since, oldest_first=False):
                if message.author == self._bot.user and post.is_in(message):
                    return message
        except discord.HTTPException as error:
            if passing(error) or error.code in OUT_OF_SIGHT:  # sending would end the same
                raise
        return None

    async def _send(self, delivery: Delivery, post: Post) -> discord.Message:
        channel = self._bot.get_partial_messageable(delivery.channel_id)
        send = partial(channel.send, post.text, nonce=nonce(delivery), suppress_embeds=True)
        if post.reply_to is not None:
            to = discord.MessageReference(message_id=post.reply_to, channel_id=channel.id, fail_if_not_exists=False)
            send = partial(send, reference=to)
        try:
            return await send(files=post.files())
        except discord.HTTPException as error:
            if judge(error.status, error.code) is not Verdict.SMALLER or not post.pictures:
                raise
        return await send(files=await asyncio.to_thread(post.smaller_files))

    async def _refused(self, delivery: Delivery, job: JobRow, error: discord.HTTPException) -> None:
        """On to the next place, or to the end. Raises what may pass."""
        if passing(error):
            raise error
        reason = f"{error.status} {error.code} {error.text}"
        log.warning("Delivery %s is refused in channel %s: %s", delivery.id, delivery.channel_id, reason)
        if error.code == UNKNOWN_CHANNEL:
            await self._house.pets.thread_gone(delivery.channel_id)
        over = judge(error.status, error.code) is Verdict.OVER
        home = None if over else next_home(delivery, job.channel_id)
        channel_id = await self._address(home, job) if home else None
        if home and channel_id:
            await self._house.outbox.moved(delivery.id, home, channel_id, self._clock())
            self._wake.set()
        else:
            await self._house.outbox.closed(delivery.id, reason)

    async def _address(self, home: Home, job: JobRow) -> int | None:
        """None: this person has no door. Raises what may pass."""
        if home is Home.ABOVE:
            return job.channel_id
        try:
            return (await self._bot.create_dm(discord.Object(job.user_id))).id
        except discord.HTTPException as error:
            if passing(error):
                raise
            return None

    async def _delivered(self, delivery: Delivery, post: Post, message: discord.Message) -> None:
        """Reactions are only heard in the server, so in direct messages nothing hangs on the portraits."""
        direct = delivery.home is Home.DIRECT
        portraits = () if direct else delivery.letter.portraits
        if not await self._house.outbox.sent(delivery.id, message.channel.id, message.id, portraits):
            await message.delete()  # the pet was forgotten while this was on its way
        elif post.pictures and not direct:
            await invite(message)


async def invite(message: discord.Message | discord.PartialMessage) -> None:
    """Put the reactions there that people may press."""
    try:
        for emoji in REACTIONS:
            await message.add_reaction(emoji)
    except DROPPED as error:
        log.debug("No reactions under message %s: %s", message.id, error)


def passing(error: Exception) -> bool:
    """True for what goes away by itself: the network, a busy or broken server."""
    if isinstance(error, discord.HTTPException):
        return judge(error.status, error.code) is Verdict.AGAIN
    return isinstance(error, discord.RateLimited | aiohttp.ClientError | OSError)


def patience(error: Exception, tries: int) -> float:
    """Seconds to wait after this error and so many tries; longer, if the error says so."""
    told = error.retry_after if isinstance(error, Resting | discord.RateLimited) else 0.0
    return max(rest(tries), told)
