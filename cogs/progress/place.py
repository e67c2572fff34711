"""The progress message of one thread or channel: sent, edited, replaced by a new one, deleted.

Knows: how often it may be edited, and what a refusal means for it. Does not know: which jobs there are
(messages.py), or what it says (render.py).

An edit that fails is dropped, and the next one says more. A place that refuses us is left alone for an hour, and so are
the jobs of a message in an archived thread; those of a message that somebody deleted are never shown again. A message
that is an hour old is replaced by a new one, as Discord allows few edits of such (its error 30046).
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path

import discord
from discord.ext import commands

from cogs.api.refusals import (
    ARCHIVED,
    TOO_MANY_OLD_EDITS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    Verdict,
    backoff_s,
    classify,
)
from cogs.shared.errors import DROPPED, note_dropped
from storage.jobs import JobRow, Jobs

EVERY_S = 5.0  # least time between two edits of one message
EDIT_S = 30.0  # a job's answer waits for the last edit
SHUT_S = 3600.0  # a place that refuses us for good may be opened again by a person, now and then
OLD_S = 3500.0  # Discord's hour, and a little before it
GONE = (UNKNOWN_CHANNEL, UNKNOWN_MESSAGE)
LONG_S = 300.0  # a message that may not be edited for longer is replaced


class Place:
    """A thread or channel where jobs are shown. The clock counts Unix seconds; all other times are monotonic."""

    def __init__(
        self,
        bot: commands.Bot,
        jobs: Jobs,
        home: int,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = asyncio.Lock()  # no late edit overwrites an ending
        self._bot = bot
        self._jobs = jobs
        self._home = home
        self._clock = clock
        self._monotonic = monotonic
        self._shown: tuple[str, Path | None] = "", None
        self._edited = self._replaced = self._shut_until = -inf
        self._sent: tuple[int, float] | None = None  # the message, and when it was sent
        self._failures = 0  # in a row

    @property
    def rests(self) -> bool:
        """Is nothing to be written there now?"""
        now = self._monotonic()
        return now < self._shut_until or now - self._edited < EVERY_S

    @property
    def is_shut(self) -> bool:
        """Did it refuse us lately?"""
        return self._monotonic() < self._shut_until

    async def show(self, jobs: list[JobRow], text: str, picture: Path | None) -> float:
        """Show these jobs by this text, and a picture; until when (monotonic) they are not to be shown again."""
        noted = {job.progress_message_id for job in jobs}
        if (text, picture) == self._shown and len(noted) == 1 and None not in noted:
            return -inf
        redrawn = picture != self._shown[1]
        self._shown, self._edited = (text, picture), self._monotonic()
        try:
            async with asyncio.timeout(EDIT_S):
                await self._write(jobs, redrawn)
        except (*DROPPED, RuntimeError) as error:
            note_dropped(self._bot, error, f"The progress message in {self._home}")
            return self._leave_alone(error)
        self._failures = 0
        return -inf

    async def delete(self, guild_id: int, message_id: int) -> None:
        """Delete a progress message that shows nothing any more. Where that fails it stays noted, for another try."""
        try:
            async with asyncio.timeout(EDIT_S):
                await self._message(guild_id, message_id).delete()
        except (*DROPPED, RuntimeError) as error:
            if not (isinstance(error, discord.NotFound) and error.code in GONE):
                note_dropped(self._bot, error, f"The end of the progress message {message_id}")
                return
        await self._jobs.clear_progress_message(message_id)

    async def _write(self, jobs: list[JobRow], redrawn: bool) -> None:
        """Jobs that older messages show come into the newest one."""
        guild_id = jobs[0].guild_id
        noted = sorted({job.progress_message_id for job in jobs if job.progress_message_id})
        message_id = noted[-1] if noted and not self._is_old(noted[-1]) else None
        if message_id and not await self._edit(self._message(guild_id, message_id), jobs, redrawn):
            message_id = None
        if message_id is None:
            message_id = await self._send(jobs, replaced=noted)
        replaced = [old for old in noted if old != message_id]
        if any(job.progress_message_id != message_id for job in jobs):
            posts = [(self._home, old) for old in replaced]
            await self._jobs.set_progress_message([job.id for job in jobs], message_id, posts)
        for old in replaced:
            await self.delete(guild_id, old)

    async def _edit(self, message: discord.PartialMessage, jobs: list[JobRow], redrawn: bool) -> bool:
        """False: Discord takes no more edits of this message for a long time, so it is replaced, once an hour."""
        try:
            if redrawn:
                await message.edit(content=self._shown[0], attachments=self._files(jobs))
            else:
                await message.edit(content=self._shown[0])
        except (discord.HTTPException, discord.RateLimited) as error:
            rest = error.retry_after if isinstance(error, discord.RateLimited) else 0.0
            refused = rest > LONG_S or (isinstance(error, discord.HTTPException) and error.code == TOO_MANY_OLD_EDITS)
            if not refused or self._monotonic() - self._replaced < OLD_S:
                raise
            return False
        return True

    async def _send(self, jobs: list[JobRow], *, replaced: list[int]) -> int:
        """A new message; with the same nonce only for the same jobs in place of the same message.

        A job that was looked at waits anew to be learnt: its old message is gone, and so nothing goes by that nonce.
        """
        shown = sorted((job.id, job.created) for job in jobs)
        nonce = hashlib.sha256(repr((replaced, shown)).encode()).hexdigest()[:24]
        channel = self._bot.get_partial_messageable(self._home, guild_id=jobs[0].guild_id)
        message = await channel.send(self._shown[0], files=self._files(jobs), nonce=f"p{nonce}", silent=True)
        self._sent = message.id, self._monotonic()
        if replaced:
            self._replaced = self._monotonic()
        if not any([await self._jobs.get(job.id) for job in jobs]):  # the pet was forgotten meanwhile
            await self.delete(jobs[0].guild_id, message.id)
        return message.id

    def _files(self, jobs: Sequence[JobRow]) -> list[discord.File]:
        """The picture of the dog that is being learnt, opened anew for each try."""
        picture = self._shown[1]
        return [discord.File(picture, filename=f"{jobs[0].id}-{picture.name}")] if picture else []

    def _message(self, guild_id: int, message_id: int) -> discord.PartialMessage:
        return self._bot.get_partial_messageable(self._home, guild_id=guild_id).get_partial_message(message_id)

    def _is_old(self, message_id: int) -> bool:
        """Is it to be replaced? The age of a message of an earlier process is told by Discord's clock and ours."""
        if self._sent is None or self._sent[0] != message_id:
            age = max(self._clock() - discord.utils.snowflake_time(message_id).timestamp(), 0.0)
            self._sent = message_id, self._monotonic() - age
        return self._monotonic() - self._sent[1] >= OLD_S

    def _leave_alone(self, error: Exception) -> float:
        """Do not ask again where the answer will be the same, and what may pass less and less often."""
        now = self._monotonic()
        self._shown, self._failures = ("", None), self._failures + 1
        self._shut_until = now + backoff_s(self._failures)
        if isinstance(error, discord.RateLimited):
            self._shut_until = now + error.retry_after
        if not isinstance(error, discord.HTTPException):
            return -inf
        verdict = classify(error.status, error.code)
        if error.code == ARCHIVED:  # not the place: whatever is sent there opens it again
            return now + SHUT_S
        if verdict is Verdict.NOT_HERE or error.code == TOO_MANY_OLD_EDITS:
            self._shut_until = now + SHUT_S
        return inf if verdict is Verdict.DELETED else -inf
