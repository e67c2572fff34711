"""The things that this Discord remembers.

Knows: users, channels, threads, messages, files. Does not know: how they look on the wire (wire.py), or the rules.
Ids are strings of digits, as on the wire; times are seconds since 1970.
"""

import mimetypes
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from tests.loopback.permissions import EVERYONE
from tests.loopback.values import Json


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in, from a person or from the bot."""

    name: str
    data: bytes = field(repr=False)
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file on the CDN."""

    id: str
    name: str
    data: bytes = field(repr=False)
    folder: str  # "attachments/<channel id>" or "ephemeral-attachments/<application id>"
    description: str | None
    title: str | None  # the stem as given, where the name does not hold it
    size: tuple[int, int] | None  # width and height in pixels, of a picture that Discord can read

    @property
    def content_type(self) -> str:
        """By the name alone, as Discord does it: a text named .jpg is image/jpeg."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def ephemeral(self) -> bool:
        """Came with an interaction, in no message that everybody sees."""
        return self.folder.startswith("ephemeral")


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None if it is no picture of the kinds that Discord shows."""
    try:
        with Image.open(BytesIO(data), formats=["JPEG", "PNG", "GIF", "WEBP"]) as picture:
            return picture.size
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, OSError):
        return None


@dataclass(slots=True, kw_only=True)
class User:
    """A person or the bot. `permissions` are held besides what @everyone may do, through a role of their own."""

    id: str
    name: str
    bot: bool = False
    locale: str = "en-US"
    permissions: int = 0
    role_id: str
    closed: bool = False  # takes no direct messages


@dataclass(slots=True, kw_only=True)
class Channel:
    """A text channel of the guild, or the direct messages of a person and the bot."""

    id: str
    name: str
    recipient: User | None = None  # of direct messages
    denied: dict[str, int] = field(default_factory=dict[str, int])  # user id -> permission bits taken away
    last_message_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Thread:
    """A public thread below a channel."""

    id: str
    name: str
    parent: Channel
    owner_id: str
    created: float
    archive_minutes: int
    changed: float  # when it was archived or un-archived last
    archived: bool = False
    locked: bool = False
    members: list[str] = field(default_factory=list[str])
    last_message_id: str | None = None
    sent: int = 0  # messages ever


Place = Channel | Thread


@dataclass(slots=True, kw_only=True)
class Message:
    """A message; an ephemeral one is seen by one person and by nobody else."""

    id: str
    place: Place
    author: User
    created: float
    content: str
    embeds: list[Json]
    components: list[Json]
    files: list[File]
    kind: int  # 0 default, 19 reply, 20 answer to a slash command
    flags: int
    mentions: list[User]
    mention_everyone: bool
    interaction: Json | None = None  # interaction_metadata
    reference: Json | None = None
    thread: Thread | None = None
    edited: float | None = None
    reactions: dict[str, dict[str, bool]] = field(default_factory=dict[str, dict[str, bool]])  # emoji, user id -> burst


@dataclass(slots=True, kw_only=True)
class Guild:
    """The one guild, with its people and channels."""

    id: str
    name: str
    owner: User
    created: float
    joined: bool = True  # is the bot in it?
    users: dict[str, User] = field(default_factory=dict[str, User])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    threads: dict[str, Thread] = field(default_factory=dict[str, Thread])

    def permissions(self, user: User, place: Place) -> int:
        """What a user may do in a channel, or in a thread of it."""
        channel = place.parent if isinstance(place, Thread) else place
        if channel.recipient is None and not self.joined:
            return 0
        return (EVERYONE | user.permissions) & ~channel.denied.get(user.id, 0)
