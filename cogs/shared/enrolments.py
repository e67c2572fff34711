"""What every enrolment begins with, whether the dog is learnt from photos or comes as files.

Knows: who has room for one more dog, that nothing is kept of what is not accepted, and that a job runs once its thread
is there or will be. Does not know: which command asks, what it takes in, or what it says.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cogs.shared.errors import Interaction, Sorry
from cogs.shared.services import Services
from cogs.shared.text import Name, language
from gpu.jobs import Enroll
from gpu.portraits import Wish
from storage.jobs import JobRow, new_job_id
from storage.pets import NameTaken, TooManyPets

THREAD_S = 8.0  # until people are told that the thread comes later
OVER = ("done", "failed", "cancelled")
FIRST_WISH = Wish(style="watercolour")


async def check_room(services: Services, interaction: Interaction) -> None:
    """Raises Sorry, TooManyPets, LineFull or TooManyJobs for whoever could not be served, before they send anything."""
    await services.models.check()
    assert interaction.guild_id  # commands are for guilds only
    pets = await services.pets.of_owner(interaction.guild_id, interaction.user.id)
    count = sum(pet.state != "failed" for pet in pets)
    if count >= services.pets_each:
        raise TooManyPets(count)
    await services.jobs.check_limits(interaction.guild_id, interaction.user.id)


@asynccontextmanager
async def to_come(services: Services) -> AsyncGenerator[Enroll]:
    """An enrolment that may come of what is taken into its folder inside. If none does, the folder goes."""
    job_id = new_job_id()
    folder = services.files.job_folder(job_id)
    try:
        yield Enroll(job_id=job_id, folder=folder, photos=(), wish=FIRST_WISH, seed=secrets.randbits(32))
    except Exception:  # not CancelledError: it may be accepted by then
        await services.uploads.discard(job_id)
        raise
    if await services.jobs.get(job_id) is None:  # Discord sent the command twice
        await services.uploads.discard(job_id)


async def accept(
    services: Services, interaction: Interaction, job: Enroll, name: str, names: tuple[str, ...], *, look: bool
) -> JobRow:
    """Commit it; or what this interaction asked for before is returned. Raises Sorry and what accepting a job does."""
    answer = await interaction.original_response()
    assert interaction.guild_id  # commands are for guilds only
    try:
        return await services.jobs.accept_enroll(
            job,
            name=name,
            names=names,
            guild_id=interaction.guild_id,
            user_id=interaction.user.id,
            channel_id=answer.channel.id,
            locale=language(interaction.locale),
            ack=(answer.channel.id, answer.id),
            pets_each=services.pets_each,
            look=look,
            interaction_id=interaction.id,
        )
    except NameTaken:
        raise Sorry("sorry.taken", name=Name(name)) from None


async def begin(services: Services, job: JobRow) -> int | None:
    """The job's row is committed: open its thread and let it run.

    Where its messages go; None: Discord opens no thread just now. Raises Sorry for one that has come to nothing by now.
    """
    if job.pet_id is None:  # Discord sent the command twice
        raise Sorry("look.over")
    if job.state in OVER:
        return job.thread_id or job.channel_id
    try:
        home = await services.threads.open(job, THREAD_S)
        if home is not None:
            await services.progress.open(home)
    finally:
        services.line.submit(job.id)
    return home
