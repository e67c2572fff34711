"""Example pictures of styles: the newest portrait in each that hangs in this server, where the person may look.

Knows: which places a person sees, and the bot. Does not know: how styles are shown (cogs/styles.py).
Nothing is painted or kept for it. The picture is looked up in its own message each time: deleted or forgotten there, it
is an example no more, and its address is a fresh one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

import discord
from discord.ext import commands

from cogs.shared.errors import DROPPED, Interaction
from cogs.shared.portraits import forget_missing
from cogs.shared.services import Services
from storage.styles import Example

log = logging.getLogger(__name__)

Sees = Callable[[int], Awaitable[bool]]  # by the id of a channel or thread


async def pictures(
    bot: commands.Bot, services: Services, interaction: Interaction, styles: Sequence[str]
) -> dict[str, str]:
    """Addresses of pictures in these styles (as wishes hold them); a style without one that may be seen is left out."""
    assert interaction.guild_id  # commands are for guilds only
    found = await services.styles.examples(interaction.guild_id, styles)

    @cache  # each place is asked for once
    def sees(place_id: int) -> asyncio.Task[bool]:
        return asyncio.create_task(_sees(bot, interaction, place_id))

    urls = await asyncio.gather(*(_picture(bot, services, sees, examples) for examples in found.values()))
    return {style: url for style, url in zip(found, urls, strict=True) if url}


async def _picture(bot: commands.Bot, services: Services, sees: Sees, examples: Sequence[Example]) -> str | None:
    """The address of the first picture that this person may see where it hangs. What is gone is forgotten."""
    for example in examples:
        try:
            if await sees(example.channel_id) and (url := await _url(bot, example)):
                return url
        except discord.NotFound as error:
            await forget_missing(services, error.code, example.channel_id, example.message_id)
        except discord.Forbidden as error:
            log.debug("Message %s is no example: %s", example.message_id, error)
        except DROPPED as error:  # the others would fail in the same way
            log.debug("No example is looked for: %s", error)
            return None
    return None


async def _url(bot: commands.Bot, example: Example) -> str | None:
    message = await bot.get_partial_messageable(example.channel_id).fetch_message(example.message_id)
    return next((file.url for file in message.attachments if (file.content_type or "").startswith("image/")), None)


async def _sees(bot: commands.Bot, interaction: Interaction, place_id: int) -> bool:
    """May this person read there, and the bot? Nobody knows who is in a private thread, but those who ask in it."""
    assert interaction.guild and isinstance(interaction.user, discord.Member)
    if place_id == interaction.channel_id:
        return _reads(interaction.app_permissions)
    place = interaction.guild.get_channel_or_thread(place_id) or await bot.fetch_channel(place_id)
    if isinstance(place, discord.Thread):
        if place.is_private():
            return False
        place = interaction.guild.get_channel(place.parent_id)
    if not isinstance(place, discord.abc.GuildChannel):
        return False
    return all(_reads(place.permissions_for(one)) for one in (interaction.user, interaction.guild.me))


def _reads(held: discord.Permissions) -> bool:
    return held.administrator or (held.read_messages and held.read_message_history)
