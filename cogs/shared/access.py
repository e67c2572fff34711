"""What the bot needs before it begins anything: to be a member of the server, and permissions where it will answer.

The promise kept here: people are refused at once, by name, and not after their photos were taken and a card was busy.
Knows: which permissions an answer takes, and the invite link. Does not know: which command asks.
"""

import discord
from discord import Permissions
from discord.ext import commands

from cogs.shared.errors import Interaction, Sorry
from cogs.shared.text import language, say

ANSWER = Permissions(view_channel=True, attach_files=True, read_message_history=True)
IN_THREAD = ANSWER | Permissions(send_messages_in_threads=True)
IN_CHANNEL = ANSWER | Permissions(send_messages=True)
WITH_THREADS = IN_THREAD | IN_CHANNEL | Permissions(create_public_threads=True)
INVITED = WITH_THREADS | Permissions(add_reactions=True)
"""What the invite link asks for; the README's asks for the same."""

HAS_THREADS = (discord.ChannelType.text, discord.ChannelType.news)


def check_here(bot: commands.Bot, interaction: Interaction) -> None:
    """Raises Sorry where an enrolment could not be answered: Discord says with each command what the bot may do."""
    check_member(bot, interaction)
    _check(interaction.app_permissions, _needed(interaction), interaction.channel_id, language(interaction.locale))


def permissions_here(interaction: Interaction) -> dict[str, bool]:
    """What is needed or useful where this was asked, by name, and whether the bot has it."""
    held, wanted = interaction.app_permissions, _needed(interaction) | Permissions(add_reactions=True)
    return {name: held.administrator or dict(held)[name] for name, is_wanted in wanted if is_wanted}


def _needed(interaction: Interaction) -> Permissions:
    here = interaction.channel
    if isinstance(here, discord.Thread):
        return IN_THREAD
    return WITH_THREADS if here and here.type in HAS_THREADS else IN_CHANNEL


def check_member(bot: commands.Bot, interaction: Interaction) -> None:
    """Raises Sorry in a server that has our commands and not us: whoever invited us left out the scope "bot"."""
    if interaction.guild_id is not None and bot.get_guild(interaction.guild_id) is None:
        guild = discord.Object(interaction.guild_id)
        link = discord.utils.oauth_url(interaction.application_id, permissions=INVITED, guild=guild)
        raise Sorry("sorry.not_a_member", link=f"<{link}>")


def check_place(guild: discord.Guild, place_id: int, channel_id: int, tongue: str) -> None:
    """Raises Sorry where a portrait could not be sent: in this channel, or in this thread of `channel_id`."""
    place = guild.get_channel_or_thread(place_id)
    is_thread = place is None or isinstance(place, discord.Thread)  # an archived thread is not known
    channel = guild.get_channel(channel_id) if is_thread else place
    if channel and guild.me:
        _check(channel.permissions_for(guild.me), IN_THREAD if is_thread else IN_CHANNEL, place_id, tongue)


def _check(held: Permissions, needed: Permissions, place_id: int | None, tongue: str) -> None:
    if held.administrator or held.is_superset(needed):
        return
    lacking = [name for name, wanted in needed if wanted and not dict(held)[name]]
    names = ", ".join(say(tongue, f"permission.{name}") for name in lacking)
    raise Sorry("sorry.permissions", names=names, place=f"<#{place_id}>")
