"""The buttons under the answer of a look: learn these, give other photos in place of those refused, forget.

Knows: who may press them, and that a learning begins by itself when people had time to look. Does not know: what a look
finds (gpu/studio), how long that time is, how a learning is put in line (storage/looks.py), how the buttons look
(cogs/shared/look_buttons.py). They carry all they need in their custom id, so they work after any restart; under an
older sheet, after another press, or once the learning has begun, they say so.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from discord import Attachment, ui
from discord.ext import commands

from cogs.pets import check_owner, forget_pet
from cogs.shared.errors import DROPPED, Interaction, Sorry
from cogs.shared.look_buttons import LOOK_BUTTON, What
from cogs.shared.persistent import PersistentItem, cog_of
from cogs.shared.photo_form import PhotoForm
from cogs.shared.photos import place_of, reasons
from cogs.shared.services import Services
from cogs.shared.text import Name, language, say
from cogs.shared.uploads import MOST
from storage.failed import NotKept
from storage.jobs import LineFull, new_job_id
from storage.looks import LookedRow, NotLooked

log = logging.getLogger(__name__)

BEGIN_S = 5.0  # between two looks for those whose time to look is over


class LooksCog(commands.Cog):
    """Does what the buttons ask for, and lets those learn that nobody has stopped in time."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._worker: asyncio.Task[None] | None = None

    async def cog_load(self) -> None:
        self._bot.add_dynamic_items(LookButton)
        self._worker = asyncio.create_task(self._work(), name="looks")

    async def cog_unload(self) -> None:
        if self._worker:
            self._worker.cancel()

    async def press(self, interaction: Interaction, job_id: str, look: int, what: What) -> None:
        """A button was pressed. Raises Sorry, and what Looks.learn() does."""
        if what == "replace":  # a form is a first answer: it cannot come after another one
            await self._ask_for_photos(interaction, await self._of_owner(interaction, job_id, look))
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        words = await (self._learn if what == "learn" else self._forget)(interaction, job_id, look)
        await self._answer(interaction, job_id, words)

    async def take_in(self, interaction: Interaction, job_id: str, look: int, photos: Sequence[Attachment]) -> None:
        """Other photos were given. Raises Sorry, and what Looks.replace() does; then all is as it was."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._services.models.check()
        row = await self._of_owner(interaction, job_id, look)
        tongue, elsewhere = language(interaction.locale), new_job_id()
        try:
            words = await self._replace(row, photos, elsewhere, tongue)
        finally:
            await self._services.uploads.discard(elsewhere)
        self._services.line.submit(job_id)
        await self._answer(interaction, job_id, words)

    async def _learn(self, interaction: Interaction, job_id: str, look: int) -> str:
        row = await self._of_owner(interaction, job_id, look)
        try:
            job = await self._services.looks.learn(job_id, look)
        except LineFull:
            raise Sorry("failed.line_full") from None
        self._services.line.submit(job.id)
        return say(language(interaction.locale), "look.learning", name=Name(row.pet_name))

    async def _forget(self, interaction: Interaction, job_id: str, look: int) -> str:
        row = await self._find(job_id, look)
        pet = await self._services.pets.get(row.pet_id)
        if pet is None:  # it went this moment
            raise NotKept(NotKept.__doc__)
        if pet.owner_id != interaction.user.id:  # who may, in direct messages too
            check_owner(interaction, pet)
        # the sheet shows the photos, and nobody could have it taken down later
        return await forget_pet(self._services, pet, language(interaction.locale), with_posts=True)

    async def _ask_for_photos(self, interaction: Interaction, row: LookedRow) -> None:
        await self._services.models.check()  # before anybody chooses for nothing
        tongue, room = language(interaction.locale), MOST - len(_kept(row))
        if room < 1:
            raise Sorry("look.full", most=MOST)

        async def take(sent: Interaction, photos: Sequence[Attachment]) -> None:
            await self.take_in(sent, row.job_id, row.look, photos)

        asked = say(tongue, "look.photos", most=room)
        await interaction.response.send_modal(PhotoForm(tongue, say(tongue, "look.form"), asked, 1, room, take))

    async def _replace(self, row: LookedRow, photos: Sequence[Attachment], elsewhere: str, tongue: str) -> str:
        """Take the photos in and put the job in line; what is said of it."""
        kept = _kept(row)
        first = max(place_of(name) for _, name in row.photos) + 1  # no two are called alike
        taken, left_out = await self._services.uploads.take(photos, elsewhere, first=first, known=kept)
        if not taken:
            raise Sorry("look.none_taken", reasons=reasons(tongue, left_out))
        if len(kept) + len(taken) > MOST:
            raise Sorry("look.full", most=MOST)
        try:
            await self._services.looks.replace(row.job_id, row.look, tuple(taken), tuple(taken.values()))
        except LineFull:
            raise Sorry("failed.line_full") from None
        lines = [say(tongue, "look.again", count=len(taken), name=Name(row.pet_name))]
        if left_out:
            lines.append(say(tongue, "enroll.left_out", reasons=reasons(tongue, left_out)))
        return "\n".join(lines)

    async def _of_owner(self, interaction: Interaction, job_id: str, look: int) -> LookedRow:
        """What was found, for its owner alone: whose photos they are. Raises Sorry, and what _find() does."""
        row = await self._find(job_id, look)
        if row.owner_id != interaction.user.id:
            raise Sorry("sorry.not_yours")
        return row

    async def _find(self, job_id: str, look: int) -> LookedRow:
        """Raises NotLooked where it goes on already, NotKept where nothing is kept of it, OlderLook."""
        try:
            return await self._services.looks.get(job_id, look)
        except NotLooked:
            job = await self._services.jobs.get(job_id)
            if job is None or job.pet_id is None:
                raise NotKept(NotKept.__doc__) from None
            raise

    async def _answer(self, interaction: Interaction, job_id: str, words: str) -> None:
        """Say privately what happens; the buttons have done their work."""
        try:
            await interaction.edit_original_response(content=words)
            if interaction.message:
                await interaction.message.edit(view=None)
        except DROPPED as error:  # it is done all the same, and another press says so
            log.warning("The answer to a button of job %s was dropped: %s", job_id, error)

    async def _work(self) -> None:
        """Begin whatever learning is due, until cancelled."""
        await self._bot.wait_until_ready()  # by then the line has begun
        while True:
            try:
                for job in await self._services.looks.begin_due():
                    log.info("Nobody said anything, so it is learnt", extra={"fields": {"job": job.id}})
                    self._services.line.submit(job.id)
            except Exception:
                log.exception("Learnings that are due could not be begun; it is tried again")
            await asyncio.sleep(BEGIN_S)


class LookButton(PersistentItem[ui.Button[Any]], template=LOOK_BUTTON):
    """A button under the answer of a look."""

    async def pressed(self, interaction: Interaction) -> None:
        what: What = self.match["what"]  # pyright: ignore[reportAssignmentType] (the template allows no other)
        await cog_of(interaction, LooksCog).press(interaction, self.match["job"], int(self.match["look"]), what)


def _kept(row: LookedRow) -> set[str]:
    """The photos (sha256) that stay when others are replaced."""
    return {photo for photo, _ in row.photos} - {one.photo for one in row.looked.rejected}
