"""Buttons and menus that work after any restart: what they need stands in their custom id, and nothing is remembered.

Knows: how a press comes to its cog (discord.py's dynamic items), and that what goes wrong is told to whoever pressed.
Does not know: which buttons and menus there are, or what they do.
"""

import re
from typing import Any, Self, TypeVar

from discord import ui
from discord.ext import commands

from cogs.shared.errors import Interaction, apologising

ItemT = TypeVar("ItemT", bound=ui.Item[Any])
CogT = TypeVar("CogT", bound=commands.Cog)
NOTHING = r"(?!)"  # the template of no custom id


class PersistentItem(ui.DynamicItem[ItemT], template=NOTHING):
    """One that was pressed. A kind of them has a template for its custom ids, and says what a press means."""

    def __init__(self, item: ItemT, match: re.Match[str]) -> None:
        super().__init__(item)
        self.match = match

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: Any, match: re.Match[str], /) -> Self:
        return cls(item, match)

    async def callback(self, interaction: Interaction) -> None:
        async with apologising(interaction):
            await self.pressed(interaction)

    async def pressed(self, interaction: Interaction) -> None:
        """Do what was asked for, by anybody: whether they may is checked now. Raises Sorry, and what may pass."""
        raise NotImplementedError


def cog_of(interaction: Interaction, kind: type[CogT]) -> CogT:
    """The bot's cog of this kind."""
    cog = interaction.client.get_cog(kind.__cog_name__)
    assert isinstance(cog, kind)
    return cog
