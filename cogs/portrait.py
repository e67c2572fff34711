"""/portrait, and what a reaction under a portrait does.

Knows: the command, the two reactions, who may delete. Does not know: prompts, seeds' meaning, painting.
A pet is painted in its own thread; if that is gone, where it was asked for.
Reactions come as raw events, or later from upkeep.py if nobody was there to hear them; everything about a portrait is
in its row, so they work on any portrait ever posted. Each reaction is answered once: it is noted before it is acted
upon, so a crash in between costs a click and not two paintings. Taken back and made again, it is a new one. Where the
network or Discord fails for a moment, the note goes again, so that upkeep.py finds the reaction unanswered.
"""

import logging
import secrets
from dataclasses import dataclass

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from cogs import House
from cogs.counter import REACTIONS, Counter, DiscordCounter, translated
from cogs.errors import DROPPED, Interaction, Sorry, sentence
from cogs.letters import style_name
from cogs.pets import MOST_CHOICES, choices, find_pet, known_pets
from cogs.postage import UNKNOWN_MESSAGE, Refused, passing
from cogs.progress import standings
from cogs.text import Name, duration, label, language, say, without_tokens
from gpu.styles import STYLES, find
from gpu.types import Wish
from storage.jobs import JobRow
from storage.pets import Pet
from storage.portraits import PortraitRow

log = logging.getLogger(__name__)

MOST_SEED = 2**32 - 1
NOTICE_S = 30.0  # a reaction has no private answer, so a short one is taken away again
REROLL, DELETE = (emoji.removesuffix("\ufe0f") for emoji in REACTIONS)  # clients send them with and without


def new_seeds(count: int, first: int | None = None) -> tuple[int, ...]:
    """`first` and those that follow it, or random ones."""
    if first is None:
        return tuple(secrets.randbits(32) for _ in range(count))
    return tuple((first + n) % (MOST_SEED + 1) for n in range(count))


@dataclass(frozen=True, slots=True)
class Reaction:
    """A person's reaction under a message of ours."""

    channel_id: int
    message_id: int
    user_id: int
    sign: str  # REROLL or DELETE


class PortraitCog(commands.Cog):
    """Orders portraits."""

    def __init__(self, bot: commands.Bot, house: House) -> None:
        self._bot = bot
        self._house = house
        self._counter: Counter = DiscordCounter(bot)

    @app_commands.command(name=label("command.portrait"), description=label("hint.portrait"))
    @app_commands.rename(**{name: label(f"option.{name}") for name in ("style", "pet", "wish", "count", "seed")})
    @app_commands.describe(**{name: label(f"about.{name}") for name in ("style", "pet", "wish", "count", "seed")})
    async def portrait(
        self,
        interaction: Interaction,
        style: app_commands.Range[str, 1, 100],
        pet: app_commands.Range[str, 1, 100] | None = None,
        wish: app_commands.Range[str, 1, 300] | None = None,
        count: app_commands.Range[int, 1, 4] = 1,
        seed: app_commands.Range[int, 0, MOST_SEED] | None = None,
    ) -> None:
        """Put a painting in line, and say where it will appear."""
        await interaction.response.defer(ephemeral=True)
        found = await find_pet(self._house, interaction, pet)
        if found.state != "ready":
            raise Sorry("sorry.learning", name=Name(found.name))
        known, typed = find(style), without_tokens(style)
        if not known and not typed:
            raise Sorry("sorry.style")
        channel_id, thread_id = await self._place(found, interaction)
        job = await self._house.jobs.accept_paint(
            pet=found,
            user_id=interaction.user.id,
            channel_id=channel_id,
            thread_id=thread_id,
            wish=Wish(style=known.key if known else typed, text=without_tokens(wish or "")),
            seeds=new_seeds(count, seed),
            locale=language(interaction.locale),
        )
        self._house.line.submitted(job.id)
        try:
            await interaction.edit_original_response(content=await self._promise(job))
        except DROPPED as error:  # it is in line all the same
            log.warning("The answer to job %s was dropped: %s", job.id, error)

    async def _place(self, pet: Pet, interaction: Interaction) -> tuple[int, int]:
        """Where to answer: in the pet's thread, or here if that is gone; and first of all in which channel above it."""
        assert interaction.guild and interaction.channel  # commands are for guilds only
        if pet.thread_id and pet.thread_id != pet.channel_id and await self._exists(interaction.guild, pet.thread_id):
            return pet.channel_id, pet.thread_id
        here = interaction.channel
        above = here.parent_id if isinstance(here, discord.Thread) else here.id
        return (pet.channel_id if interaction.guild.get_channel(pet.channel_id) else above), here.id

    async def _exists(self, guild: discord.Guild, thread_id: int) -> bool:
        """Discord is asked about threads that we do not see: they may be archived."""
        if guild.get_thread(thread_id):
            return True
        try:
            await self._bot.fetch_channel(thread_id)
        except discord.NotFound:
            await self._house.pets.thread_gone(thread_id)
            return False
        except DROPPED as error:  # it may be there: the answer will find out
            log.debug("Nobody knows about thread %s: %s", thread_id, error)
        return True

    @portrait.autocomplete("style")
    async def styles(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """The catalogue, in this person's language."""
        tongue = language(interaction.locale)
        names = {key: style_name(tongue, key) for key in STYLES}
        fitting = {key: name for key, name in names.items() if typed.casefold() in f"{name} {key}".casefold()}
        return [app_commands.Choice(name=name, value=key) for key, name in fitting.items()][:MOST_CHOICES]

    @portrait.autocomplete("pet")
    async def ready_pets(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Dogs that can be painted, one's own first."""
        known = await known_pets(self._house, interaction)
        return choices((pet for pet in known if pet.state == "ready"), typed)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Somebody reacted to something; most of the time it is none of our business."""
        sign = (payload.emoji.name or "").removesuffix("\ufe0f")
        if sign not in (REROLL, DELETE) or payload.member is None or payload.member.bot:
            return
        rows = await self._house.portraits.by_message(payload.message_id)
        reaction = Reaction(payload.channel_id, payload.message_id, payload.user_id, sign)
        try:
            await self.answer(reaction, rows)
        except (Refused, aiohttp.ClientError, OSError) as error:
            log.warning("%s is not answered yet: %s", reaction, error)
            job = await self._house.jobs.get(rows[0].job_id)
            await self._notice(reaction, say(job.locale if job else "en", "sorry.no_delete"))

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        """Taken back: another one will be a new one."""
        sign = (payload.emoji.name or "").removesuffix("\ufe0f")
        if sign in (REROLL, DELETE) and (rows := await self._house.portraits.by_message(payload.message_id)):
            await self._house.portraits.took_back(rows[0].id, payload.user_id, sign)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        """A moderator took all of them away."""
        await self._cleared(payload.message_id, (REROLL, DELETE))

    @commands.Cog.listener()
    async def on_raw_reaction_clear_emoji(self, payload: discord.RawReactionClearEmojiEvent) -> None:
        """A moderator took all of one kind away."""
        await self._cleared(payload.message_id, ((payload.emoji.name or "").removesuffix("\ufe0f"),))

    async def _cleared(self, message_id: int, signs: tuple[str, ...]) -> None:
        if rows := await self._house.portraits.by_message(message_id):
            for sign in signs:
                for user_id in await self._house.portraits.reactors(rows[0].id, sign):
                    await self._house.portraits.took_back(rows[0].id, user_id, sign)

    async def answer(self, reaction: Reaction, rows: list[PortraitRow]) -> None:
        """Do what a person's reaction under these portraits asks for, unless that was done already.

        Raises what may pass: then it is not noted any more. Only deletions do; doing one twice is doing it once.
        """
        job = await self._house.jobs.get(rows[0].job_id) if rows else None
        if job is None or not await self._house.portraits.reacted(rows[0].id, reaction.user_id, reaction.sign):
            return
        try:
            await (self._reroll(reaction, rows, job) if reaction.sign == REROLL else self._delete(reaction, rows))
        except Exception as error:
            if passing(error):
                await self._house.portraits.took_back(rows[0].id, reaction.user_id, reaction.sign)
                raise
            await self._notice(reaction, sentence(job.locale, error))

    async def _reroll(self, reaction: Reaction, rows: list[PortraitRow], job: JobRow) -> None:
        """New seeds, the same prompt. Raises Sorry."""
        pet = await self._house.pets.get(rows[0].pet_id)
        if pet is None:
            raise Sorry("forget.gone")
        again = await self._house.jobs.accept_paint(
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
        self._house.line.submitted(again.id)

    async def _delete(self, reaction: Reaction, rows: list[PortraitRow]) -> None:
        """The message first: with the rows gone nobody could ask for it again. Raises Sorry, and what may pass."""
        pet = await self._house.pets.get(rows[0].pet_id)
        owners = {rows[0].requester_id, pet.owner_id if pet else None}
        try:
            if reaction.user_id not in owners and not (pet and await self._moderates(reaction, pet.guild_id)):
                raise Sorry("sorry.not_your_portrait", user=f"<@{reaction.user_id}>")
            await self._counter.delete(reaction.channel_id, reaction.message_id)
        except Refused as error:
            if passing(error):
                raise
            if error.code != UNKNOWN_MESSAGE:
                log.warning("Portrait %s could not be deleted: %s", reaction.message_id, error)
                raise Sorry("sorry.no_delete") from None
        await self._house.portraits.delete([row.id for row in rows])

    async def _moderates(self, reaction: Reaction, guild_id: int) -> bool:
        """With the channel's own rules where the channel is known; an archived thread may not be."""
        guild = self._bot.get_guild(guild_id)
        if guild is None:
            return False
        with translated():
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

    async def _promise(self, job: JobRow) -> str:
        mine = [one for one in await standings(self._house) if one.job.id == job.id]
        place, seconds = (mine[0].place, mine[0].left) if mine else (0, None)
        left = say(job.locale, "portrait.left", time=duration(job.locale, seconds)) if seconds is not None else ""
        thread = f"<#{job.thread_id or job.channel_id}>"
        if place == 0:
            return say(job.locale, "portrait.running", left=left, thread=thread)
        return say(job.locale, "portrait.accepted", place=place, left=left, thread=thread)
