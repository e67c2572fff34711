"""/pat: somebody pats a dog.

Knows: the command. Does not know: anything that happens to the dog.
"""

from discord import app_commands
from discord.ext import commands

from cogs.shared.errors import Interaction
from cogs.shared.pet_choice import choices, find_pet, known_pets
from cogs.shared.services import Services
from cogs.shared.text import Name, label, language, say


class PatCog(commands.Cog):
    """Pats a dog, where everybody sees it."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._services = services

    @app_commands.command(name=label("command.pat"), description=label("hint.pat"))
    @app_commands.rename(pet=label("option.pet"))
    @app_commands.describe(pet=label("about.pet"))
    async def pat(self, interaction: Interaction, pet: app_commands.Range[str, 1, 100] | None = None) -> None:
        found = await find_pet(self._services, interaction, pet)
        await interaction.response.send_message(say(language(interaction.locale), "pat.done", name=Name(found.name)))

    @pat.autocomplete("pet")
    async def pets(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return await choices(self._services, interaction, await known_pets(self._services, interaction), typed)
