"""The form for photos, with the line of consent: those of a new pet, or others in place of some.

Knows: what it asks, and that a form which an earlier process opened cannot be read by this one, as discord.py keeps in
memory what is to be done with it. Does not know: what becomes of the photos (enroll.py, looks.py).
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence

from discord import Attachment, ui

from cogs.shared.errors import Interaction, apologising
from cogs.shared.text import say

FORM_S = 24 * 3600.0  # nobody answers a form that is sent after this
BOOT = secrets.token_hex(4)  # of this process

Take = Callable[[Interaction, Sequence[Attachment]], Awaitable[None]]


class PhotoForm(ui.Modal):
    """Asks for `fewest` to `most` photos, which `take` is then given; what it raises is told."""

    def __init__(self, language: str, title: str, asked: str, fewest: int, most: int, take: Take) -> None:
        custom_id = f"enroll:{BOOT}{secrets.token_hex(4)}"
        super().__init__(title=title, timeout=FORM_S, custom_id=custom_id)
        self._take = take
        self._photos = ui.FileUpload[ui.Modal](custom_id="photos", min_values=fewest, max_values=most)
        hint = say(language, "enroll.photos_hint")
        self.add_item(ui.Label(text=asked, description=hint, component=self._photos))
        self.add_item(ui.TextDisplay(say(language, "enroll.consent")))

    async def on_submit(self, interaction: Interaction, /) -> None:
        async with apologising(interaction):
            await self._take(interaction, self._photos.values)


def is_lost(custom_id: str) -> bool:
    """Is it a form for photos that an earlier process opened?"""
    kind, _, boot = custom_id.partition(":")
    return kind == "enroll" and not boot.startswith(BOOT)
