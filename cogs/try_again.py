"""The buttons under an enrolment that failed: try again with the same photos, or forget them now.

Knows: who may press them. Does not know: which failures keep their photos (storage/settlement.py), how a try is put in
line (storage/failed.py), how the buttons look (cogs/shared/failed_buttons.py). They carry all they need in their custom
id, so they work after any restart; once their time is over, or after another press, they say so.
"""

import asyncio
import logging
from typing import Any

from discord import ui
from discord.ext import commands

from cogs.pets import check_owner, forget_pet
from cogs.shared.errors import DROPPED, Interaction, Sorry
from cogs.shared.failed_buttons import FAILED_BUTTON
from cogs.shared.persistent import PersistentItem, cog_of
from cogs.shared.services import Services
from cogs.shared.text import Name, language, say
from storage.failed import NotKept
from storage.jobs import LineFull
from storage.pets import Pet

log = logging.getLogger(__name__)


class TryAgainCog(commands.Cog):
    """Does what the buttons ask for, and removes what nobody asked for in time."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._worker: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._bot.add_dynamic_items(FailedButton)
        self._worker = asyncio.create_task(self._services.failed.work(), name="failed enrolments")

    async def cog_unload(self) -> None:
        if self._worker:
            self._worker.cancel()

    async def press(self, interaction: Interaction, job_id: str, what: str) -> None:
        """A button was pressed. Raises Sorry, and what FailedEnrolments.retry() does."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        pet = await self._services.pets.get(await self._services.failed.pet_id(job_id))
        if pet is None:  # it went this moment
            raise NotKept(NotKept.__doc__)
        words = await (self._again if what == "again" else self._forget)(interaction, job_id, pet)
        try:
            await interaction.edit_original_response(content=words)
            if interaction.message:
                await interaction.message.edit(view=None)
        except DROPPED as error:  # it is done all the same, and another press says so
            log.warning("The answer to a button of job %s was dropped: %s", job_id, error)

    async def _again(self, interaction: Interaction, job_id: str, pet: Pet) -> str:
        """Only its owner may: whose photos they are."""
        if pet.owner_id != interaction.user.id:
            raise Sorry("sorry.not_yours")
        tongue, most = language(interaction.locale), self._services.pets_each
        try:
            job = await self._services.failed.retry(job_id, locale=tongue, pets_each=most)
        except LineFull:
            raise Sorry("failed.line_full") from None
        self._services.line.submit(job.id)
        return say(tongue, "failed.accepted", name=Name(pet.name), place=f"<#{job.thread_id or job.channel_id}>")

    async def _forget(self, interaction: Interaction, _job_id: str, pet: Pet) -> str:
        """Raises Sorry."""
        if pet.owner_id != interaction.user.id:  # who may, in direct messages too
            check_owner(interaction, pet)
        # a sheet may show the photos, and nobody could have it taken down later
        return await forget_pet(self._services, pet, language(interaction.locale), with_posts=True)


class FailedButton(PersistentItem[ui.Button[Any]], template=FAILED_BUTTON):
    """A button under an enrolment that failed."""

    async def pressed(self, interaction: Interaction) -> None:
        await cog_of(interaction, TryAgainCog).press(interaction, self.match["job"], self.match["what"])
