"""/style add and /style remove: those who manage a server add styles of their own to its catalogue.

Knows: the commands, and which words a style may have. Does not know: how one is chosen (cogs/shared/style_choice.py),
shown (cogs/styles.py) or kept (storage/styles.py).
"""

import re

import discord
from discord import app_commands
from discord.ext import commands

from cogs.shared.errors import Interaction, Sorry
from cogs.shared.services import Services
from cogs.shared.style_choice import own_choices
from cogs.shared.text import Name, label, language, say
from gpu.styles import find
from storage.names import BadName, clean_name, visible
from storage.styles import MOST_STYLES, ServerStyle, StyleTaken, TooManyStyles

FORBIDDEN = re.compile(r"[\\*_~|`<>@#\[\]/]|:\s*//")  # what Discord makes something of: no name needs it
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,'-]*")  # what the painter reads
OPTIONS = ("name", "description", "medium", "negative")


class OwnStylesCog(commands.Cog):
    """Adds styles to a server's catalogue, and removes them."""

    style = app_commands.Group(
        name=label("command.style"),
        description=label("hint.style"),
        default_permissions=discord.Permissions(manage_guild=True),
    )

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._services = services

    @style.command(name=label("command.add"), description=label("hint.style_add"))
    @app_commands.rename(**{name: label(f"option.{name}") for name in OPTIONS})
    @app_commands.describe(**{name: label(f"about.style_{name}") for name in OPTIONS})
    async def add(
        self,
        interaction: Interaction,
        name: app_commands.Range[str, 1, 32],
        description: app_commands.Range[str, 1, 80],
        medium: app_commands.Range[str, 1, 60],
        negative: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        """Keep a style for this server."""
        await interaction.response.defer(ephemeral=True)
        assert interaction.guild_id  # commands are for guilds only
        added = ServerStyle(
            name=_named(name),
            description=_shown(description),
            medium=_painted(medium),
            negative=_painted(negative) if negative else "",
        )
        try:
            await self._services.styles.add(interaction.guild_id, added)
        except StyleTaken:
            raise Sorry("sorry.style_taken", name=Name(added.name)) from None
        except TooManyStyles:
            raise Sorry("sorry.too_many_styles", count=MOST_STYLES) from None
        await interaction.edit_original_response(content=_say(interaction, "styles.added", added.name))

    @style.command(name=label("command.remove"), description=label("hint.style_remove"))
    @app_commands.rename(name=label("option.name"))
    @app_commands.describe(name=label("about.remove_style"))
    async def remove(self, interaction: Interaction, name: app_commands.Range[str, 1, 100]) -> None:
        """Remove a style of this server; what was painted in it stays, and can be painted again."""
        await interaction.response.defer(ephemeral=True)
        assert interaction.guild_id  # commands are for guilds only
        if not await self._services.styles.remove(interaction.guild_id, visible(name)):
            raise Sorry("sorry.no_such_style", name=Name(name))
        await interaction.edit_original_response(content=_say(interaction, "styles.removed", name))

    @remove.autocomplete("name")
    async def own_styles(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """The styles of this server."""
        assert interaction.guild_id  # commands are for guilds only
        return own_choices(await self._services.styles.of_guild(interaction.guild_id), typed)


def _named(typed: str) -> str:
    """A name as it is kept. Raises Sorry for one that nobody can see, or that the catalogue has."""
    try:
        name = clean_name(_shown(typed))
    except BadName:
        raise Sorry("sorry.style_name") from None
    if find(name):
        raise Sorry("sorry.style_known", name=Name(name))
    return name


def _shown(typed: str) -> str:
    """Words for people. Raises Sorry for links, mentions and markdown."""
    words = visible(typed)
    if not words or FORBIDDEN.search(words):
        raise Sorry("sorry.style_words")
    return words


def _painted(typed: str) -> str:
    """Words for the painter. Raises Sorry for others than plain English ones."""
    words = visible(typed)
    if not PLAIN.fullmatch(words):
        raise Sorry("sorry.style_plain")
    return words


def _say(interaction: Interaction, key: str, name: str) -> str:
    return say(language(interaction.locale), key, name=Name(name))
