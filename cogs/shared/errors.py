"""What went wrong, as one sentence; and which errors may be passed over.

Knows: which exception means which sentence, and how to tell it through an interaction, whatever was answered before.
Does not know: who raised it. A job's failure is not here: it is a value, put into words by cogs/delivery/render.py.
"""

import errno
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from cogs.shared.text import language, say
from storage.failed import NotKept, TriedAgain
from storage.jobs import LineFull, PetNotReady, TooManyJobs
from storage.looks import NotLooked, OlderLook
from storage.names import BadName
from storage.pets import TooManyPets

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]  # of whatever client: cogs hold their bot themselves

UNHEARD = (
    discord.HTTPException, discord.RateLimited, discord.InvalidData, aiohttp.ClientError, ConnectionError, TimeoutError,
)  # fmt: skip
"""What Discord or the network may do to a request."""

DROPPED = (*UNHEARD, OSError)
"""What may happen to words that are not worth a retry. Any other error is a bug, and so is any other RuntimeError than
the one of a closed session (is_due_to_closing)."""

FULL = (errno.ENOSPC, errno.EDQUOT)
UNKNOWN_INTERACTION, DEAD_TOKEN, INVALID_FORM = 10062, 50027, 50035
CLOSED = "Session is closed"  # what aiohttp says


class Sorry(app_commands.AppCommandError):
    """Something that a person can understand and act on: the key of a sentence (text.py) and its values."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class Tree(app_commands.CommandTree[commands.Bot]):
    """The command tree; its errors become sentences."""

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Where an old list of commands is still shown in direct messages, they are used there."""
        if interaction.guild_id is None:
            raise app_commands.NoPrivateMessage
        return True

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        await apologise(interaction, error)

    async def _call(self, interaction: Interaction) -> None:
        """discord.py reads the options here, and where it cannot, nobody would be told."""
        try:
            await super()._call(interaction)
        except app_commands.AppCommandError:
            raise
        except Exception as error:
            log.warning("A command could not be read: %.200r", error)
            raise Sorry("sorry.input") from error


def is_due_to_closing(client: discord.Client, error: BaseException | None) -> bool:
    """Did it only fail because the bot is closing?"""
    return isinstance(error, RuntimeError) and str(error) == CLOSED and client.is_closed()


def note_dropped(client: discord.Client, error: Exception, what: str) -> None:
    """Log that words which are not worth a retry did not get through: as a detail, or as an error if it is a bug."""
    if isinstance(error, DROPPED) or is_due_to_closing(client, error):
        log.debug("%s was dropped: %s", what, error)
    else:
        log.error("%s failed", what, exc_info=error)


@asynccontextmanager
async def apologising(interaction: Interaction) -> AsyncGenerator[None]:
    """Around the callback of a button or a modal: the same words as for commands."""
    try:
        yield
    except Exception as error:
        await apologise(interaction, error)


async def apologise(interaction: Interaction, error: Exception) -> None:
    """Tell the person who asked what went wrong."""
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    if isinstance(cause, discord.HTTPException) and cause.code in (UNKNOWN_INTERACTION, DEAD_TOKEN):
        log.info("An interaction was answered too late: %s", cause)  # nobody is listening any more
        return
    if is_due_to_closing(interaction.client, cause):
        log.warning("An interaction was not answered: the bot is closing: %s", cause)
        return
    words = sentence(language(interaction.locale), cause)
    if interaction.type is discord.InteractionType.autocomplete:  # there is no place for words
        log.info("Nothing was suggested: %r", cause)
    else:
        await tell(interaction, words)


def sentence(language: str, error: Exception) -> str:
    """The words for an exception; one that nobody expected goes to the log."""
    key, values = _meaning(error)
    if key == "error.Internal":
        log.error("An unexpected error", exc_info=error)
    if key == "error.DiskFull":
        log.error("The disk is full: %r", error)
    if key == "sorry.unheard":
        log.warning("A request to Discord failed: %r", error)
    return say(language, key, **values)


def _meaning(error: Exception) -> tuple[str, dict[str, object]]:
    match error:
        case Sorry():
            return error.key, error.values
        case OSError() if error.errno in FULL:
            return "error.DiskFull", {}
        case BadName():
            return "sorry.name", {}
        case PetNotReady():
            return "forget.gone", {}
        case NotKept():
            return "sorry.not_kept", {}
        case TriedAgain():
            return "sorry.tried_again", {}
        case NotLooked():
            return "look.over", {}
        case OlderLook():
            return "look.older", {}
        case TooManyPets():
            return "sorry.too_many_pets", {"count": error.count}
        case TooManyJobs():
            return "sorry.too_many_jobs", {"count": error.count}
        case LineFull():
            return "sorry.line_full", {}
        case app_commands.NoPrivateMessage():
            return "sorry.guild_only", {}
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            return "sorry.old_command", {}
        case app_commands.TransformerError():
            return "sorry.input", {}
        case discord.Forbidden():
            return "sorry.forbidden", {}
        case discord.HTTPException() if error.code == INVALID_FORM:
            return "error.Internal", {}
        case _ if isinstance(error, UNHEARD):
            return "sorry.unheard", {}
        case _:
            return "error.Internal", {}


async def tell(interaction: Interaction, sentence: str) -> None:
    """Say it in place of the answer that is still owed; if nothing was answered yet, only this person sees it."""
    try:
        if not interaction.response.is_done():
            sent = await interaction.response.send_message(sentence, ephemeral=True)
            if sent.message_id:
                return
            # An earlier answer had got through unheard (cogs/api/callbacks.py), so this one is not shown yet.
        if interaction.message and interaction.message.flags.components_v2:
            await interaction.followup.send(sentence, ephemeral=True)  # such a message has no room for a sentence
            return
        await interaction.edit_original_response(content=sentence, view=None)
    except (*DROPPED, RuntimeError) as error:
        expected = isinstance(error, DROPPED) or is_due_to_closing(interaction.client, error)
        log.warning("Could not tell %r: %s", sentence, error, exc_info=None if expected else error)
