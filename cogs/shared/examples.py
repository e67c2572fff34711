"""Example pictures of styles: the newest portrait in each that hangs in this server, where the person may look.

Knows: which places a person sees. Does not know: how styles are shown (cogs/styles.py).
Nothing is painted or kept for it. The picture is looked up in its own message each time: deleted or forgotten there, it
is an example no more, and its address is a fresh one.
"""

import asyncio
import logging
from collections.abc import Sequence

import discord
from discord.ext import commands

from cogs.shared.errors import DROPPED, Interaction
from cogs.shared.services import Services
from storage.styles import Example

log = logging.getLogger(__name__)


async def pictures(
    bot: commands.Bot, services: Services, interaction: Interaction, styles: Sequence[str]
) -> dict[str, str]:
    """Addresses of pictures in these styles (as wishes hold them); a style without one that may be seen is left out."""
    assert interaction.guild_id  # commands are for guilds only
    found = await services.styles.examples(interaction.guild_id, styles)
    urls = await asyncio.gather(*(_picture(bot, interaction, example) for example in found.values()))
    return {style: url for style, url in zip(found, urls, strict=True) if url}


async def _picture(bot: commands.Bot, interaction: Interaction, example: Example) -> str | None:
    """The address of the first picture in that message, if this person may see it there."""
    try:
        if not await _sees(bot, interaction, example.channel_id):
            return None
        message = await bot.get_partial_messageable(example.channel_id).fetch_message(example.message_id)
    except DROPPED as error:
        log.debug("Message %s is no example: %s", example.message_id, error)
        return None
    return next((file.url for file in message.attachments if (file.content_type or "").startswith("image/")), None)


async def _sees(bot: commands.Bot, interaction: Interaction, place_id: int) -> bool:
    """May this person read there? Who is in a private thread is not known to us, so only those in it see it there."""
    assert interaction.guild and isinstance(interaction.user, discord.Member)
    if place_id == interaction.channel_id:
        return True
    place = interaction.guild.get_channel_or_thread(place_id) or await bot.fetch_channel(place_id)
    if isinstance(place, discord.Thread):
        if place.is_private():
            return False
        place = interaction.guild.get_channel(place.parent_id)
    if not isinstance(place, discord.abc.GuildChannel):
        return False
    held = place.permissions_for(interaction.user)
    return held.read_messages and held.read_message_history
