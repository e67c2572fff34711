"""Which style people mean: one of their server's, one of the catalogue's, or their own words.

Knows: the wish that a typed or chosen style becomes, what is suggested while somebody types, and what can be chosen.
Does not know: how a style is added (cogs/own_styles.py) or shown (cogs/styles.py).
A wish holds the words that were meant, not the name: it can be painted again when its server's style is gone.
"""

from collections.abc import Iterable, Sequence

from discord import app_commands

from cogs.shared.errors import Interaction, Sorry
from cogs.shared.pet_choice import LONGEST_CHOICE, MOST_CHOICES
from cogs.shared.services import Services
from cogs.shared.text import Name, isolated, language, style_name, without_tokens
from gpu.portraits import Wish
from gpu.styles import STYLES, find, fold, joined
from storage.names import shorten, visible
from storage.styles import ServerStyle

MOST_OWN = 10  # of the server's styles before the catalogue's, while nothing is typed


async def meant(services: Services, guild_id: int, typed: str) -> Wish:
    """The style that was typed or chosen, as a wish without a text. Raises Sorry where nothing can be seen of it."""
    if own := await _of_server(services, guild_id, typed):
        return own
    known, words = find(typed), without_tokens(typed)
    if not known and not words:
        raise Sorry("sorry.style")
    return Wish(style=known.key if known else words)


async def chosen(services: Services, guild_id: int, value: str) -> Wish:
    """The style that was chosen from known_styles(). Raises Sorry where its server has removed it since."""
    if own := await _of_server(services, guild_id, value):
        return own
    if value not in STYLES:
        raise Sorry("sorry.no_such_style", name=Name(value))
    return Wish(style=value)


async def _of_server(services: Services, guild_id: int, name: str) -> Wish | None:
    own = await services.styles.get(guild_id, visible(name))
    return Wish(style=own.medium, negative=own.negative) if own else None


async def known_styles(services: Services, interaction: Interaction) -> dict[str, str]:
    """All styles that this machine's models can paint, the server's first: what chosen() takes, and their names in this
    person's language.
    """
    assert interaction.guild_id  # portraits with buttons hang in servers
    tongue, own = language(interaction.locale), await services.styles.of_guild(interaction.guild_id)
    ours = {one.name: isolated(one.name) for one in own if services.models.have_learnt(one.medium)}
    known = {key: style_name(tongue, key) for key in STYLES if services.models.have_learnt(key)}
    return {**ours, **known, **ours}  # a name that a server had before the catalogue is the server's


async def style_choices(services: Services, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """The server's styles and the catalogue's in this person's language, the best match first."""
    assert interaction.guild_id  # commands are for guilds only
    tongue, own = language(interaction.locale), await services.styles.of_guild(interaction.guild_id)
    called = {key: style.called() for key, style in STYLES.items()}
    known = [(style_name(tongue, key), key, called[key]) for key in STYLES]
    ours = [(one.name, one.name, {one.description}) for one in own]
    every = [*ours[:MOST_OWN], *known, *ours[MOST_OWN:]]
    ranked = [(_rank(typed, name, others), name, value) for name, value, others in every]
    fitting = sorted((one for one in ranked if one[0] is not None), key=lambda one: one[0] or 0)  # stable
    if not fitting and (style := find(typed)):
        return [app_commands.Choice(name=style_name(tongue, style.key), value=style.key)]
    return choices((name, value) for _, name, value in fitting)


def own_choices(own: Sequence[ServerStyle], typed: str) -> list[app_commands.Choice[str]]:
    """The server's styles whose names hold what was typed."""
    return choices((one.name, one.name) for one in own if joined(typed) in joined(one.name))


def choices(named: Iterable[tuple[str, str]]) -> list[app_commands.Choice[str]]:
    """Names and values as an autocomplete list. Its lines are plain text: nothing in them is escaped."""
    lines = [app_commands.Choice(name=shorten(isolated(name), LONGEST_CHOICE), value=value) for name, value in named]
    return lines[:MOST_CHOICES]


def _rank(typed: str, name: str, others: Iterable[str]) -> int | None:
    """How well a style fits, 0 best: by its name, then by what else it is called; None: not at all."""
    wanted = joined(typed)
    if joined(name).startswith(wanted):
        return 0 if joined(name) == wanted else 1
    if any(word.startswith(wanted) for word in fold(name).split()):
        return 2
    also = [joined(other) for other in others]
    if any(other.startswith(wanted) for other in also):
        return 3
    return 4 if any(wanted in other for other in (joined(name), *also)) else None
