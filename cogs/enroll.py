"""/enroll: photos in, a thread, and a job in the line.

The promise kept here: "you are in line" is said only after the job's row is committed; a job so accepted is never lost.
Knows: the command, its form, which photos are left out. Does not know: where photos may be downloaded from
(cogs/shared/photos.py), what makes one good (storage/intake.py), or how a dog is learnt. Photos are taken from the
command and its form only, never from a channel's messages.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence

import aiohttp
import discord
from discord import Attachment, app_commands, ui
from discord.ext import commands
from yarl import URL

from cogs.shared.access import check_here
from cogs.shared.errors import DROPPED, Interaction, Sorry, apologising, tell
from cogs.shared.photos import download, photo_name, reasons
from cogs.shared.services import Services
from cogs.shared.text import Name, label, language, say
from gpu.types import Photo, Wish
from storage.intake import MOST_BYTES, PhotoRefused, Upload
from storage.jobs import JobRow, new_job_id
from storage.names import MOST_UNITS, clean_name
from storage.pets import NameTaken, TooManyPets

log = logging.getLogger(__name__)

FEWEST, MOST = 3, 10  # photos
AT_ONCE = 2  # downloads; each holds up to 10 MiB
DOWNLOAD_S = 30.0
THREAD_S = 8.0  # until people are told that the thread comes later
FORM_S = 24 * 3600.0  # nobody answers a form that is sent after this
FIRST_WISH = Wish(style="watercolour")
BOOT = secrets.token_hex(4)  # forms that an earlier process opened cannot be read by this one

PHOTOS = [f"photo{n}" for n in range(1, MOST + 1)]
LeftOut = tuple[str, str]  # a photo: its name as photo_name() gives it, and the key of the reason


class EnrollCog(commands.Cog):
    """Takes photos in, and puts the job in line."""

    def __init__(self, bot: commands.Bot, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._downloads = asyncio.Semaphore(AT_ONCE)

    async def cog_load(self) -> None:
        timeout = aiohttp.ClientTimeout(total=DOWNLOAD_S)
        self._http = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())

    async def cog_unload(self) -> None:
        await self._http.close()

    @app_commands.command(name=label("command.enroll"), description=label("hint.enroll"))
    @app_commands.rename(
        name=label("option.name"), **{photo: label("option.photo", n=n) for n, photo in enumerate(PHOTOS, start=1)}
    )
    @app_commands.describe(name=label("about.name"), **{photo: label("about.photo") for photo in PHOTOS})
    async def enroll(
        self,
        interaction: Interaction,
        name: app_commands.Range[str, 1, MOST_UNITS],
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
    ) -> None:
        """Take the photos that are attached; show the form if there are none."""
        name = clean_name(name)
        check_here(self._bot, interaction)
        given = (photo1, photo2, photo3, photo4, photo5, photo6, photo7, photo8, photo9, photo10)
        if photos := [photo for photo in given if photo]:
            await self.take_in(interaction, name, photos)
        else:
            await self._services.models.check()
            await interaction.response.send_modal(PhotoForm(self, name, language(interaction.locale)))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """A form that an earlier process opened: say so, as nobody else will."""
        if interaction.type is discord.InteractionType.modal_submit and interaction.data:
            kind, _, boot = str(interaction.data.get("custom_id", "")).partition(":")
            if kind == "enroll" and not boot.startswith(BOOT):
                await tell(interaction, say(language(interaction.locale), "sorry.restarted"))

    async def take_in(self, interaction: Interaction, name: str, photos: Sequence[Attachment]) -> None:
        """Everything from the photos to the job. Raises Sorry, with nothing kept."""
        if not FEWEST <= len(photos) <= MOST:
            raise Sorry("enroll.wrong_count", count=len(photos))
        await interaction.response.defer(thinking=True)
        await self._check_limits(interaction)
        job_id = new_job_id()
        try:
            taken, left_out = await self._take_photos(photos, job_id, language(interaction.locale))
            job = await self._accept(interaction, job_id, name, taken)
        except Exception:  # not CancelledError: the job may be accepted by then
            await self._services.intake.discard(job_id)
            raise
        await self._welcome(interaction, job, len(taken), left_out)

    async def _check_limits(self, interaction: Interaction) -> None:
        await self._services.models.check()
        assert interaction.guild_id  # commands are for guilds only
        pets = await self._services.pets.of_owner(interaction.guild_id, interaction.user.id)
        count = sum(pet.state != "failed" for pet in pets)
        if count >= self._services.pets_each:
            raise TooManyPets(count)
        await self._services.jobs.check_limits(interaction.guild_id, interaction.user.id)

    async def _take_photos(
        self, attachments: Sequence[Attachment], job_id: str, language: str
    ) -> tuple[dict[Photo, str], list[LeftOut]]:
        """Good photos with their names, and the others with their reasons. Raises Sorry if too few are good."""
        takes = (self._take_photo(one, job_id) for one in attachments)
        answers = await asyncio.gather(*takes, return_exceptions=True)  # all have ended before the folder is discarded
        taken: dict[Photo, str] = {}
        left_out: list[LeftOut] = []
        for place, (attachment, answer) in enumerate(zip(attachments, answers, strict=True), start=1):
            name = photo_name(place, attachment.filename, attachment.title)
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(answer, str):
                left_out.append((name, answer))
            elif answer in taken:
                left_out.append((name, "photo.duplicate"))
            else:
                taken[answer] = name
        if len(taken) < FEWEST:
            raise Sorry("enroll.too_few", count=len(taken), reasons=reasons(language, left_out))
        return taken, left_out

    async def _take_photo(self, attachment: Attachment, job_id: str) -> Photo | str:
        """The photo, or the key of what is wrong with it. Few at a time, so memory stays small."""
        async with self._downloads:
            try:
                if attachment.size > MOST_BYTES:
                    raise PhotoRefused("too_big")
                data = await download(self._http, URL(attachment.url, encoded=True), self._services.cdn_hosts)
                return await self._services.intake.take(Upload(name=attachment.filename, data=data), job_id)
            except PhotoRefused as error:
                return f"photo.{error.reason}"
            except Sorry as sorry:
                return sorry.key
            except (aiohttp.ClientError, TimeoutError) as error:
                log.info("Photo %s could not be downloaded: %s", attachment.id, type(error).__name__)
                return "photo.unreachable"

    async def _accept(self, interaction: Interaction, job_id: str, name: str, taken: dict[Photo, str]) -> JobRow:
        answer = await interaction.original_response()
        assert interaction.guild_id
        try:
            return await self._services.jobs.accept_enroll(
                job_id=job_id,
                guild_id=interaction.guild_id,
                user_id=interaction.user.id,
                channel_id=answer.channel.id,
                name=name,
                photos=tuple(taken),
                names=tuple(taken.values()),
                wish=FIRST_WISH,
                seed=secrets.randbits(32),
                locale=language(interaction.locale),
                ack=(answer.channel.id, answer.id),
                pets_each=self._services.pets_each,
            )
        except NameTaken:
            raise Sorry("sorry.taken", name=Name(name)) from None

    async def _welcome(self, interaction: Interaction, job: JobRow, count: int, left_out: list[LeftOut]) -> None:
        """The job's row is committed: open its thread, let it run, and only then say so."""
        try:
            home = await self._services.threads.open(job, THREAD_S)
            if home is not None:
                await self._services.progress.open(home)
        finally:
            self._services.line.submit(job.id)
        place = f"<#{home or job.channel_id}>"
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


class PhotoForm(ui.Modal):
    """The form for photos, with the line of consent."""

    def __init__(self, cog: EnrollCog, name: str, language: str) -> None:
        custom_id = f"enroll:{BOOT}{secrets.token_hex(4)}"
        super().__init__(title=say(language, "enroll.title"), timeout=FORM_S, custom_id=custom_id)
        self._cog = cog
        self._name = name
        self._photos = ui.FileUpload[ui.Modal](custom_id="photos", min_values=FEWEST, max_values=MOST)
        hint = say(language, "enroll.photos_hint")
        self.add_item(ui.Label(text=say(language, "enroll.photos"), description=hint, component=self._photos))
        self.add_item(ui.TextDisplay(say(language, "enroll.consent")))

    async def on_submit(self, interaction: Interaction, /) -> None:
        async with apologising(interaction):
            await self._cog.take_in(interaction, self._name, self._photos.values)
