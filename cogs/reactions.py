"""What a reaction under a portrait does: 🔁 paints it again, 🗑️ takes it down.

Knows: the two reactions, and who may delete. Does not know: how it is painted, what happened while we were away, the
buttons beside them (buttons.py).
Reactions come as raw events, or later from catch_up.py if the bot was away. Everything about a portrait is in its row,
so they work on any portrait ever posted. Each reaction is answered once: it is noted before it is acted upon, so a
crash in between costs a click and not two paintings. Taken back and made again, it is a new one. Where the network or
Discord fails for a moment, the note is removed again, so that catch_up.py finds the reaction unanswered.

What cannot be done is told to whoever pressed (notices.py). Under a post of ours without a portrait nothing can: it is
a sheet, a progress message or a forgotten dog's. Which of them would take a request to know, so what is said is true of
all; the event itself says whose message it is.
"""

import logging
from dataclasses import dataclass

import aiohttp
import discord
from discord.ext import commands

from cogs.api.refusals import Refused, is_transient
from cogs.api.transport import REACTIONS, raising_refused
from cogs.shared.errors import Sorry, sentence
from cogs.shared.notices import Notices
from cogs.shared.portraits import Asker, PostedPortraits
from cogs.shared.rerolls import reroll
from cogs.shared.services import Services
from cogs.shared.text import language, say
from storage.jobs import JobRow
from storage.portraits import PortraitRow

log = logging.getLogger(__name__)

NO_PORTRAIT_S = 3600.0  # for so long nobody is told twice that a post of ours has no portrait
REROLL, DELETE = (emoji.removesuffix("\ufe0f") for emoji in REACTIONS)  # clients send it or leave it out


@dataclass(frozen=True, slots=True)
class Reaction:
    """A person's reaction under a message of ours."""

    channel_id: int
    message_id: int
    user_id: int
    sign: str  # REROLL or DELETE


class ReactionsCog(commands.Cog):
    """Does what reactions ask for."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._posted = PostedPortraits(bot, services)
        self._notices = Notices(bot)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Somebody reacted to a message; most of the time it is not one of ours."""
        sign = (payload.emoji.name or "").removesuffix("\ufe0f")
        if sign not in (REROLL, DELETE) or payload.member is None or payload.member.bot:
            return
        rows = await self._services.portraits.by_message(payload.message_id)
        reaction = Reaction(payload.channel_id, payload.message_id, payload.user_id, sign)
        if not rows:
            await self._disown(reaction, payload.member.guild, payload.message_author_id)
            return
        try:
            await self.answer(reaction, rows)
        except (Refused, aiohttp.ClientError, OSError) as error:
            log.warning("%s is not answered yet: %s", reaction, error)
            if job := await self._services.jobs.get(rows[0].job_id):
                await self._notify(reaction, job, Sorry("sorry.no_delete"))

    async def _disown(self, reaction: Reaction, guild: discord.Guild, author_id: int | None) -> None:
        if self._bot.user and author_id == self._bot.user.id:
            text = say(language(guild.preferred_locale), "sorry.no_portrait")
            about = self._message(reaction, guild.id)
            await self._notices.tell(reaction.user_id, about, "no portrait", text, quiet_s=NO_PORTRAIT_S)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        """A reaction was taken back: made again, it will be a new one."""
        sign = (payload.emoji.name or "").removesuffix("\ufe0f")
        if sign in (REROLL, DELETE) and (rows := await self._services.portraits.by_message(payload.message_id)):
            await self._services.portraits.forget_reaction(rows[0].id, payload.user_id, sign)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        """A moderator removed all reactions."""
        await self._cleared(payload.message_id, (REROLL, DELETE))

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, payload: discord.RawReactionClearEmojiEvent) -> None:
        """A moderator removed all reactions of one kind."""
        await self._cleared(payload.message_id, ((payload.emoji.name or "").removesuffix("\ufe0f"),))

    async def _cleared(self, message_id: int, signs: tuple[str, ...]) -> None:
        if rows := await self._services.portraits.by_message(message_id):
            for sign in signs:
                for user_id in await self._services.portraits.reactors(rows[0].id, sign):
                    await self._services.portraits.forget_reaction(rows[0].id, user_id, sign)

    async def answer(self, reaction: Reaction, rows: list[PortraitRow]) -> None:
        """Do what a person's reaction under these portraits asks for, unless that was done already.

        Raises what may pass, and then the note is removed. Only deletions do, and deleting twice does no harm.
        """
        job = await self._services.jobs.get(rows[0].job_id) if rows else None
        if job is None or not await self._services.portraits.note_reaction(rows[0].id, reaction.user_id, reaction.sign):
            return
        try:
            await (self._reroll if reaction.sign == REROLL else self._delete)(reaction, rows, job)
        except Exception as error:
            if is_transient(error):
                await self._services.portraits.forget_reaction(rows[0].id, reaction.user_id, reaction.sign)
                raise
            await self._notify(reaction, job, error)

    async def _reroll(self, reaction: Reaction, rows: list[PortraitRow], job: JobRow) -> None:
        """New seeds, the same prompt. Raises Sorry."""
        asker = Asker(
            user_id=reaction.user_id,
            channel_id=reaction.channel_id,
            message_id=reaction.message_id,
            locale=job.locale,
        )
        await self._posted.paint(rows, reroll(rows, "again"), asker)

    async def _delete(self, reaction: Reaction, rows: list[PortraitRow], job: JobRow) -> None:
        """Raises Sorry, and what may pass."""
        by_right = await self._posted.belongs_to(reaction.user_id, rows)
        try:
            may = by_right or await self._moderates(reaction, job.guild_id)
        except Refused as error:
            if is_transient(error):
                raise
            raise Sorry("sorry.no_delete") from error
        if not may:
            raise Sorry("sorry.not_your_portrait", user=f"<@{reaction.user_id}>")
        await self._posted.delete(rows, reaction.channel_id, reaction.message_id)

    async def _moderates(self, reaction: Reaction, guild_id: int) -> bool:
        """May this person delete messages there? By the channel's own rules, unless it is an unknown thread."""
        guild = self._bot.get_guild(guild_id)
        if guild is None:
            return False
        with raising_refused():
            try:
                member = await guild.fetch_member(reaction.user_id)
            except discord.NotFound:  # has left
                return False
        channel = guild.get_channel_or_thread(reaction.channel_id)
        permissions = channel.permissions_for(member) if channel else member.guild_permissions
        return permissions.manage_messages

    async def _notify(self, reaction: Reaction, job: JobRow, error: Exception) -> None:
        """Errors with one text are of one kind, whatever values the sentence holds."""
        text = sentence(job.locale, error)
        await self._notices.tell(reaction.user_id, self._message(reaction, job.guild_id), str(error), text)

    def _message(self, reaction: Reaction, guild_id: int) -> discord.PartialMessage:
        channel = self._bot.get_partial_messageable(reaction.channel_id, guild_id=guild_id)
        return channel.get_partial_message(reaction.message_id)
