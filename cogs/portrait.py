"""/portrait: a painting is put in line.

Knows: the command, and where its answer will appear: in the pet's own thread, or where it was asked for if that thread
is gone. Does not know: prompts, what a seed means, painting, what a reaction under a portrait does (reactions.py).
"""

import logging
from dataclasses import replace
from typing import get_args

import discord
from discord import app_commands
from discord.ext import commands

from cogs.shared.access import check_member, check_place
from cogs.shared.errors import DROPPED, Interaction, Sorry
from cogs.shared.pet_choice import choices, find_pet, known_pets
from cogs.shared.portraits import promise
from cogs.shared.rerolls import MOST_SEED, new_seeds
from cogs.shared.services import Services
from cogs.shared.style_choice import meant, style_choices
from cogs.shared.text import Name, label, language, without_tokens
from gpu.jobs import PaintOptions
from gpu.portraits import Preset, Quality, Shape, Size
from storage.pets import Pet

OPTIONS = ("style", "pet", "wish", "quality", "shape", "count", "seed")
QUALITIES = [app_commands.Choice(name=label(f"quality.{one}"), value=one) for one in get_args(Quality)]
SHAPES = [app_commands.Choice(name=label(f"shape.{one}"), value=one) for one in get_args(Shape)]

log = logging.getLogger(__name__)


class PortraitCog(commands.Cog):
    """Puts paintings in line."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services

    @app_commands.command(name=label("command.portrait"), description=label("hint.portrait"))
    @app_commands.rename(**{name: label(f"option.{name}") for name in OPTIONS})
    @app_commands.describe(**{name: label(f"about.{name}") for name in OPTIONS})
    @app_commands.choices(quality=QUALITIES, shape=SHAPES)
    async def portrait(
        self,
        interaction: Interaction,
        style: app_commands.Range[str, 1, 100],
        pet: app_commands.Range[str, 1, 100] | None = None,
        wish: app_commands.Range[str, 1, 300] | None = None,
        quality: str | None = None,
        shape: str = "square",
        count: app_commands.Range[int, 1, 4] = 1,
        seed: app_commands.Range[int, 0, MOST_SEED] | None = None,
    ) -> None:
        """Put a painting in line, and say where it will appear."""
        await interaction.response.defer(ephemeral=True)
        check_member(self._bot, interaction)
        assert interaction.guild  # commands are for guilds only
        found = await find_pet(self._services, interaction, pet)
        if found.state != "ready":
            raise Sorry(f"sorry.{found.state}", name=Name(found.name))
        wanted = await meant(self._services, interaction.guild.id, style)
        await self._services.models.check()
        channel_id, thread_id = await self._place(found, interaction)
        check_place(interaction.guild, thread_id, channel_id, language(interaction.locale))
        job = await self._services.jobs.accept_paint(
            pet=found,
            user_id=interaction.user.id,
            channel_id=channel_id,
            thread_id=thread_id,
            wish=replace(wanted, text=without_tokens(wish or "")),
            seeds=new_seeds(count, seed),
            options=self._options(quality, shape, choose=seed is None),
            locale=language(interaction.locale),
            interaction_id=interaction.id,
        )
        self._services.line.submit(job.id)
        try:
            await interaction.edit_original_response(content=await promise(self._services, job))
        except DROPPED as error:  # it is in line all the same
            log.warning("The answer to job %s was dropped: %s", job.id, error)

    def _options(self, quality: str | None, shape: str, *, choose: bool) -> PaintOptions:
        """As the profile paints it. Discord offers no other choices."""
        painting = self._services.painting
        sizes: dict[str, Size] = {**painting.shapes}
        presets: dict[str, Preset] = {**painting.presets}
        return PaintOptions(preset=presets[quality or painting.quality], size=sizes[shape], choose=choose)

    async def _place(self, pet: Pet, interaction: Interaction) -> tuple[int, int]:
        """Where to answer: the channel, and in it the thread; the pet's own, or this one if that is gone."""
        assert interaction.guild and interaction.channel  # commands are for guilds only
        if pet.thread_id and pet.thread_id != pet.channel_id and await self._exists(interaction.guild, pet.thread_id):
            return pet.channel_id, pet.thread_id
        here = interaction.channel
        above = here.parent_id if isinstance(here, discord.Thread) else here.id
        return (pet.channel_id if interaction.guild.get_channel(pet.channel_id) else above), here.id

    async def _exists(self, guild: discord.Guild, thread_id: int) -> bool:
        """Is the thread still there? Discord is asked about one that we do not see: it may be archived."""
        if guild.get_thread(thread_id):
            return True
        try:
            await self._bot.fetch_channel(thread_id)
        except discord.NotFound:
            await self._services.pets.leave_thread(thread_id)
            return False
        except DROPPED as error:  # it may be there: delivery will find out
            log.debug("Whether thread %s exists is not known: %s", thread_id, error)
        return True

    @portrait.autocomplete("style")
    async def styles(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """The styles of this server and of the catalogue, in this person's language."""
        return await style_choices(self._services, interaction, typed)

    @portrait.autocomplete("pet")
    async def ready_pets(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """The dogs that can be painted, the person's own first."""
        known = await known_pets(self._services, interaction)
        ready = (pet for pet in known if pet.state == "ready")
        return await choices(self._services, interaction, ready, typed)
