"""Which dog people mean.

Knows: how a dog is named in an option. Does not know: who may do what with it.
"""

from collections.abc import Iterable

from discord import app_commands

from cogs.shared.errors import Interaction, Sorry
from cogs.shared.services import Services
from cogs.shared.text import Name
from storage.pets import Pet

MOST_CHOICES = 25  # Discord's limit for an autocomplete list


def as_choice(pet: Pet) -> app_commands.Choice[str]:
    """A dog in an autocomplete list. The value is an id, as two people's dogs may have one name."""
    return app_commands.Choice(name=pet.name, value=f"id:{pet.id}")


async def known_pets(services: Services, interaction: Interaction) -> list[Pet]:
    """The dogs of this server, the person's own first."""
    assert interaction.guild_id  # commands are for guilds only
    pets = await services.pets.of_guild(interaction.guild_id)
    return sorted(pets, key=lambda pet: pet.owner_id != interaction.user.id)


async def find_pet(services: Services, interaction: Interaction, typed: str | None) -> Pet:
    """The dog that is meant: the one typed or chosen; else this thread's, the person's own, or the only one.

    Raises Sorry.
    """
    pets = await known_pets(services, interaction)
    if not pets:
        raise Sorry("sorry.no_pets")
    if typed is None:
        return _obvious(pets, interaction)
    chosen = [pet for pet in pets if f"id:{pet.id}" == typed]
    assert interaction.guild_id
    for owner_id in (interaction.user.id, None):
        if not chosen and (named := await services.pets.by_name(interaction.guild_id, owner_id, typed)):
            chosen = [named]
    if not chosen:
        raise Sorry("sorry.no_such_pet", name=Name(typed))
    return chosen[0]


def _obvious(pets: list[Pet], interaction: Interaction) -> Pet:
    """Raises Sorry where there are several."""
    here = [pet for pet in pets if pet.thread_id == interaction.channel_id != pet.channel_id]
    own = [pet for pet in pets if pet.owner_id == interaction.user.id]
    for some in (here, own, pets):
        if len(some) == 1:
            return some[0]
    raise Sorry("sorry.which_pet")


def choices(pets: Iterable[Pet], typed: str) -> list[app_commands.Choice[str]]:
    """The dogs whose names hold what was typed so far, as an autocomplete list."""
    return [as_choice(pet) for pet in pets if typed.casefold() in pet.name.casefold()][:MOST_CHOICES]
