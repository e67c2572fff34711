"""The buttons under a portrait: 🔁 again, 🎨 in another style, ✏️ with another wish, ➕ in more ways, 🗑️ deletes it.

Knows: what is asked before a painting (a menu, a form), and who may delete. Does not know: what each way of painting
keeps of a portrait (cogs/shared/rerolls.py), what a reaction under one does (reactions.py), how anything is painted.
The promise kept here: a button works under every portrait ever posted. Nothing about it is remembered in the process:
its custom id holds the job, and those of the menu and the form hold the message too. Whoever presses is told privately;
what they asked for is one job, however often Discord sends the press (storage/presses.py).
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import aiohttp
import discord
from discord import ui
from discord.ext import commands

from cogs.api.refusals import Refused
from cogs.shared.access import check_member
from cogs.shared.errors import DROPPED, Interaction, Sorry, apologising
from cogs.shared.persistent import PersistentItem, cog_of
from cogs.shared.pet_choice import MOST_CHOICES
from cogs.shared.portrait_buttons import DELIVERY, PORTRAIT_BUTTON, What
from cogs.shared.portraits import Asker, PostedPortraits, promise
from cogs.shared.rerolls import Reroll, Way, reroll
from cogs.shared.services import Services
from cogs.shared.style_choice import chosen, known_styles
from cogs.shared.text import language, say, without_tokens
from storage.portraits import PortraitRow

log = logging.getLogger(__name__)

LONGEST_WISH = 300  # characters, as in /portrait
STYLE_MENU = re.compile(rf"style:{DELIVERY}:(?P<message>\d+)(?::\d)?")  # a number where there are several
MORE_MENU = re.compile(rf"more:{DELIVERY}:(?P<message>\d+)")
MORE: dict[str, Way] = {"pose": "pose", "near": "near", "far": "far", "exact": "exact"}
"""By its value in the menu."""
WISH_FORM = re.compile(rf"wish:{DELIVERY}:(?P<message>\d+)")


class ButtonsCog(commands.Cog):
    """Does what the buttons, the menu and the form ask for."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._posted = PostedPortraits(bot, services)

    async def cog_load(self) -> None:
        self._bot.add_dynamic_items(PortraitButton, StyleMenu, MoreMenu)

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """A form for a wish was sent: forms are not kept, so that one from before a restart is like any other."""
        data: dict[str, Any] = {**interaction.data} if interaction.data else {}
        form = WISH_FORM.fullmatch(str(data.get("custom_id")))
        if form and interaction.type is discord.InteractionType.modal_submit:
            async with apologising(interaction):
                [row] = data["components"]
                await self.change_wish(interaction, form, row["component"]["value"])

    async def press(self, interaction: Interaction, button: re.Match[str]) -> None:
        """A button was pressed. Raises Sorry, and what may pass."""
        assert interaction.message
        check_member(self._bot, interaction)
        what: What = button["what"]  # pyright: ignore[reportAssignmentType] (the template allows no other)
        if what == "wish":  # a form is a first answer: it cannot come after another one
            rows = await self._rows(button)
            await self._services.models.check()  # before anybody types for nothing
            form = WishForm(button["delivery"], interaction.message.id, rows[0].wish.text, language(interaction.locale))
            await interaction.response.send_modal(form)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        rows = await self._rows(button)
        if what == "delete":
            await self._delete(interaction, rows)
        elif what == "style":
            styles = await known_styles(self._services, interaction)
            await _offer(interaction, "portrait.which_style", *_style_menus(button["delivery"], interaction, styles))
        elif what == "more":
            await _offer(interaction, "portrait.what_more", _more_menu(button["delivery"], interaction))
        else:
            await self._paint(interaction, rows, interaction.message.id, reroll(rows, "again"))

    async def choose_style(self, interaction: Interaction, menu: re.Match[str], style: str) -> None:
        """A style was chosen. Raises Sorry, and what may pass."""
        await interaction.response.defer()
        assert interaction.guild_id  # portraits with buttons hang in servers
        rows = await self._rows(menu)
        wish = replace(await chosen(self._services, interaction.guild_id, style), text=rows[0].wish.text)
        await self._paint(interaction, rows, int(menu["message"]), reroll(rows, "style", wish))

    async def choose_more(self, interaction: Interaction, menu: re.Match[str], way: str) -> None:
        """A way to paint it anew was chosen. Raises Sorry, and what may pass."""
        await interaction.response.defer()
        rows = await self._rows(menu)
        await self._paint(interaction, rows, int(menu["message"]), reroll(rows, MORE[way]))

    async def change_wish(self, interaction: Interaction, form: re.Match[str], typed: str) -> None:
        """The form for a wish was sent. Raises Sorry, and what may pass."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        rows = await self._rows(form)
        wish = replace(rows[0].wish, text=without_tokens(typed))
        await self._paint(interaction, rows, int(form["message"]), reroll(rows, "wish", wish))

    async def _rows(self, match: re.Match[str]) -> list[PortraitRow]:
        """The portraits of the message. Raises Sorry where nothing of it is kept any more.

        By their job, as a process that was killed may have sent the message without noting its id.
        """
        rows = await self._services.portraits.of_job(match["job"])
        if not rows:
            raise Sorry("sorry.no_portrait")
        return rows

    async def _paint(self, interaction: Interaction, rows: list[PortraitRow], message_id: int, ask: Reroll) -> None:
        assert interaction.channel_id  # portraits with buttons hang in servers
        asker = Asker(
            user_id=interaction.user.id,
            channel_id=interaction.channel_id,
            message_id=message_id,
            locale=language(interaction.locale),
            interaction_id=interaction.id,
        )
        job = await self._posted.paint(rows, ask, asker)
        try:
            await interaction.edit_original_response(content=await promise(self._services, job), view=None)
        except DROPPED as error:  # it is in line all the same
            log.warning("The answer to job %s was dropped: %s", job.id, error)

    async def _delete(self, interaction: Interaction, rows: list[PortraitRow]) -> None:
        assert interaction.message and interaction.channel_id
        by_right = await self._posted.belongs_to(interaction.user.id, rows)
        if not by_right and not interaction.permissions.manage_messages:
            raise Sorry("sorry.not_your_portrait", user=interaction.user.mention)
        if rows[0].message_id is None:  # just sent: whoever sends it has to hear of that first, or would send it again
            raise Sorry("sorry.no_delete")
        try:
            await self._posted.delete(rows, interaction.channel_id, interaction.message.id)
        except (Refused, aiohttp.ClientError, OSError) as error:
            log.warning("Portrait %s is not deleted: %s", interaction.message.id, error)
            raise Sorry("sorry.no_delete") from None
        await interaction.edit_original_response(content=say(language(interaction.locale), "portrait.deleted"))


class PortraitButton(PersistentItem[ui.Button[Any]], template=PORTRAIT_BUTTON):
    """A button under a portrait."""

    async def pressed(self, interaction: Interaction) -> None:
        await cog_of(interaction, ButtonsCog).press(interaction, self.match)


class StyleMenu(PersistentItem[ui.Select[Any]], template=STYLE_MENU):
    """The menu of styles that 🎨 opens."""

    async def pressed(self, interaction: Interaction) -> None:
        await cog_of(interaction, ButtonsCog).choose_style(interaction, self.match, self.item.values[0])


class MoreMenu(PersistentItem[ui.Select[Any]], template=MORE_MENU):
    """The menu that ➕ opens."""

    async def pressed(self, interaction: Interaction) -> None:
        await cog_of(interaction, ButtonsCog).choose_more(interaction, self.match, self.item.values[0])


async def _offer(interaction: Interaction, question: str, *menus: ui.Select[Any]) -> None:
    view = ui.View(timeout=None)
    for menu in menus:
        view.add_item(menu)
    view.stop()  # StyleMenu or MoreMenu answers, here as after a restart
    await interaction.edit_original_response(content=say(language(interaction.locale), question), view=view)


def _style_menus(delivery_id: str, interaction: Interaction, styles: dict[str, str]) -> Iterator[ui.Select[Any]]:
    """As many as so many styles need; each says from which to which."""
    assert interaction.message
    options = [discord.SelectOption(label=name, value=value) for value, name in styles.items()]
    for number, some in enumerate(discord.utils.as_chunks(options, MOST_CHOICES)):
        custom_id = f"style:{delivery_id}:{interaction.message.id}:{number}"
        yield ui.Select(custom_id=custom_id, placeholder=f"{some[0].label} – {some[-1].label}", options=some)


def _more_menu(delivery_id: str, interaction: Interaction) -> ui.Select[Any]:
    """What else can be painted from this portrait: the ways that have no button of their own, in this language."""
    assert interaction.message
    tongue = language(interaction.locale)
    options = [
        discord.SelectOption(label=say(tongue, f"way.{way}"), description=say(tongue, f"about_way.{way}"), value=way)
        for way in MORE
    ]
    return ui.Select(custom_id=f"more:{delivery_id}:{interaction.message.id}", options=options)


class WishForm(ui.Modal):
    """The form that ✏️ opens, with the old wish in it."""

    def __init__(self, delivery_id: str, message_id: int, wish: str, tongue: str) -> None:
        super().__init__(
            title=say(tongue, "portrait.change_wish"), timeout=None, custom_id=f"wish:{delivery_id}:{message_id}"
        )
        typed = ui.TextInput[Self](
            style=discord.TextStyle.paragraph, default=wish or None, max_length=LONGEST_WISH, required=False
        )
        self.add_item(ui.Label(text=say(tongue, "button.wish"), description=say(tongue, "about.wish"), component=typed))
        self.stop()  # ButtonsCog.on_interaction reads it, here as after a restart
