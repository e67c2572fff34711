"""The gateway: the WebSocket on which the bot hears what happens.

Knows: identify, heartbeat, resume, sequence numbers, who hears what. Does not know: what the events mean.
Source: docs events/gateway.
"""

import asyncio
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.loopback import wire
from tests.loopback.opcodes import (
    ALREADY_AUTHENTICATED,
    DISALLOWED_INTENTS,
    DISPATCH,
    HEARTBEAT,
    HEARTBEAT_ACK,
    HELLO,
    IDENTIFY,
    INVALID_SESSION,
    MESSAGE_CONTENT,
    NOT_AUTHENTICATED,
    PRIVILEGED,
    RECONNECT,
    RESUME,
    TIMED_OUT,
    WRONG_TOKEN,
    Closed,
    Goodbye,
    decoded,
    frame,
    needed,
)
from tests.loopback.record import Recorder
from tests.loopback.values import Json
from tests.loopback.world import World


@dataclass(eq=False)
class Session:
    """One login of the bot. It outlives its connection, so that the bot can resume it."""

    intents: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    frames: list[Json] = field(default_factory=list[Json])  # frames[n] has sequence number n + 1
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: str, data: Json) -> None:
        """Queue an event; it is kept for a resume."""
        self.frames.append({"op": DISPATCH, "t": event, "s": len(self.frames) + 1, "d": data})
        self.news.set()


class Gateway:
    """Every session of the bot, and the connections that they are read on."""

    def __init__(self, world: World, recorder: Recorder, token: str, *, privileged: bool, heartbeat: float) -> None:
        self._world = world
        self._recorder = recorder
        self._token = token
        self._privileged = privileged
        self._heartbeat = heartbeat  # seconds
        self._sessions: dict[str, Session] = {}
        self._connections: dict[web.WebSocketResponse, Session | None] = {}
        self.url = ""  # once the server has a port
        self._zombies: set[web.WebSocketResponse] = set()
        self._lines: dict[web.WebSocketResponse, asyncio.Transport] = {}
        self.identified = 0  # logins so far
        self.resumed = 0

    @property
    def online(self) -> bool:
        """Is a bot logged in right now?"""
        return any(session is not None for session in self._connections.values())

    def tell(self, event: str, data: Json) -> None:
        """Send an event to every session that asked for its kind."""
        for session in self._sessions.values():
            if session.intents & needed(event) == needed(event):
                session.add(event, self._readable(session, event, data))

    def _readable(self, session: Session, event: str, data: Json) -> Json:
        """Without the message content intent, what others write comes empty (unless they mention the bot)."""
        me = self._world.me.id
        if not event.startswith("MESSAGE_") or "author" not in data or session.intents & MESSAGE_CONTENT:
            return data
        mine = data["author"]["id"] == me or any(user["id"] == me for user in data["mentions"])
        return data if mine else data | {"content": "", "embeds": [], "attachments": [], "components": []}

    @property
    def sent(self) -> list[Json]:
        """Every event of the sessions that are known."""
        return [event for session in self._sessions.values() for event in session.frames]

    async def write(self, text: str) -> None:
        """Send every bot what may be no frame at all."""
        for socket in list(self._connections):
            await socket.send_str(text)

    async def drop(self, code: int = 4000) -> None:
        """Cut every connection; sessions can be resumed."""
        for socket in list(self._connections):
            await socket.close(code=code)

    async def reconnect(self) -> None:
        """Ask every bot to reconnect and resume (op 7), as Discord does every few hours."""
        for socket in list(self._connections):
            await self._send(socket, frame(RECONNECT))

    def entomb(self) -> None:
        """Make zombies of all connections: open, but no heartbeat is acknowledged and nothing is said any more."""
        self._zombies |= set(self._connections)

    def deafen(self) -> None:
        """Hear nothing more on any connection, not even a goodbye, as where the network swallows everything."""
        for line in self._lines.values():
            line.pause_reading()

    async def invalidate(self, *, resumable: bool) -> None:
        """Tell every bot that its session is invalid (op 9); one that is not resumable is forgotten."""
        if not resumable:
            self.forget()
        for socket in list(self._connections):
            await self._send(socket, frame(INVALID_SESSION, resumable))

    def forget(self) -> None:
        """Forget every session: the next resume is answered with INVALID_SESSION."""
        self._sessions.clear()

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from hello to close."""
        socket = web.WebSocketResponse(timeout=1.0)  # for an answer to our own goodbye: there may be nobody
        await socket.prepare(request)
        self._connections[socket] = None
        if request.transport:
            self._lines[socket] = request.transport
        writer: asyncio.Task[None] | None = None
        try:
            await self._send(socket, frame(HELLO, {"heartbeat_interval": int(self._heartbeat * 1000)}))
            writer = await self._login(socket)
            while True:
                await self._read(socket)
        except Closed as closed:
            await socket.close(code=closed.code, message=str(closed).encode())
        except Goodbye as goodbye:
            self._ended(socket, goodbye)
        except ConnectionError:
            pass  # the session can be resumed
        finally:
            await self._disconnected(socket, writer)
        return socket

    async def _login(self, socket: web.WebSocketResponse) -> asyncio.Task[None]:
        """Wait for IDENTIFY or RESUME; then the session's events are written by the task returned."""
        while True:
            op, data = await self._read(socket)
            if op == IDENTIFY:
                return self._listen(socket, self._identify(data), since=0)
            if op == RESUME and (session := self._resume(data)) is not None:
                return self._listen(socket, session, since=data["seq"])
            if op == RESUME:
                await self._send(socket, frame(INVALID_SESSION, False))

    def _listen(self, socket: web.WebSocketResponse, session: Session, since: int) -> asyncio.Task[None]:
        self._connections[socket] = session
        self._world.touch()
        return asyncio.create_task(self._write(socket, session, since), name="gateway-writer")

    async def _write(self, socket: web.WebSocketResponse, session: Session, position: int) -> None:
        with suppress(ConnectionError):
            while True:
                while position < len(session.frames):
                    await self._send(socket, session.frames[position])
                    position += 1
                session.news.clear()
                await session.news.wait()

    async def _read(self, socket: web.WebSocketResponse) -> tuple[int, Any]:
        """The next frame. A heartbeat is acknowledged here; silence for one and a half beats ends the connection."""
        try:
            message = await socket.receive(timeout=self._heartbeat * 1.5)
        except TimeoutError:
            raise Closed(TIMED_OUT, "Session timed out.") from None
        if message.type is WSMsgType.CLOSE:
            raise Goodbye(message.data)
        if message.type is not WSMsgType.TEXT:
            raise ConnectionResetError
        op, data = decoded(message.data)
        if op == HEARTBEAT:
            await self._send(socket, frame(HEARTBEAT_ACK))
        elif self._connections[socket] is None and op not in (IDENTIFY, RESUME):
            raise Closed(NOT_AUTHENTICATED, "Not authenticated.")
        elif self._connections[socket] is not None and op in (IDENTIFY, RESUME):
            raise Closed(ALREADY_AUTHENTICATED, "Already authenticated.")
        return op, data

    def _identify(self, data: Json) -> Session:
        """A new session; the ones that nobody listens to any more are dropped."""
        if data["token"] != self._token:
            raise Closed(WRONG_TOKEN, "Authentication failed.")
        if data["intents"] & PRIVILEGED and not self._privileged:
            raise Closed(DISALLOWED_INTENTS, "Disallowed intent(s).")
        session = Session(intents=data["intents"])
        self._sessions = {one.id: one for one in self._connections.values() if one is not None} | {session.id: session}
        self.identified += 1
        session.add("READY", self._ready(session))
        if self._world.guild.joined:
            session.add("GUILD_CREATE", wire.guild_create(self._world.guild, self._world.me))
        return session

    def _ready(self, session: Session) -> Json:
        world = self._world
        return {
            "v": 10,
            "user": wire.user(world.me),
            "guilds": [{"id": world.guild.id, "unavailable": True}] if world.guild.joined else [],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {"id": world.me.id, "flags": 0, "flags_new": "0"},
        }

    def _resume(self, data: Json) -> Session | None:
        """The session, ready to replay; None if it is unknown or its number is from the future."""
        session = self._sessions.get(data["session_id"])
        if data["token"] != self._token:
            raise Closed(WRONG_TOKEN, "Authentication failed.")
        if session is None or not 0 <= data["seq"] <= len(session.frames):
            return None
        self.resumed += 1
        session.add("RESUMED", {})
        return session

    def _ended(self, socket: web.WebSocketResponse, goodbye: Goodbye) -> None:
        session = self._connections[socket]
        if session is not None and goodbye.ends_session:
            self._sessions.pop(session.id, None)

    async def _disconnected(self, socket: web.WebSocketResponse, writer: asyncio.Task[None] | None) -> None:
        self._connections.pop(socket)
        self._lines.pop(socket, None)
        if writer is not None:
            writer.cancel()
            with suppress(asyncio.CancelledError):
                await writer
        self._world.touch()

    async def _send(self, socket: web.WebSocketResponse, message: Json) -> None:
        if socket in self._zombies:
            return
        await socket.send_str(json.dumps(message))
        self._recorder.frame(message)
