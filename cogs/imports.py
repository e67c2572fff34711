"""A dog that was learnt elsewhere comes as a zip of /pet export, and is enrolled without photos.

The promise kept here is that of /enroll: what is said to be safe is committed, and what is refused leaves nothing.
Knows: the way from an attachment to a job, and what is said. Does not know: what a good zip is (gpu/adapter_zip.py), or
whether it fits the models here: only the process that has them can tell, and its answer is the job's.
"""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import aiohttp
from discord import Attachment
from discord.ext import commands

from cogs.shared.access import check_here
from cogs.shared.enrolments import accept, begin, check_room, to_come
from cogs.shared.errors import DROPPED, Interaction, Sorry
from cogs.shared.photos import Elsewhere
from cogs.shared.services import Services
from cogs.shared.text import Name, say
from gpu.adapter_files import Recipe
from gpu.adapter_zip import MOST_BYTES, ZipRefused, unpack
from storage.jobs import JobRow
from storage.names import clean_name

log = logging.getLogger(__name__)


class Imports:
    """Takes zips in, one at a time: to unpack one takes the disk for seconds."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._turn = asyncio.Lock()

    async def take_in(self, interaction: Interaction, name: str, given: Attachment) -> None:
        """Everything from the zip to the job. Raises Sorry, BadName and what accepting a job does; nothing is kept."""
        name = clean_name(name)
        check_here(self._bot, interaction)
        await interaction.response.defer(thinking=True)
        if known := await self._services.jobs.of_interaction(interaction.id):
            await self._welcome(interaction, known)
            return
        await check_room(self._services, interaction)
        async with to_come(self._services) as job:
            recipe = await self._unpacked(job.folder, given)
            if recipe.class_word not in self._services.species:
                raise Sorry("import.kind")
            job = replace(job, class_word=recipe.class_word, imported=True)
            row = await accept(self._services, interaction, job, name, (), look=False)
        await self._welcome(interaction, row)

    async def _unpacked(self, folder: Path, given: Attachment) -> Recipe:
        """The adapter lies in the folder of the job to come. Raises Sorry."""
        zipped = folder / "import.zip"
        try:
            if not await self._services.uploads.save(given, zipped, MOST_BYTES):
                raise Sorry("import.too_big")
            async with self._turn:
                return await asyncio.to_thread(_unpack, zipped, folder / "adapter")
        except ZipRefused as error:
            log.info("Zip %s is refused: %s", given.id, error)
            raise Sorry(f"import.{error.reason}") from error
        except Elsewhere as error:
            raise Sorry("import.elsewhere") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("Zip %s could not be downloaded: %s", given.id, type(error).__name__)
            raise Sorry("import.unreachable") from error

    async def _welcome(self, interaction: Interaction, job: JobRow) -> None:
        """The job's row is committed: only now it is said. Raises Sorry."""
        home = await begin(self._services, job)
        told = say(job.locale, "import.accepted", name=Name(job.pet_name), place=f"<#{home or job.channel_id}>")
        try:
            await interaction.edit_original_response(content=told)
        except DROPPED as error:  # the job is in line all the same, and its thread says so
            log.warning("The answer to job %s was dropped: %s", job.id, error)


def _unpack(zipped: Path, folder: Path) -> Recipe:
    """unpack(), after which the zip goes. Raises ZipRefused."""
    recipe = unpack(zipped, folder)
    zipped.unlink()
    return recipe
