"""/enroll: photos in, a thread, and a job in the line.

The promise kept here: "you are in line" is said only after the job's row is committed; a job so accepted is never lost.
Knows: the command, and what it says. Does not know: how photos are downloaded (cogs/shared/uploads.py), what makes one
good (storage/intake.py), or how a pet is learnt. Photos are taken from the command and its form only, never from a
channel's messages.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import get_args

import discord
from discord import Attachment, app_commands
from discord.ext import commands

from cogs.shared.access import check_here
from cogs.shared.enrolments import accept, begin, check_room, to_come
from cogs.shared.errors import DROPPED, Interaction, Sorry, tell
from cogs.shared.photo_form import PhotoForm, is_lost
from cogs.shared.photos import reasons
from cogs.shared.services import Services
from cogs.shared.text import Name, label, language, say
from cogs.shared.uploads import FEWEST, MOST, LeftOut
from gpu.learning import RecipeName
from gpu.profile import PROFILES
from storage.jobs import JobRow
from storage.names import MOST_UNITS, clean_name

log = logging.getLogger(__name__)

AUTO = "auto"  # what the set of photos agrees on
SPECIES = dict.fromkeys(one.word for profile in PROFILES.values() for one in profile.segmenting.species)

PHOTOS = [f"photo{n}" for n in range(1, MOST + 1)]
RECIPES = [app_commands.Choice(name=label(f"recipe.{one}"), value=one) for one in get_args(RecipeName)]
KINDS = [app_commands.Choice(name=label(f"kind.{kind}"), value=kind) for kind in (AUTO, *SPECIES)]


class EnrollCog(commands.Cog):
    """Takes photos in, and puts the job in line."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        if not services.recipes:
            # Of this bot's copy of the command, whose callback has a default. discord.py knows no other way.
            del self.enroll._params["recipe"]  # pyright: ignore[reportPrivateUsage]

    @app_commands.command(name=label("command.enroll"), description=label("hint.enroll"))
    @app_commands.rename(
        name=label("option.name"),
        kind=label("option.kind"),
        recipe=label("option.recipe"),
        **{photo: label("option.photo", n=n) for n, photo in enumerate(PHOTOS, start=1)},
    )
    @app_commands.describe(
        name=label("about.name"),
        kind=label("about.kind"),
        recipe=label("about.recipe"),
        **{photo: label("about.photo") for photo in PHOTOS},
    )
    @app_commands.choices(kind=KINDS, recipe=RECIPES)
    async def enroll(
        self,
        interaction: Interaction,
        name: app_commands.Range[str, 1, MOST_UNITS],
        kind: str = AUTO,
        photo1: Attachment | None = None,
        photo2: Attachment | None = None,
        photo3: Attachment | None = None,
        photo4: Attachment | None = None,
        photo5: Attachment | None = None,
        photo6: Attachment | None = None,
        photo7: Attachment | None = None,
        photo8: Attachment | None = None,
        photo9: Attachment | None = None,
        photo10: Attachment | None = None,
        recipe: RecipeName = "pivotal",
    ) -> None:
        """Take the photos that are attached; show the form if there are none."""
        name = clean_name(name)
        check_here(self._bot, interaction)
        if kind not in (AUTO, *self._services.species):
            raise Sorry("sorry.kind", kind=say(language(interaction.locale), f"kind.{kind}"))
        given = (photo1, photo2, photo3, photo4, photo5, photo6, photo7, photo8, photo9, photo10)
        if photos := [photo for photo in given if photo]:
            await self.take_in(name, kind, recipe, interaction, photos)
        else:
            await self._services.models.check()
            tongue, take = language(interaction.locale), partial(self.take_in, name, kind, recipe)
            title, asked = say(tongue, "enroll.title"), say(tongue, "enroll.photos")
            await interaction.response.send_modal(PhotoForm(tongue, title, asked, FEWEST, MOST, take))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """A form that an earlier process opened: say so, as nobody else will."""
        form = interaction.data if interaction.type is discord.InteractionType.modal_submit else None
        if form and is_lost(str(form.get("custom_id", ""))):
            await tell(interaction, say(language(interaction.locale), "sorry.restarted"))

    async def take_in(
        self, name: str, kind: str, recipe: RecipeName, interaction: Interaction, photos: Sequence[Attachment]
    ) -> None:
        """Everything from the photos to the job. Raises Sorry, with nothing kept."""
        if not FEWEST <= len(photos) <= MOST:
            raise Sorry("enroll.wrong_count", count=len(photos))
        await interaction.response.defer(thinking=True)
        if known := await self._services.jobs.of_interaction(interaction.id):
            await self._welcome(interaction, known, [])
            return
        await check_room(self._services, interaction)
        async with to_come(self._services) as job:
            taken, left_out = await self._services.uploads.take(photos, job.job_id)
            if len(taken) < FEWEST:
                told = reasons(language(interaction.locale), left_out)
                raise Sorry("enroll.too_few", count=len(taken), reasons=told)
            job = replace(job, photos=tuple(taken), class_word=kind, recipe=recipe)
            names, look = tuple(taken.values()), self._services.look_first
            row = await accept(self._services, interaction, job, name, names, look=look)
        await self._welcome(interaction, row, left_out)

    async def _welcome(self, interaction: Interaction, job: JobRow, left_out: list[LeftOut]) -> None:
        """The job's row is committed: open its thread, let it run, and only then say so. Raises Sorry."""
        home = await begin(self._services, job)
        assert job.pet_id  # or it would have come to nothing
        count, place = await self._services.pets.count_photos(job.pet_id), f"<#{home or job.channel_id}>"
        lines = [say(job.locale, "enroll.accepted", name=Name(job.pet_name), count=count, place=place)]
        if home in (None, job.channel_id):
            lines.append(say(job.locale, "enroll.no_thread_yet" if home is None else "enroll.no_thread"))
        if left_out:
            lines.append(say(job.locale, "enroll.left_out", reasons=reasons(job.locale, left_out)))
        lines.append(f"-# {say(job.locale, 'enroll.kept')}")
        try:
            await interaction.edit_original_response(content="\n".join(lines))
        except DROPPED as error:  # the job is in line all the same, and its thread says so
            log.warning("The answer to job %s was dropped: %s", job.id, error)
