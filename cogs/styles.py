"""/styles: the catalogue in pages, with pictures that were painted in this server.

Knows: the page, and the buttons that turn it; they hold the page in their custom ids, so they work after a restart.
Does not know: where the pictures come from (cogs/shared/examples.py), or how a server's own styles are added
(cogs/own_styles.py).
"""

from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs.shared.access import check_member
from cogs.shared.errors import Interaction
from cogs.shared.examples import pictures
from cogs.shared.persistent import PersistentItem, cog_of
from cogs.shared.services import Services
from cogs.shared.text import ENGLISH, Name, escape, isolated, label, language, say, style_name
from gpu.styles import STYLES
from storage.styles import ServerStyle

PER_PAGE = 5  # styles: each with its picture still fits a phone's thumb, and the page Discord's 40 components


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A style as the page shows it."""

    wished: str  # as a wish holds it
    name: str
    description: str
    own: bool = False  # of this server
    learnt: bool = True  # do the models know it?


class StylesCog(commands.Cog):
    """Shows the styles."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services

    async def cog_load(self) -> None:
        self._bot.add_dynamic_items(PageButton)

    @app_commands.command(name=label("command.styles"), description=label("hint.styles"))
    async def styles(self, interaction: Interaction) -> None:
        """The first page, to whoever asks alone."""
        await interaction.response.defer(ephemeral=True)
        await self._show(interaction, 0)

    async def turn(self, interaction: Interaction, page: int) -> None:
        """A button was pressed."""
        await interaction.response.defer()
        await self._show(interaction, page)

    async def _show(self, interaction: Interaction, page: int) -> None:
        """Raises Sorry in a server that has our commands and not us."""
        check_member(self._bot, interaction)
        assert interaction.guild_id  # commands are for guilds only
        tongue = language(interaction.locale)
        entries = self._entries(tongue, await self._services.styles.of_guild(interaction.guild_id))
        pages = [entries[at : at + PER_PAGE] for at in range(0, len(entries), PER_PAGE)]
        page = min(page, len(pages) - 1)  # its server may have fewer styles by now
        urls = await pictures(self._bot, self._services, interaction, [one.wished for one in pages[page]])
        await interaction.edit_original_response(view=_page(tongue, pages, page, urls))

    def _entries(self, tongue: str, own: list[ServerStyle]) -> list[Entry]:
        """The server's styles, then the catalogue's."""
        learnt = self._services.models.have_learnt
        ours = [
            Entry(wished=one.medium, name=one.name, description=one.description, own=True, learnt=learnt(one.medium))
            for one in own
        ]
        return ours + [
            Entry(
                wished=key,
                name=style_name(tongue, key),
                description=style.description.get(tongue, style.description.get(ENGLISH, style.medium)),
                learnt=learnt(key),
            )
            for key, style in STYLES.items()
        ]


class PageButton(PersistentItem[ui.Button[Any]], template=r"styles:(?P<page>\d{1,3})"):
    """Turns to a page."""

    async def pressed(self, interaction: Interaction) -> None:
        """By whoever asked: nobody else sees it."""
        await cog_of(interaction, StylesCog).turn(interaction, int(self.match["page"]))


def _page(tongue: str, pages: list[list[Entry]], page: int, urls: dict[str, str]) -> ui.LayoutView:
    """One page, not to be kept: dynamic items answer its buttons, now and in any process."""
    container = ui.Container[Any](ui.TextDisplay(say(tongue, "styles.title", page=page + 1, pages=len(pages))))
    for entry in pages[page]:
        url = urls.get(entry.wished)
        container.add_item(ui.Separator())
        container.add_item(ui.TextDisplay(_words(tongue, entry, has_picture=url is not None)))
        if url:
            alt = say(tongue, "styles.example", name=isolated(entry.name))
            container.add_item(ui.MediaGallery(discord.MediaGalleryItem(url, description=alt)))
    view = ui.LayoutView(timeout=None)
    view.add_item(container)
    view.add_item(_turning(tongue, page, len(pages)))
    view.stop()
    return view


def _words(tongue: str, entry: Entry, *, has_picture: bool) -> str:
    lines = [say(tongue, "styles.entry", name=Name(entry.name), description=escape(entry.description))]
    lines += [say(tongue, "styles.own")] if entry.own else []
    if not entry.learnt:
        lines.append(say(tongue, "styles.not_for_pocket"))
    elif not has_picture:
        lines.append(say(tongue, "styles.no_picture"))
    return "\n".join(lines)


def _turning(tongue: str, page: int, pages: int) -> ui.ActionRow[Any]:
    """The buttons to the page before and the page after, where there is one."""
    row = ui.ActionRow[Any]()
    if page > 0:
        row.add_item(ui.Button(label=say(tongue, "styles.earlier"), emoji="◀️", custom_id=f"styles:{page - 1}"))
    if page + 1 < pages:
        row.add_item(ui.Button(label=say(tongue, "styles.later"), emoji="▶️", custom_id=f"styles:{page + 1}"))
    return row
