"""Which dog people mean.

Knows: how a dog is named in an option, and that two of one name are told apart by their owners. Does not know: what
those are called (owners.py), or who may do what with a dog.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from discord import app_commands

from cogs.shared.errors import Interaction, Sorry
from cogs.shared.services import Services
from cogs.shared.text import Name, isolated
from storage.names import name_key, shorten
from storage.pets import Pet

MOST_CHOICES = 25  # Discord's limit for an autocomplete list
LONGEST_CHOICE = 100  # Discord's limit for one of its lines
BETWEEN = " · "  # a dog's name and its owner's
MOST_OWNERS = 10  # in one sentence


async def known_pets(services: Services, interaction: Interaction) -> list[Pet]:
    """The dogs of this server, the person's own first."""
    assert interaction.guild_id  # commands are for guilds only
    pets = await services.pets.of_guild(interaction.guild_id)
    return sorted(pets, key=lambda pet: pet.owner_id != interaction.user.id)


async def find_pet(services: Services, interaction: Interaction, typed: str | None) -> Pet:
    """The dog that is meant: the one typed or chosen; else this thread's, the person's own, or the only one.

    One whose enrolment failed is meant only if it is typed or chosen. Raises Sorry.
    """
    pets = await known_pets(services, interaction)
    if typed is None:
        pets = [pet for pet in pets if pet.state != "failed"]
    if not pets:
        raise Sorry("sorry.no_pets")
    if typed is None:
        return _obvious(pets, interaction)
    chosen = [pet for pet in pets if f"id:{pet.id}" == typed]
    chosen = chosen or [pet for pet in pets if name_key(pet.name) == name_key(typed)]
    if not chosen:
        raise Sorry("sorry.no_such_pet", name=Name(typed))
    if len(chosen) > 1 and chosen[0].owner_id != interaction.user.id:
        owners = ", ".join(f"<@{pet.owner_id}>" for pet in chosen[:MOST_OWNERS])
        raise Sorry("sorry.which_owner", name=Name(chosen[0].name), owners=owners)
    return chosen[0]


def _obvious(pets: list[Pet], interaction: Interaction) -> Pet:
    """Raises Sorry where there are several."""
    here = [pet for pet in pets if pet.thread_id == interaction.channel_id != pet.channel_id]
    own = [pet for pet in pets if pet.owner_id == interaction.user.id]
    for some in (here, own, pets):
        if len(some) == 1:
            return some[0]
    raise Sorry("sorry.which_pet")


async def choices(
    services: Services, interaction: Interaction, pets: Iterable[Pet], typed: str
) -> list[app_commands.Choice[str]]:
    """The dogs whose names hold what was typed so far, as an autocomplete list. The values are ids."""
    wanted = typed.partition(BETWEEN)[0].casefold()
    found = list(islice((pet for pet in pets if wanted in pet.name.casefold()), MOST_CHOICES))
    count = Counter(name_key(pet.name) for pet in found)
    alike = [pet for pet in found if count[name_key(pet.name)] > 1]
    owned_by = [pet.owner_id for pet in alike]
    called = await services.owners.called(interaction.guild, owned_by) if interaction.guild and alike else {}
    shown = ((pet, _shown(pet.name, called.get(pet.owner_id, "") if pet in alike else "")) for pet in found)
    return [app_commands.Choice(name=name, value=f"id:{pet.id}") for pet, name in shown]


def _shown(name: str, owner: str) -> str:
    """ "Rex · Mina", or "Rex" alone: plain text, nothing in it is escaped."""
    return shorten(BETWEEN.join(isolated(part) for part in (name, owner) if part), LONGEST_CHOICE)
