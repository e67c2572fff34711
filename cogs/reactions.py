"""What a reaction under a portrait does: 🔁 paints it again, 🗑️ takes it down.

Knows: the two reactions, and who may delete. Does not know: how it is painted, what happened while we were away.
Reactions come as raw events, or later from catch_up.py if the bot was away. Everything about a portrait is in its row,
so they work on any portrait ever posted. Each reaction is answered once: it is noted before it is acted upon, so a
crash in between costs a click and not two paintings. Taken back and made again, it is a new one. Where the network or
Discord fails for a moment, the note is removed again, so that catch_up.py finds the reaction unanswered.
"""

import logging
from dataclasses import dataclass

import aiohttp
import discord
from discord.ext import commands

from cogs.api.refusals import UNKNOWN_MESSAGE, Refused, is_transient
from cogs.api.transport import REACTIONS, DiscordTransport, Transport, raising_refused
from cogs.portrait import new_seeds
from cogs.shared.errors import DROPPED, Sorry, sentence
from cogs.shared.services import Services
from cogs.shared.text import ENGLISH, say
from storage.jobs import JobRow
from storage.portraits import PortraitRow

log = logging.getLogger(__name__)

NOTICE_S = 30.0  # a reaction has no private answer, so a public one is deleted after so long
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
        self._transport: Transport = DiscordTransport(bot)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Somebody reacted to a message; most of the time it is not one of ours."""
        sign = (payload.emoji.name or "").removesuffix("\ufe0f")
        if sign not in (REROLL, DELETE) or payload.member is None or payload.member.bot:
            return
        rows = await self._services.portraits.by_message(payload.message_id)
        reaction = Reaction(payload.channel_id, payload.message_id, payload.user_id, sign)
        try:
            await self.answer(reaction, rows)
        except (Refused, aiohttp.ClientError, OSError) as error:
            log.warning("%s is not answered yet: %s", reaction, error)
            job = await self._services.jobs.get(rows[0].job_id)
            await self._notice(reaction, say(job.locale if job else ENGLISH, "sorry.no_delete"))

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
            await (self._reroll(reaction, rows, job) if reaction.sign == REROLL else self._delete(reaction, rows))
        except Exception as error:
            if is_transient(error):
                await self._services.portraits.forget_reaction(rows[0].id, reaction.user_id, reaction.sign)
                raise
            await self._notice(reaction, sentence(job.locale, error))

    async def _reroll(self, reaction: Reaction, rows: list[PortraitRow], job: JobRow) -> None:
        """New seeds, the same prompt. Raises Sorry."""
        pet = await self._services.pets.get(rows[0].pet_id)
        if pet is None:
            raise Sorry("forget.gone")
        again = await self._services.jobs.accept_paint(
            pet=pet,
            user_id=reaction.user_id,
            channel_id=pet.channel_id,
            thread_id=reaction.channel_id,
            wish=rows[0].wish,
            seeds=new_seeds(len(rows)),
            prompt=rows[0].portrait.prompt,
            locale=job.locale,
            reply_to=reaction.message_id,
        )
        self._services.line.submit(again.id)

    async def _delete(self, reaction: Reaction, rows: list[PortraitRow]) -> None:
        """The message first: without the rows nobody could ask for it again. Raises Sorry, and what may pass."""
        pet = await self._services.pets.get(rows[0].pet_id)
        owners = {rows[0].requester_id, pet.owner_id if pet else None}
        try:
            if reaction.user_id not in owners and not (pet and await self._moderates(reaction, pet.guild_id)):
                raise Sorry("sorry.not_your_portrait", user=f"<@{reaction.user_id}>")
            await self._transport.delete(reaction.channel_id, reaction.message_id)
        except Refused as error:
            if is_transient(error):
                raise
            if error.code != UNKNOWN_MESSAGE:
                log.warning("Portrait %s could not be deleted: %s", reaction.message_id, error)
                raise Sorry("sorry.no_delete") from None
        await self._services.portraits.delete([row.id for row in rows])

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

    async def _notice(self, reaction: Reaction, text: str) -> None:
        try:
            await self._bot.get_partial_messageable(reaction.channel_id).send(text, delete_after=NOTICE_S)
        except DROPPED as error:
            log.warning("Could not tell %r: %s", text, error)
