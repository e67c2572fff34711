"""The buttons under a portrait, as values, and what stands in their custom ids.

Knows: which there are, and that a custom id holds the delivery's id: by it the portrait is found, whatever process sent
it and however long ago, and a delivery in a channel's history. Does not know: what they do (cogs/buttons.py).
"""

import re
from typing import Literal, get_args

from cogs.api.message import Button
from cogs.shared.text import say

What = Literal["again", "style", "wish", "more", "delete"]
EMOJI: dict[What, str] = {"again": "🔁", "style": "🎨", "wish": "✏️", "more": "➕", "delete": "🗑️"}
"""Five, as many as Discord puts in a row: what else there is stands in the menu of "more"."""

DELIVERY = r"(?P<delivery>(?P<job>[0-9a-f]{12})-\d)"
PORTRAIT_BUTTON = re.compile(rf"portrait:{DELIVERY}:(?P<what>{'|'.join(get_args(What))})")


def portrait_buttons(delivery_id: str, language: str) -> tuple[Button, ...]:
    """The buttons under the portraits of this delivery."""
    return tuple(
        Button(custom_id=f"portrait:{delivery_id}:{what}", label=say(language, f"button.{what}"), emoji=emoji)
        for what, emoji in EMOJI.items()
    )
