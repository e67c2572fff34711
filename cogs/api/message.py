"""A message that is about to be sent: text, pictures, and the mark by which it is found in a channel's history.

Knows: Discord's files, and where the delivery's id stands (in the file names, or in the last line). Does not know: what
the message says, or how it is sent (transport.py).
"""

import io
from dataclasses import dataclass
from pathlib import Path

import discord

LONGEST_ALT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of ours, called "{delivery id}-{name}" in Discord; `alt` is read out to those who do not see it."""

    path: Path
    name: str
    alt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message that is about to be sent, marked with the delivery's id: in the file names, or as the last line."""

    id: str  # of the delivery
    text: str
    pictures: tuple[Picture, ...] = ()
    reply_to: int | None = None

    def files(self) -> list[discord.File]:
        """The pictures, opened anew for each try."""
        return [
            discord.File(one.path, filename=f"{self.id}-{one.name}.png", description=one.alt and one.alt[:LONGEST_ALT])
            for one in self.pictures
        ]

    def smaller_files(self) -> list[discord.File]:
        """The pictures as JPEGs, a tenth of the size. They are our own, so they are read here. Blocks for a moment."""
        from PIL import Image  # the bot starts without it, and hardly ever needs it

        files: list[discord.File] = []
        for one in self.pictures:
            small = io.BytesIO()
            with Image.open(one.path) as picture:
                picture.convert("RGB").save(small, "JPEG", quality=85)
            small.seek(0)
            alt = one.alt and one.alt[:LONGEST_ALT]
            files.append(discord.File(small, f"{self.id}-{one.name}.jpg", description=alt))
        return files


def is_marked(message: discord.Message, delivery_id: str) -> bool:
    """Is this message that delivery? Either mark will do: between two tries the files may have been removed."""
    named = any(file.filename.startswith(f"{delivery_id}-") for file in message.attachments)
    return named or message.content.endswith(mark_of(delivery_id))


def mark_of(delivery_id: str) -> str:
    """The mark as a last line in small print; people can quote it, and it stands in the log."""
    return f"-# {delivery_id}"
