"""The real discord.py, pointed at a loopback, inside a test's own process.

Knows: where discord.py keeps its addresses, and how to log a client in and out. Does not know: what the client does.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from unittest.mock import patch

import discord
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from tests.loopback.server import Loopback


@contextmanager
def pointed_at(loopback: Loopback) -> Generator[None]:
    """While inside, discord.py calls the loopback's addresses and not Discord's."""
    with (
        patch.object(Route, "BASE", loopback.api),
        patch.object(DiscordWebSocket, "DEFAULT_GATEWAY", URL(loopback.gateway.url)),
        patch.object(Asset, "BASE", f"http://{loopback.host}/cdn"),
    ):
        yield


@asynccontextmanager
async def logged_in(client: discord.Client, loopback: Loopback) -> AsyncGenerator[None]:
    """While inside, the client is connected and has its guild. Errors of its connection are raised on leaving."""
    with pointed_at(loopback):
        async with client:
            running = asyncio.create_task(client.start(loopback.token))
            try:
                await client.wait_until_ready()
                yield
            finally:
                await client.close()
                await running
