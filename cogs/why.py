"""Why this prompt?: a command in the menu of our own portraits' messages.

Knows: what is told of a portrait's recipe: what the rewriter thought, its words, what was kept out, and who wrote it.
Does not know: how a prompt is made (gpu/studio/rewrite.py). Whoever asks is told privately.
"""

import discord
from discord import app_commands
from discord.ext import commands

from cogs.shared.errors import Interaction, Sorry
from cogs.shared.services import Services
from cogs.shared.text import Name, escape, label, language, plain_code, readable, say, style_name
from gpu.portraits import Prompt
from storage.names import shorten

LONGEST_THOUGHT, LONGEST_WORDS = 300, 600  # characters that are shown; the message has room for 2000


class WhyCog(commands.Cog):
    """Tells how a portrait's prompt came about."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._menu = app_commands.ContextMenu(name=label("why.menu"), callback=self.why)

    async def cog_load(self) -> None:
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)

    async def why(self, interaction: Interaction, message: discord.Message) -> None:
        """Of the portraits in one message, which have one prompt. Raises Sorry where the message has none."""
        await interaction.response.defer(ephemeral=True)
        rows = await self._services.portraits.by_message(message.id)
        pet = await self._services.pets.get(rows[0].pet_id) if rows else None
        if pet is None:
            ours = self._bot.user is not None and message.author.id == self._bot.user.id
            raise Sorry("sorry.no_portrait" if ours else "why.not_mine")
        tongue = language(interaction.locale)
        style = style_name(tongue, rows[0].wish.style)
        words = say(tongue, "why.style", name=Name(pet.name), style=style)
        await interaction.edit_original_response(
            content="\n".join([words, *_reasons(tongue, rows[0].portrait.prompt, pet.name)])
        )


def _reasons(tongue: str, prompt: Prompt, name: str) -> list[str]:
    """What is known of a prompt, a line each."""
    lines = [say(tongue, f"why.{prompt.source}")]
    if prompt.thought:
        thought = escape(shorten(readable(prompt.thought, name), LONGEST_THOUGHT))
        lines.append(say(tongue, "why.thought", thought=thought))
    lines.append(say(tongue, "why.words", words=plain_code(readable(prompt.text, name), LONGEST_WORDS)))
    if prompt.negative:
        lines.append(say(tongue, "why.without", words=plain_code(prompt.negative, LONGEST_WORDS)))
    return lines
