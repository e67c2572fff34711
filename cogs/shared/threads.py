"""A job's own thread, under the answer to its command.

Knows: how a thread is opened, and what to do where none may be. Does not know: what is said in it.
"""

import logging

import discord
from discord.ext import commands

from cogs.shared.errors import DROPPED
from storage.jobs import JobRow

log = logging.getLogger(__name__)

WEEK_MIN = 10080


async def open_thread(bot: commands.Bot, job: JobRow) -> int:
    """The id of the thread under the answer to /enroll; of the channel itself where no thread may be opened."""
    if job.ack is None:
        return job.channel_id
    channel_id, message_id = job.ack
    message = bot.get_partial_messageable(channel_id, guild_id=job.guild_id).get_partial_message(message_id)
    try:
        return (await message.create_thread(name=job.pet_name, auto_archive_duration=WEEK_MIN)).id
    except (*DROPPED, ValueError) as error:  # ValueError: we were removed from this guild meanwhile
        if isinstance(error, discord.HTTPException) and error.code == 160004:
            return message_id  # there is a thread already, with the message's id
        log.info("No thread under message %s: %s", message_id, error)
        return channel_id
