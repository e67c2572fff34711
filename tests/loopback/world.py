"""The one guild, who waits for a change in it, and where changes are told.

Knows: looking up, storing files, waiting. Does not know: HTTP, or how messages.py and the others change it.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TypeVar

from tests.loopback import wire
from tests.loopback.cdn import Cdn
from tests.loopback.clock import Clock, Snowflakes
from tests.loopback.refusals import UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, Refused
from tests.loopback.rules import EPHEMERAL
from tests.loopback.state import Channel, File, Guild, Message, Place, Upload, User, picture_size
from tests.loopback.values import Json

Truth = TypeVar("Truth")


class World:
    """The guild and all that is said in it."""

    def __init__(self, clock: Clock, guild: str) -> None:
        self.clock = clock
        self.snowflakes = Snowflakes(clock)
        self.me = self.new_user("Pawtrait", bot=True)
        owner = self.new_user("Owner")
        self.guild = Guild(id=self.snowflakes(), name=guild, owner=owner, created=clock.now())
        self.guild.users = {self.me.id: self.me, owner.id: owner}
        self.doors: dict[str, Channel] = {}  # direct messages, by channel id
        self.messages: dict[str, Message] = {}  # oldest first
        self.files: dict[str, File] = {}
        self.nonces: dict[tuple[str, str], tuple[str, float]] = {}  # author, nonce -> message id, time
        self.cdn = Cdn(clock, self.files)
        self.tell: Callable[[str, Json], None] = lambda event, data: None  # the gateway, once there is one
        self._changed = asyncio.Event()

    def new_user(self, name: str, *, bot: bool = False, locale: str = "en-US", permissions: int = 0) -> User:
        """A user with ids of their own, not yet in the guild."""
        ids = self.snowflakes(), self.snowflakes()
        return User(id=ids[0], role_id=ids[1], name=name, bot=bot, locale=locale, permissions=permissions)

    def new_channel(self, name: str) -> Channel:
        """A text channel; the bot is told."""
        channel = Channel(id=self.snowflakes(), name=name)
        self.guild.channels[channel.id] = channel
        self.event("CHANNEL_CREATE", wire.channel(channel, self.guild))
        return channel

    def remove(self, channel: Channel) -> None:
        """Delete a text channel with its threads and all that was said; the bot hears of the channel alone."""
        del self.guild.channels[channel.id]
        below = [thread for thread in self.guild.threads.values() if thread.parent is channel]
        for thread in below:
            del self.guild.threads[thread.id]
        for place in (channel, *below):
            for message in self.history(place):
                del self.messages[message.id]
        self.event("CHANNEL_DELETE", wire.channel(channel, self.guild))

    def door(self, user: User) -> Channel:
        """The direct messages of a person; opened at the first time."""
        known = [channel for channel in self.doors.values() if channel.recipient is user]
        channel = known[0] if known else Channel(id=self.snowflakes(), name="", recipient=user)
        self.doors[channel.id] = channel
        return channel

    def touch(self) -> None:
        """Something changed: wake everybody who waits in `until`."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, predicate: Callable[[], Truth | None], timeout: float) -> Truth:  # noqa: ASYNC109 (it is the API)
        """The predicate's first true value, looked at after every change. Raises TimeoutError after `timeout` s."""
        async with asyncio.timeout(timeout):
            while not (value := predicate()):
                await self._changed.wait()
        return value

    def event(self, name: str, data: Json) -> None:
        """Tell the bot, and wake who waits."""
        self.tell(name, data)
        self.touch()

    def place(self, channel_id: str) -> Place:
        """A channel or thread by its id."""
        guild = self.guild
        place = guild.channels.get(channel_id) or guild.threads.get(channel_id) or self.doors.get(channel_id)
        if place is None:
            raise Refused(UNKNOWN_CHANNEL)
        return place

    def message(self, channel_id: str, message_id: str) -> Message:
        """A message that everybody in the channel can see."""
        found = self.messages.get(message_id)
        if found is None or found.place.id != channel_id or found.flags & EPHEMERAL:
            raise Refused(UNKNOWN_MESSAGE)
        return found

    def history(self, place: Place) -> list[Message]:
        """The visible messages of a channel or thread, oldest first."""
        return [one for one in self.messages.values() if one.place is place and not one.flags & EPHEMERAL]

    def wire(self, message: Message) -> Json:
        """A message as on the wire."""
        return wire.message(message, self.guild, self.cdn, self.me)

    def told(self, message: Message) -> Json:
        """A message as in an event, with its guild and its author's membership."""
        author = wire.member(message.author, self.guild, whole=False)
        return self.wire(message) | {"guild_id": self.guild.id, "member": author}

    def updated(self, message: Message) -> None:
        """Tell that a message changed; an ephemeral one is told to nobody."""
        if message.flags & EPHEMERAL:
            self.touch()
        else:
            self.event("MESSAGE_UPDATE", self.told(message))

    def store(self, upload: Upload, folder: str) -> File:
        """Put a file on the CDN. In its name Discord writes underscores for blanks and leaves out what is not Latin.

        The stem of a name that lost something is kept as the title (discord-api-docs #6945).
        """
        given = re.sub(r"\s", "_", upload.name)
        name = re.sub(r"[^\w.-]", "", given, flags=re.ASCII)
        title = PurePosixPath(upload.name).stem if name != given else None
        file = File(
            id=self.snowflakes(), name=name, data=upload.data, folder=folder, description=upload.description,
            title=title, size=picture_size(upload.data),
        )  # fmt: skip
        self.files[file.id] = file
        return file
