"""A message that is about to be sent: text, pictures, buttons, and the mark by which it is found again in a channel.

Knows: Discord's files and buttons, and where the delivery's id stands (in the file names, the buttons' custom ids, or
the last line). Does not know: what the message says, or how it is sent (transport.py).
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import discord
from discord import ui

LONGEST_ALT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of ours, called "{delivery id}-{name}" in Discord; `alt` is read out to those who do not see it."""

    path: Path
    name: str
    alt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button under a message; whoever presses it is known by its custom id alone, so that it outlives a restart."""

    custom_id: str  # 1-100 characters, no other like it in the message
    label: str  # 80 characters at most; may be empty beside an emoji
    emoji: str | None = None
    style: Literal["primary", "secondary", "success", "danger"] = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message that is about to be sent, marked with the delivery's id."""

    id: str  # of the delivery
    text: str
    pictures: tuple[Picture, ...] = ()
    buttons: tuple[Button, ...] = ()  # 25 at most, shown in rows of five
    reply_to: int | None = None
    mention: int | None = None  # user id of the one person who is notified; the text names them, as "<@id>"

    def view(self) -> ui.View | None:
        """The buttons as discord.py takes them, not to be kept: dynamic items answer, now and in any process."""
        if not self.buttons:
            return None
        view = ui.View(timeout=None)
        for one in self.buttons:
            style = discord.ButtonStyle[one.style]
            view.add_item(ui.Button[Any](custom_id=one.custom_id, label=one.label, emoji=one.emoji, style=style))
        view.stop()
        return view

    def mentions(self) -> discord.AllowedMentions:
        """Who is notified: one person, or nobody."""
        people = [discord.Object(self.mention)] if self.mention is not None else []
        return discord.AllowedMentions(everyone=False, roles=False, users=people, replied_user=False)

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
    """Is this message that delivery? Any mark will do: between two tries the files may have been removed."""
    named = any(file.filename.startswith(f"{delivery_id}-") for file in message.attachments)
    return named or message.content.endswith(mark_of(delivery_id)) or delivery_id in _custom_ids(message)


def _custom_ids(message: discord.Message) -> set[str]:
    """The parts of the custom ids under a message, which are split by colons."""
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    customs = [one.custom_id for row in rows for one in row.children if isinstance(one, discord.Button)]
    return {part for custom_id in customs if custom_id for part in custom_id.split(":")}


def mark_of(delivery_id: str) -> str:
    """The mark as a last line in small print; people can quote it, and it stands in the log."""
    return f"-# {delivery_id}"
