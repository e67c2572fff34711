"""What was learnt of a dog as one zip, for its owner alone.

Knows: who gets it, how large a file Discord takes, and what is said where it is larger. Does not know: what is in the
zip (gpu/adapter_zip.py), or which dog is meant. Nothing of it is kept once it is sent; a zip that Discord does not take
waits for the operator beside the adapter, for a week (storage/retention.py), and goes with it.
"""

import asyncio
import logging
import shutil
from pathlib import Path

import discord

from cogs.api.refusals import FILES_TOO_LARGE
from cogs.shared.errors import Interaction, Sorry
from cogs.shared.services import Services
from cogs.shared.text import Name, language, say
from gpu.adapter_files import recipe
from gpu.adapter_page import page
from gpu.adapter_zip import file_name, pack
from gpu.model_files import Damaged
from gpu.profile import Profile
from storage.pets import Pet

log = logging.getLogger(__name__)

MB = 1 << 20


class Exports:
    """Packs one dog at a time: a zip takes the disk for seconds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._turn = asyncio.Lock()

    async def hand_over(self, interaction: Interaction, pet: Pet) -> None:
        """Send its owner the zip, after the interaction was deferred. Raises Sorry."""
        if pet.owner_id != interaction.user.id:
            raise Sorry("sorry.not_yours")
        if pet.adapter is None or pet.state != "ready":
            raise Sorry(f"sorry.{pet.state}", name=Name(pet.name))
        folder = self._services.files.export_folder(pet.adapter.folder.parent.name)
        async with self._turn:
            made, waits = await self._packed(pet, pet.adapter.folder, folder), False
            try:
                waits = not await self._sent(interaction, pet, made)
            finally:
                if not waits:
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _packed(self, pet: Pet, adapter: Path, folder: Path) -> Path:
        """The zip. Raises Sorry, also where the dog was forgotten meanwhile: then nothing of it is left."""
        try:
            made = await asyncio.to_thread(_pack, adapter, folder, pet.name, self._services.profile)
        except (FileNotFoundError, Damaged) as error:
            log.warning("Pet %s cannot be exported: %s", pet.id, error)
            made = None
        if await self._services.pets.get(pet.id) is None:
            await asyncio.to_thread(self._services.files.remove, adapter.parent.name)
            raise Sorry("forget.gone")
        if made is None:
            raise Sorry("export.gone", name=Name(pet.name))
        return made

    async def _sent(self, interaction: Interaction, pet: Pet, made: Path) -> bool:
        """False: it is too large for Discord, and its owner was told where it lies."""
        tongue, size = language(interaction.locale), (await asyncio.to_thread(made.stat)).st_size
        if size <= interaction.filesize_limit:
            try:
                done = say(tongue, "export.done", name=Name(pet.name))
                await interaction.edit_original_response(content=done, attachments=[discord.File(made)])
            except discord.HTTPException as error:
                if error.status != 413 and error.code not in FILES_TOO_LARGE:
                    raise
            else:
                return True
        place = made.relative_to(self._services.files.root)
        sizes = {"size": -(-size // MB), "limit": interaction.filesize_limit // MB}
        told = say(tongue, "export.too_big", name=Name(pet.name), place=place, **sizes)
        await interaction.edit_original_response(content=told, attachments=[])
        return False


def _pack(adapter: Path, folder: Path, pet: str, profile: Profile) -> Path:
    """The zip, in a folder that has nothing else; what a kill left there goes. Raises FileNotFoundError, Damaged."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()  # and not what is above it: the dog may be forgotten at this moment
    name = file_name(adapter, pet)
    pack(adapter, name, page(name, recipe(adapter), profile), folder / f"{name}.zip")
    return folder / f"{name}.zip"
