"""Loopback: the parts put together, and what a test or the demo holds in its hands.

Knows: every part. Does nothing itself but start, stop and hand out.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from tests.loopback import threads, wire
from tests.loopback.channels import Channels
from tests.loopback.clock import Clock
from tests.loopback.commands import Commands
from tests.loopback.faults import Fault, Faults, Limit
from tests.loopback.gateway import Gateway
from tests.loopback.interactions import Interactions
from tests.loopback.limits import RateLimits
from tests.loopback.people import Person
from tests.loopback.record import Recorder
from tests.loopback.rest import API, Application, front_door
from tests.loopback.rules import REQUEST_BYTES
from tests.loopback.state import Channel, Place, Thread
from tests.loopback.values import Json
from tests.loopback.world import World

Truth = TypeVar("Truth")

TOKEN = "loopback.token.not-a-secret"


class Loopback:
    """A running Discord with one guild and one channel. Start it with `await Loopback.start()`."""

    def __init__(
        self, clock: Clock, recorder: Recorder, *, token: str, privileged: bool, heartbeat: float, pace: float
    ) -> None:  # fmt: skip
        self.token = token
        self.clock = clock
        self.world = World(clock, "Kennel")
        self.guild = self.world.guild
        self.gateway = Gateway(self.world, recorder, token, privileged=privileged, heartbeat=heartbeat)
        self.world.tell = self.gateway.tell
        self.channel = self.world.new_channel("dogs")
        self._faults = Faults(clock)
        self._commands = Commands(self.world.me.id, self.world.snowflakes)
        self._interactions = Interactions(self.world)
        application = Application(self.world, self._commands, lambda: self.gateway.url)
        channels = Channels(self.world, message_content=privileged)
        door = front_door(token, self._faults, RateLimits(clock, pace), recorder)
        app = web.Application(client_max_size=REQUEST_BYTES, middlewares=[door])
        app.add_routes([*application.routes(), *channels.routes(), *self._interactions.routes()])
        app.router.add_get("/gw", self.gateway.connect)
        app.router.add_get("/cdn/{folder}/{owner_id}/{file_id}/{name}", self.world.cdn.serve)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        self.host = ""

    @classmethod
    async def start(
        cls, *, record: Path | None = None, clock: Clock | None = None, token: str = TOKEN,
        privileged: bool = False, heartbeat: float = 41.25, pace: float = 1.0,
    ) -> Self:  # fmt: skip
        """Listen on 127.0.0.1 on a free port.

        record: a folder for traffic.jsonl and frames.jsonl. privileged: the application may use privileged intents.
        heartbeat: seconds between the beats that the gateway asks for. pace: how many times faster than Discord's the
        rate limits' windows pass, where a test makes more requests than Discord would let through.
        """
        loopback = cls(
            clock or Clock(), Recorder(record), token=token, privileged=privileged, heartbeat=heartbeat, pace=pace
        )  # fmt: skip
        await loopback.listen()
        return loopback

    async def listen(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self.world.cdn.origin = f"http://{self.host}"
        self.gateway.url = f"ws://{self.host}/gw"

    async def close(self) -> None:
        """Cut every connection and stop."""
        await self.gateway.drop(1001)
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def api(self) -> str:
        """The REST API's base URL."""
        return f"http://{self.host}{API}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which the bot finds this Discord."""
        return {
            "DISCORD_TOKEN": self.token,
            "DISCORD_API": self.api,
            "DISCORD_GATEWAY": self.gateway.url,
            "DISCORD_CDN_HOSTS": self.host,
        }

    # ---- people and places ---------------------------------------------------------------------------------

    def person(self, name: str, *, locale: str = "en-US", permissions: int = 0) -> Person:
        """A new member; `permissions` are held besides what @everyone may do (tests.loopback.permissions)."""
        user = self.world.new_user(name, locale=locale, permissions=permissions)
        self.guild.users[user.id] = user
        role = wire.role(user.role_id, name, permissions)
        self.world.event("GUILD_ROLE_CREATE", {"guild_id": self.guild.id, "role": role})
        return Person(user, self.world, self._commands, self._interactions)

    def new_channel(self, name: str) -> Channel:
        """One more text channel."""
        return self.world.new_channel(name)

    def deny(self, permissions: int, channel: Channel | None = None, person: Person | None = None) -> None:
        """Take these permissions from the bot, or from a person, in a channel and its threads (0 gives all back)."""
        channel = channel or self.channel
        channel.denied[person.id if person else self.world.me.id] = permissions
        self.world.event("CHANNEL_UPDATE", wire.channel(channel, self.guild))

    @property
    def threads(self) -> list[Thread]:
        """Every thread, oldest first."""
        return list(self.guild.threads.values())

    def archive(self, thread: Thread, *, locked: bool = False) -> None:
        """Archive a thread, as Discord does after a time without messages."""
        threads.change(self.world, thread, {"archived": True, "locked": locked})

    def delete(self, place: Place) -> None:
        """Delete a channel or a thread, as a moderator does."""
        if isinstance(place, Thread):
            threads.delete(self.world, place)
        else:
            self.world.remove(place)

    def leave(self, *, outage: bool = False) -> None:
        """Send the bot away from the guild; or let the guild only be unavailable for a while."""
        self.guild.joined = outage
        self.world.event(
            "GUILD_DELETE", {"id": self.guild.id, "unavailable": True} if outage else {"id": self.guild.id}
        )

    def join(self) -> None:
        """Ask the bot in again; or end an outage. Only a guild that was unavailable says that it is so no more."""
        told = wire.guild_create(self.guild, self.world.me)
        if not self.guild.joined:
            del told["unavailable"]
        self.guild.joined = True
        self.world.event("GUILD_CREATE", told)

    # ---- what there is to see ------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Is the bot logged in?"""
        return self.gateway.online

    @property
    def commands(self) -> list[Json]:
        """The commands that the bot has registered, global ones first."""
        return [*self._commands.of(None), *self._commands.of(self.guild.id)]

    def messages(self, place: Place) -> list[Json]:
        """The messages of a channel or thread that everybody sees, oldest first, with fresh file URLs."""
        return [self.world.wire(message) for message in self.world.history(place)]

    def file(self, message: Json, number: int = 0) -> bytes:
        """The bytes of a message's file."""
        return self.world.messages[message["id"]].files[number].data

    async def until(self, predicate: Callable[[], Truth | None], timeout: float = 10.0) -> Truth:  # noqa: ASYNC109
        """The predicate's first true value, looked at after every change. Raises TimeoutError after `timeout` s."""
        return await self.world.until(predicate, timeout)

    # ---- bad days ------------------------------------------------------------------------------------------

    def limit(self, method: str, route: str, *, count: int, per: float) -> Limit:
        """Allow `count` requests in `per` seconds on a route, such as "/channels/{channel_id}/messages"; 429 beyond.

        No header announces it, as with the limits that Discord has inside of others.
        """
        limit = Limit(method=method, route=route, count=count, per=per)
        self._faults.limits.append(limit)
        return limit

    def fail(
        self, method: str, route: str, *, status: int = 0, code: int = 0, times: int = 1, after: bool = False,
        slow: float = 0.0, share: float = 1.0, seed: int = 0, within: str = "",
    ) -> Fault:  # fmt: skip
        """Let the next requests fail with a 5xx, a ban (429), or a cut connection (0); `after`: once carried out.

        code: Discord's own error code, for a refusal that Discord itself makes.
        slow: seconds before that; status 200 is the true answer, only late. share: of the requests, drawn by the seed.
        within: only requests with this in their path, such as a channel's id.
        """
        fault = Fault(
            method=method, route=route, status=status, code=code, times=times, after=after, slow=slow, share=share,
            random=Random(seed), within=within,
        )  # fmt: skip
        self._faults.faults.append(fault)
        return fault
