"""How the bot logs in: it registers commands that changed, keeps to Discord's budget of logins, and keeps trying.

Discord allows 1,000 IDENTIFYs in 24 hours, one for every 86 s. A bot that makes more has all its sessions ended and its
token reset (docs, events/gateway, "Identifying"). One that crashes right after logging in, under a supervisor that
restarts it every few seconds, has used them up within the hour. discord.py asks how many are left (GET /gateway/bot)
only where it shards by itself, and never waits. Nor does it retry before it has been connected once: until then a 503
or a cut connection would end the bot, and the GPU's work with it; and so would, at any time, a frame that it cannot
read (for a single event, see gateway.py). Here that is one more lost connection.

Knows: Discord's own count of logins, which includes those of other machines, and of this one before its data folder was
lost; so nothing is stored here. Does not know: what the commands do, why the bot logs in again, or its other options
(bot.py).
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
from typing import Any, Self

import aiohttp
import discord
from discord.ext import commands
from discord.http import Route
from discord.state import ConnectionState

from cogs.api import callbacks
from cogs.api import refusals as refusals
from cogs.api.gateway import guard
from cogs.api.ratelimits import RateLimitedHTTP
from cogs.api.transport import raising_refused
from cogs.shared.errors import DROPPED, is_due_to_closing
from cogs.shared.text import Translator

log = logging.getLogger(__name__)

FREE = 0.5  # share of a day's logins that need no waiting: no ordinary day comes near it
RESERVE = 0.1  # share that is left for the person who comes to repair things
STEADY_S = 600.0  # a connection that held so long was a good one: the next try comes soon


def login_delay_s(total: int, remaining: int, reset_s: float) -> float:
    """Seconds to wait before the next of `remaining` IDENTIFYs; 0 on every ordinary day.

    Once half the budget is used up, what is left but for the reserve is spread evenly over the time until Discord
    fills it up again. So nobody can use more than nine tenths of it: 900 of 1,000 a day.
    """
    if remaining > FREE * total:
        return 0.0
    return reset_s / max(remaining - RESERVE * total, 1.0)


class Client(commands.Bot):
    """commands.Bot that keeps to Discord's limits and tries again."""

    def __init__(self, *, guild_id: int | None, synced: Path, **options: Any) -> None:
        super().__init__(**options)
        self._guild = discord.Object(guild_id) if guild_id else None
        self._synced = synced  # a file with the hash of the commands that Discord knows, and for which guild alone
        self._not_before: float | None = None  # monotonic; for the next login

    def _get_state(self, **options: Any) -> ConnectionState[Self]:
        """discord.py makes its HTTP client just before this, and here what keeps it."""
        self.http = RateLimitedHTTP(self.http)
        state = super()._get_state(**options)
        guard(state.parsers)
        return state

    async def setup_hook(self) -> None:
        """Register our commands, unless Discord has them already. If that fails, those it has still work."""
        translator = Translator()
        await self.tree.set_translator(translator)
        commands = [await one.get_translated_payload(self.tree, translator) for one in self.tree.get_commands()]
        what = json.dumps([self.application_id, self._guild and self._guild.id, commands], sort_keys=True)
        digest = hashlib.sha256(what.encode()).hexdigest()
        known, _, scope = (self._synced.read_text() if self._synced.is_file() else "").partition(" ")
        if known == digest:
            return
        try:
            if self._guild:
                self.tree.copy_global_to(guild=self._guild)
            await self.tree.sync(guild=self._guild)
            await self._clear_commands(int(scope) if scope else None)
            self._synced.write_text(f"{digest} {self._guild.id}" if self._guild else digest)
        except (*DROPPED, RuntimeError):
            log.exception("The commands could not be synced")

    async def _clear_commands(self, guild_id: int | None) -> None:
        """Commands were registered there (None: everywhere) before; elsewhere now, people would see each twice."""
        if guild_id == (self._guild and self._guild.id) or self.application_id is None:
            return
        if guild_id is None:
            await self.http.bulk_upsert_global_commands(self.application_id, payload=[])
            return
        try:
            await self.http.bulk_upsert_guild_commands(self.application_id, guild_id, payload=[])
        except (discord.Forbidden, discord.NotFound) as error:  # we are not there any more, nor are they
            log.info("The commands of guild %s are left: %s", guild_id, error)

    async def login(self, token: str) -> None:
        """Check the token, and learn who we are. Raises LoginFailure for a wrong token."""
        callbacks.install()
        await self._insist(partial(self._login, token))

    async def connect(self, *, reconnect: bool = True) -> None:
        """Connect to the gateway and stay connected."""
        await self._insist(partial(self._connect, reconnect=reconnect))

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        """Tell the listeners, until we close: discord.py would go on after that, without a loop to run them in."""
        if not self.is_closed():
            super().dispatch(event_name, *args, **kwargs)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """What a listener raised goes to the log, unless it only failed because we are closing."""
        if not is_due_to_closing(self, sys.exception()):
            await super().on_error(event_method, *args, **kwargs)

    async def _insist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Try until it works, or we close. Raises what does not pass by itself."""
        tries = 0
        while not self.is_closed():
            began = monotonic()
            try:
                with raising_refused():
                    await step()
                return
            except Exception as error:
                if not refusals.is_transient(error):
                    raise
                seconds = refusals.retry_after_s(error, tries)
                log.warning("Discord is out of reach; the next try is in %.0f s: %s", seconds, error)
            await asyncio.sleep(seconds)
            tries = tries + 1 if monotonic() - began < STEADY_S else 0

    async def _login(self, token: str) -> None:
        await self.http.close()  # the session of the try before: discord.py opens another
        self.http.connector = aiohttp.TCPConnector(limit=0)
        await super().login(token)

    async def _connect(self, *, reconnect: bool) -> None:
        await self._wait()
        try:
            await super().connect(reconnect=reconnect)
        except (discord.DiscordException, aiohttp.ClientError, OSError):
            raise
        except Exception as error:
            if self.is_closed():
                raise
            if self.ws:
                await self.ws.close()
            # Where the first connection failed, discord.py stumbles over wanting to resume it.
            cause = error if self.ws else error.__context__ or error
            raise aiohttp.ClientConnectionError(f"the connection could not be read: {cause!r:.200}") from error

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Before each IDENTIFY: the first one has waited already, another means that a session was lost for good."""
        if not initial:
            await super().before_identify_hook(shard_id, initial=initial)
            await self._wait()

    async def _wait(self) -> None:
        """The time is kept until it has come: discord.py gives up a connection that takes a minute to log in."""
        if self._not_before is None:
            limit = (await self.http.request(Route("GET", "/gateway/bot")))["session_start_limit"]
            seconds = login_delay_s(limit["total"], limit["remaining"], limit["reset_after"] / 1000)
            self._not_before = monotonic() + seconds
            if seconds:
                log.warning("Logging in waits for %.0f s: %d logins are left today", seconds, limit["remaining"])
        await asyncio.sleep(max(self._not_before - monotonic(), 0.0))
        self._not_before = None
