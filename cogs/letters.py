"""What an answer looks like: an outbox row becomes words and pictures.

Knows: sentences, prompts, seeds, file names, and by which mark an answer is known again in a channel's history.
Does not know: how it is sent, and when (counter.py, rounds.py).
"""

import io
from dataclasses import dataclass
from pathlib import Path

import discord

from cogs.text import Name, duration, escape, plain_code, say
from gpu.styles import find
from gpu.types import Done, Enrolled, Failed, Portrait, Rejected
from storage.outbox import Delivery, Home, Letter

LONGEST_PROMPT = 600  # characters that are shown; the message has room for 2000
LONGEST_ALT = 1024
LONGEST_TEXT = 2000
LONGEST_FILE_NAME = 40
MOVED = {Home.ABOVE: "sorry.thread_gone", Home.DIRECT: "sorry.by_letter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message to be. It is marked with the delivery's id: in the file names, or as the last words."""

    id: str  # of the delivery
    text: str
    pictures: tuple[Portrait, ...] = ()
    reply_to: int | None = None

    def files(self) -> list[discord.File]:
        """The pictures, opened anew for each try."""
        return [
            discord.File(one.path, filename=f"{self.id}-{n}.png", description=one.prompt.text[:LONGEST_ALT])
            for n, one in enumerate(self.pictures)
        ]

    def smaller_files(self) -> list[discord.File]:
        """The pictures as JPEGs, a tenth of the size. They are our own, so they are read here. Blocks for a moment."""
        from PIL import Image  # the bot starts without it, and hardly ever needs it

        files: list[discord.File] = []
        for n, one in enumerate(self.pictures):
            small = io.BytesIO()
            with Image.open(one.path) as picture:
                picture.convert("RGB").save(small, "JPEG", quality=85)
            small.seek(0)
            files.append(discord.File(small, f"{self.id}-{n}.jpg", description=one.prompt.text[:LONGEST_ALT]))
        return files


def is_marked(message: discord.Message, delivery_id: str) -> bool:
    """Is this message that delivery? With pictures or without: their files may have gone since."""
    named = any(file.filename.startswith(f"{delivery_id}-") for file in message.attachments)
    return named or message.content.endswith(_mark(delivery_id))


def compose(delivery: Delivery) -> Post:
    """The message of a delivery at its present home. Portraits whose files are gone make it an apology."""
    letter = delivery.letter
    language, outcome = letter.locale, letter.outcome
    pictures = outcome.result.portraits if isinstance(outcome, Done) else ()
    whole = all(one.path.is_file() for one in pictures)
    shown = pictures if whole else ()
    last = [say(language, MOVED[delivery.home])] if delivery.home in MOVED else []
    last += [] if shown else [_mark(delivery.id)]
    text = _words(letter) if whole else say(language, "error.Internal")
    room = LONGEST_TEXT - sum(len(line) + 1 for line in last)
    return Post(
        id=delivery.id,
        text="\n".join([text[:room], *last]),
        pictures=shown,
        reply_to=letter.reply_to if delivery.home is Home.FIRST else None,
    )


def _mark(delivery_id: str) -> str:
    """In small print, for us to find and for people to quote; it also stands in the log."""
    return f"-# {delivery_id}"


def ending(letter: Letter) -> tuple[str, Path | None]:
    """The last words of an enrolment's progress message, and the contact sheet."""
    name, outcome = Name(letter.pet_name), letter.outcome
    if isinstance(outcome, Done) and isinstance(outcome.result, Enrolled):
        time = duration(letter.locale, outcome.seconds)
        return say(letter.locale, "progress.enrolled", name=name, time=time), outcome.result.sheet
    cancelled = isinstance(outcome, Failed) and outcome.error == "Cancelled"
    return say(letter.locale, "progress.cancelled" if cancelled else "progress.failed", name=name), None


def reasons(language: str, refused: list[tuple[str, str]]) -> str:
    """A line for each (file name, key of the reason)."""
    lines = [
        say(language, "enroll.reason", photo=plain_code(name, LONGEST_FILE_NAME), reason=say(language, key))
        for name, key in refused
    ]
    return "\n".join(lines)


def style_name(language: str, style: str) -> str:
    """A style as people call it."""
    known = find(style)
    return known.names[language] if known else escape(style)


def _words(letter: Letter) -> str:
    language, outcome, name = letter.locale, letter.outcome, Name(letter.pet_name)
    if isinstance(outcome, Failed):
        return "\n".join([say(language, f"error.{outcome.error}", name=name), *_rejected(letter, outcome.rejected)])
    recipe = _recipe(language, outcome.result.portraits, outcome.seconds)
    if isinstance(outcome.result, Enrolled):
        return "\n".join(
            [say(language, "enroll.done", name=name), *_rejected(letter, outcome.result.rejected), *recipe]
        )
    style, user = style_name(language, letter.wish.style), f"<@{letter.user_id}>"
    return "\n".join([say(language, "portrait.painted", name=name, style=style, user=user), *recipe])


def _rejected(letter: Letter, rejected: tuple[Rejected, ...]) -> list[str]:
    if not rejected:
        return []
    names = dict(letter.photos)
    lines = reasons(letter.locale, [(names[one.photo], f"cut.{one.reason}") for one in rejected])
    return [say(letter.locale, "enroll.refused", reasons=lines)]


def _recipe(language: str, portraits: tuple[Portrait, ...], seconds: float) -> list[str]:
    if not portraits:
        return []
    prompt = plain_code(portraits[0].prompt.text, LONGEST_PROMPT)
    seeds = ", ".join(str(one.seed) for one in portraits)
    time = duration(language, seconds)
    return [say(language, "portrait.prompt", prompt=prompt), say(language, "portrait.seeds", seeds=seeds, time=time)]
