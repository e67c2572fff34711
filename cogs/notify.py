"""/notify: how a person wants to hear that something is done.

Knows: the command. Does not know: when there is something to tell, or how it is told (cogs/delivery/notifier.py).
"""

from discord import app_commands
from discord.ext import commands

from cogs.shared.errors import Interaction
from cogs.shared.services import Services
from cogs.shared.text import label, language, say
from storage.notifications import How

CHOICES = [app_commands.Choice(name=label(f"notify.{how}"), value=how) for how in ("on", "off", "dm")]


class NotifyCog(commands.Cog):
    """Notes what each person wants."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._services = services

    @app_commands.command(name=label("command.notify"), description=label("hint.notify"))
    @app_commands.rename(how=label("option.notify"))
    @app_commands.describe(how=label("about.notify"))
    @app_commands.choices(how=CHOICES)
    async def notify(self, interaction: Interaction, how: str) -> None:
        """For this person, in every server."""
        await interaction.response.defer(ephemeral=True)
        wanted: How = how  # pyright: ignore[reportAssignmentType] (Discord offers no other)
        await self._services.notifications.set(interaction.user.id, wanted)
        await interaction.edit_original_response(content=say(language(interaction.locale), f"notify.set_{wanted}"))
