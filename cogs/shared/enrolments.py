"""What every enrolment begins with, whether the dog is learnt from photos or comes as files.

Knows: who has room for one more dog, and that a job runs once its thread is there or will be. Does not know: which
command asks, what it takes in, or what it says.
"""

from cogs.shared.errors import Interaction
from cogs.shared.services import Services
from gpu.portraits import Wish
from storage.jobs import JobRow
from storage.pets import TooManyPets

THREAD_S = 8.0  # until people are told that the thread comes later
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


async def begin(services: Services, job: JobRow) -> int | None:
    """The job's row is committed: open its thread and let it run.

    Where its messages go; None: Discord opens no thread just now.
    """
    try:
        home = await services.threads.open(job, THREAD_S)
        if home is not None:
            await services.progress.open(home)
    finally:
        services.line.submit(job.id)
    return home
