"""How the bot comes to Discord: it tells its commands if they changed, logs in within the budget, and insists.

A room added to the design, of discord code that is no command; bot.py says with which options.
Discord allows 1,000 IDENTIFYs in 24 hours, one for every 86 s; who goes on after that has every session ended and its
token replaced (docs, events/gateway, "Identifying"). A bot that dies right after logging in, under a supervisor that
restarts it every few seconds, has used that up within the hour. discord.py asks for what is left (GET /gateway/bot)
only where it shards by itself, and never waits for it.
Nor does it go on trying before it has been connected once: a 503 or a cut connection until then would end the bot, and
the GPU's work with it.

Knows: Discord's own count, which also holds what another machine has used, or this one before its data folder was
lost; so nothing is written down here. Does not know: what the commands do, or why the bot logs in again.
"""

import asyncio
import hashlib
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import discord
from discord.ext import commands
from discord.http import Route

from cogs.api import refusals as refusals
from cogs.api.transport import translated
from cogs.shared.errors import DROPPED, is_farewell
from cogs.shared.text import Translator

log = logging.getLogger(__name__)

FREE = 0.5  # this share of a day's logins needs no waiting: no ordinary day comes near it
RESERVE = 0.1  # this share is left for the person who comes to mend things


def login_delay_s(total: int, remaining: int, reset_s: float) -> float:
    """Seconds to wait before the next of `remaining` IDENTIFYs; 0 on every ordinary day.

    Once half the budget is used up, what is left but for the reserve is spread evenly over the time until Discord
    fills it up again. So nobody can use more than nine tenths of it: 900 of 1,000 a day.
    """
    if remaining > FREE * total:
        return 0.0
    return reset_s / max(remaining - RESERVE * total, 1.0)


class Client(commands.Bot):
    """commands.Bot, with care for what Discord counts."""

    def __init__(self, *, guild_id: int | None, synced: Path, **options: Any) -> None:
        super().__init__(**options)
        self._guild = discord.Object(guild_id) if guild_id else None
        self._synced = synced  # a file with the hash of the commands that Discord knows
        self._not_before: float | None = None  # monotonic; for the next login

    async def setup_hook(self) -> None:
        """Tell Discord our commands, if it does not know them yet. Without that the old ones still work."""
        translator = Translator()
        await self.tree.set_translator(translator)
        commands = [await one.get_translated_payload(self.tree, translator) for one in self.tree.get_commands()]
        what = json.dumps([self.application_id, self._guild and self._guild.id, commands], sort_keys=True)
        digest = hashlib.sha256(what.encode()).hexdigest()
        if self._synced.is_file() and self._synced.read_text() == digest:
            return
        try:
            if self._guild:
                self.tree.copy_global_to(guild=self._guild)
            await self.tree.sync(guild=self._guild)
            self._synced.write_text(digest)
        except (*DROPPED, RuntimeError):
            log.exception("The commands could not be synced")

    async def login(self, token: str) -> None:
        """Learn who we are. Raises LoginFailure for a wrong token."""
        await self._insist(partial(self._login, token))

    async def connect(self, *, reconnect: bool = True) -> None:
        """Log in to the gateway and stay."""
        await self._insist(partial(self._connect, reconnect=reconnect))

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        """Tell the listeners, until we close. discord.py still would after that, without a loop to run them in."""
        if not self.is_closed():
            super().dispatch(event_name, *args, **kwargs)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """What a listener raised goes to the log, unless it only failed because we are closing."""
        if not is_farewell(self, sys.exception()):
            await super().on_error(event_method, *args, **kwargs)

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Until it is done, or we close. Raises what does not pass by itself."""
        tries = 0
        while not self.is_closed():
            try:
                with translated():
                    await step()
                return
            except Exception as error:
                if not refusals.is_transient(error):
                    raise
                seconds = refusals.retry_after_s(error, tries)
                log.warning("Discord is out of reach; the next try is in %.0f s: %s", seconds, error)
            await asyncio.sleep(seconds)
            tries += 1

    async def _login(self, token: str) -> None:
        await self.http.close()  # the session of the try before: discord.py opens another
        self.http.connector = aiohttp.TCPConnector(limit=0)
        await super().login(token)

    async def _connect(self, *, reconnect: bool) -> None:
        await self._wait()
        try:
            await super().connect(reconnect=reconnect)
        except AttributeError as error:
            if self.ws or not error.__context__:
                raise
            # After whatever it was discord.py means to resume, but there has been no connection yet.
            raise aiohttp.ClientConnectionError(f"no first connection: {error.__context__!r}") from error

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Before each IDENTIFY: the first one has waited already, another means that a session was lost for good."""
        if not initial:
            await super().before_identify_hook(shard_id, initial=initial)
            await self._wait()

    async def _wait(self) -> None:
        """The end is kept until it has come: discord.py breaks off a connection that takes a minute to log in."""
        if self._not_before is None:
            limit = (await self.http.request(Route("GET", "/gateway/bot")))["session_start_limit"]
            seconds = login_delay_s(limit["total"], limit["remaining"], limit["reset_after"] / 1000)
            self._not_before = monotonic() + seconds
            if seconds:
                log.warning("Logging in waits for %.0f s: %d logins are left today", seconds, limit["remaining"])
        await asyncio.sleep(max(self._not_before - monotonic(), 0.0))
        self._not_before = None
