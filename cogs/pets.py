"""/pets, and /pet forget, export and import.

Knows: who may forget a dog, and how people are asked first. Does not know: which dog is meant
(cogs/shared/pet_choice.py), what belongs to a dog (storage/erasure.py), or how it is taken along and brought back
(exports.py, imports.py). The buttons carry all they need in their custom_id, so they also work after a restart.
"""

from typing import Any, Literal

import discord
from discord import app_commands, ui
from discord.ext import commands

from cogs.exports import Exports
from cogs.imports import Imports
from cogs.shared.errors import Interaction, Sorry
from cogs.shared.persistent import PersistentItem, cog_of
from cogs.shared.pet_choice import choices, find_pet, known_pets
from cogs.shared.services import Services
from cogs.shared.text import Name, label, language, say
from storage.names import MOST_UNITS
from storage.pets import Pet

MOST_LINES = 10  # of /pets; so many of the longest names, every character escaped, fit into a message

How = Literal["forget", "posts", "keep"]
ANSWERS: dict[How, tuple[str, discord.ButtonStyle]] = {
    "forget": ("forget.yes", discord.ButtonStyle.danger),
    "posts": ("forget.posts", discord.ButtonStyle.danger),
    "keep": ("forget.keep", discord.ButtonStyle.secondary),
}
"""To the question of /pet forget, as its buttons: their labels, and how they look."""


class PetsCog(commands.Cog):
    """Shows the dogs that the bot knows, and forgets them."""

    pet = app_commands.Group(name=label("command.pet"), description=label("hint.pet"))

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._exports, self._imports = Exports(services), Imports(bot, services)

    async def cog_load(self) -> None:
        self._bot.add_dynamic_items(ForgetButton)

    @app_commands.command(name=label("command.pets"), description=label("hint.pets"))
    async def pets(self, interaction: Interaction) -> None:
        """The dogs of this server."""
        await interaction.response.defer(ephemeral=True)
        known = await known_pets(self._services, interaction)
        tongue = language(interaction.locale)
        lines = [say(tongue, "pets.title" if known else "pets.none")]
        lines += [_line(tongue, pet) for pet in known[:MOST_LINES]]
        if len(known) > MOST_LINES:
            lines.append(say(tongue, "pets.more", count=len(known) - MOST_LINES))
        await interaction.edit_original_response(content="\n".join(lines))

    @pet.command(name=label("command.forget"), description=label("hint.forget"))
    @app_commands.rename(pet=label("option.pet"))
    @app_commands.describe(pet=label("about.forget_pet"))
    async def forget(self, interaction: Interaction, pet: app_commands.Range[str, 1, 100]) -> None:
        """Ask whether it is meant, with buttons."""
        await interaction.response.defer(ephemeral=True)
        found = await find_pet(self._services, interaction, pet)
        check_owner(interaction, found)
        tongue = language(interaction.locale)
        view = ui.View(timeout=None)
        for how, (key, style) in ANSWERS.items():
            view.add_item(ui.Button(label=say(tongue, key), style=style, custom_id=f"forget:{found.id}:{how}"))
        ask = say(tongue, "forget.ask", name=Name(found.name))
        await interaction.edit_original_response(content=ask, view=view)
        view.stop()  # the dynamic item answers, here as after a restart

    @forget.autocomplete("pet")
    async def own_pets(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """The dogs that this person may forget."""
        known = await known_pets(self._services, interaction)
        mine = (pet for pet in known if may_forget(interaction, pet))
        return await choices(self._services, interaction, mine, typed)

    @pet.command(name=label("command.export"), description=label("hint.export"))
    @app_commands.rename(pet=label("option.pet"))
    @app_commands.describe(pet=label("about.export_pet"))
    async def export(self, interaction: Interaction, pet: app_commands.Range[str, 1, 100]) -> None:
        """Give its owner all that was learnt, as one zip that nobody else sees."""
        await interaction.response.defer(ephemeral=True)
        await self._exports.hand_over(interaction, await find_pet(self._services, interaction, pet))

    @export.autocomplete("pet")
    async def exportable_pets(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """This person's own dogs that are learnt."""
        known = await known_pets(self._services, interaction)
        mine = (pet for pet in known if pet.owner_id == interaction.user.id and pet.state == "ready")
        return await choices(self._services, interaction, mine, typed)

    @pet.command(name=label("command.import"), description=label("hint.import"))
    @app_commands.rename(name=label("option.name"), file=label("option.file"))
    @app_commands.describe(name=label("about.import_name"), file=label("about.import_file"))
    async def import_(
        self, interaction: Interaction, name: app_commands.Range[str, 1, MOST_UNITS], file: discord.Attachment
    ) -> None:
        """Enrol a dog that was learnt elsewhere."""
        await self._imports.take_in(interaction, name, file)

    async def decide(self, interaction: Interaction, pet_id: int, how: How) -> None:
        """A button was pressed. Raises Sorry."""
        await interaction.response.defer()
        tongue = language(interaction.locale)
        pet = await self._services.pets.get(pet_id)
        if pet is None:
            raise Sorry("forget.gone")
        check_owner(interaction, pet)
        if how == "keep":
            text = say(tongue, "forget.kept", name=Name(pet.name))
        else:
            text = await forget_pet(self._services, pet, tongue, with_posts=how == "posts")
        await interaction.edit_original_response(content=text, view=None)


class ForgetButton(PersistentItem[ui.Button[Any]], template=r"forget:(?P<pet>\d+):(?P<how>keep|forget|posts)"):
    """One answer to the question of /pet forget."""

    async def pressed(self, interaction: Interaction) -> None:
        how: How = self.match["how"]  # pyright: ignore[reportAssignmentType] (the template allows no other)
        await cog_of(interaction, PetsCog).decide(interaction, int(self.match["pet"]), how)


def may_forget(interaction: Interaction, pet: Pet) -> bool:
    """Its owner may, and whoever manages the server."""
    return pet.owner_id == interaction.user.id or interaction.permissions.manage_guild


def check_owner(interaction: Interaction, pet: Pet) -> None:
    """Raises Sorry for whoever may not forget this dog."""
    if not may_forget(interaction, pet) or pet.guild_id != interaction.guild_id:
        raise Sorry("sorry.not_yours")


async def forget_pet(services: Services, pet: Pet, tongue: str, *, with_posts: bool) -> str:
    """Forget it; what was removed, in words. Raises Sorry if somebody was quicker."""
    receipt = await services.erasure.forget(pet.id, with_posts=with_posts, stop=services.line.stop)
    if receipt is None:
        raise Sorry("forget.gone")
    counts = {"photos": receipt.photos, "portraits": receipt.portraits, "files": receipt.files}
    text = say(tongue, "forget.done", name=Name(pet.name), **counts)
    if with_posts:
        text += "\n" + say(tongue, "forget.deleted", count=len(receipt.posts))  # TakedownWorker deletes them
    return text


def _line(tongue: str, pet: Pet) -> str:
    who = {"name": Name(pet.name), "owner": f"<@{pet.owner_id}>", "place": f"<#{pet.thread_id or pet.channel_id}>"}
    if pet.state != "looked":
        return say(tongue, f"pets.{pet.state}", **who)
    if pet.learn_at is not None:
        return say(tongue, "pets.looked", **who, when=f"<t:{pet.learn_at:.0f}:R>")
    assert pet.kept_until is not None  # photos that are too few are kept for a while, and no longer
    return say(tongue, "pets.missing", **who, when=f"<t:{pet.kept_until:.0f}:f>")
