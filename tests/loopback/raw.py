"""A bot made of plain requests, for what discord.py would never send.

Knows: REST calls as JSON and multipart. Does not know: the gateway.
"""

import io
import json
from typing import Any

from aiohttp import ClientResponse, ClientSession, FormData

from tests.loopback.people import Exchange
from tests.loopback.server import Loopback
from tests.loopback.values import Json

ASK: Json = {"name": "ask", "description": "Ask", "options": [{"type": 3, "name": "what", "description": "What"}]}


class Raw:
    """A bot made of plain requests. Every call returns (status, code or body)."""

    def __init__(self, loopback: Loopback, session: ClientSession) -> None:
        self.loopback = loopback
        self._session = session
        self.app = f"/applications/{loopback.world.me.id}"
        self.channel = f"/channels/{loopback.channel.id}"

    async def call(self, method: str, path: str, body: Any = None, *files: tuple[str, bytes]) -> tuple[int, Any]:
        headers = {"Authorization": f"Bot {self.loopback.token}"}
        url = self.loopback.api + path
        if not files:
            async with self._session.request(method, url, json=body, headers=headers) as response:
                return await outcome(response)
        form = FormData(quote_fields=False)
        form.add_field("payload_json", json.dumps(body))
        for number, (name, data) in enumerate(files):
            form.add_field(f"files[{number}]", io.BytesIO(data), filename=name, content_type="application/octet-stream")
        async with self._session.request(method, url, data=form, headers=headers) as response:
            return await outcome(response)

    async def send(self, **body: Any) -> tuple[int, Any]:
        return await self.call("POST", f"{self.channel}/messages", body)

    async def answer(self, asked: Exchange, kind: int, **data: Any) -> tuple[int, Any]:
        one = asked.interaction
        return await self.call("POST", f"/interactions/{one.id}/{one.token}/callback", {"type": kind, "data": data})

    def webhook(self, asked: Exchange) -> str:
        return f"/webhooks/{self.loopback.world.me.id}/{asked.interaction.token}"


async def outcome(response: ClientResponse) -> tuple[int, Any]:
    """Status, and the error code of a refusal or else the body."""
    body: Any = await response.json() if response.status != 204 else {}
    return response.status, body.get("code", 0) if response.status >= 400 else body
