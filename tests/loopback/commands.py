"""Application commands: what Discord accepts, and the lists it keeps.

Knows: the rules for names, descriptions, options and choices (docs: interactions/application-commands).
Does not know: HTTP, people, or what a command does.
"""

import unicodedata
from typing import Any

from tests.loopback import shapes
from tests.loopback.clock import Snowflakes
from tests.loopback.refusals import TOO_MANY_COMMANDS, UNKNOWN_COMMAND, Refused, invalid, length
from tests.loopback.values import Json, many

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, NUMBER, ATTACHMENT = 1, 2, 3, 4, 5, 6, 10, 11
OPTION_TYPES = range(1, 12)


class Commands:
    """The commands of one application: a global list, and one for each guild."""

    def __init__(self, application_id: str, snowflakes: Snowflakes) -> None:
        self._application_id = application_id
        self._snowflakes = snowflakes
        self._lists: dict[str | None, list[Json]] = {}

    def of(self, guild_id: str | None) -> list[Json]:
        """The commands of a guild, or the global ones (None)."""
        return self._lists.get(guild_id, [])

    def named(self, guild_id: str, name: str) -> Json | None:
        """The slash command that a person in the guild sees under this name; the guild's own comes first."""
        visible = [*self.of(guild_id), *self.of(None)]
        return next((command for command in visible if command["name"] == name and command["type"] == 1), None)

    def one(self, guild_id: str | None, command_id: str) -> Json:
        """A command by its id."""
        for command in self.of(guild_id):
            if command["id"] == command_id:
                return command
        raise Refused(UNKNOWN_COMMAND)

    def replace(self, guild_id: str | None, bodies: list[Json]) -> list[Json]:
        """Put this list in place of the old one; a command that keeps its name keeps its id."""
        if len([body for body in bodies if body.get("type", 1) == 1]) > 100:
            raise Refused(TOO_MANY_COMMANDS)
        for index, body in enumerate(bodies):
            check(body, str(index))
        unique([(body.get("type", 1), body["name"]) for body in bodies], "", "APPLICATION_COMMANDS_DUPLICATE_NAME")
        ids = {(old["type"], old["name"]): old["id"] for old in self.of(guild_id)}
        self._lists[guild_id] = [self._stored(guild_id, body, ids) for body in bodies]
        return self._lists[guild_id]

    def _stored(self, guild_id: str | None, body: Json, ids: dict[tuple[int, str], str]) -> Json:
        kind = body.get("type", 1)
        defaults: Json = {
            "type": kind,
            "description": "",
            "default_member_permissions": None,
            "integration_types": [0],
            "contexts": None,
            "nsfw": False,
        }
        fixed: Json = {
            "id": ids.get((kind, body["name"])) or self._snowflakes(),
            "application_id": self._application_id,
            "version": self._snowflakes(),
        }
        where = {} if guild_id is None else {"guild_id": guild_id}
        given = {key: value for key, value in body.items() if value is not None}
        if "default_member_permissions" in given:
            given["default_member_permissions"] = str(given["default_member_permissions"])
        return defaults | given | fixed | where


def check(body: Json, where: str) -> None:
    """Refuse a command that Discord would refuse."""
    shapes.check(body, shapes.COMMAND, where)
    if body.get("type", 1) != 1:
        length(f"{where}.name", body.get("name"), 1, 32)
        return
    named(body, where)
    options(many(body, "options"), where)
    if weight(body) > 8000:
        raise invalid(where, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")


def named(body: Json, where: str) -> None:
    """Names are lowercase ^[-_'\\p{L}\\p{N}]{1,32}$, descriptions 1-100 long, in every language."""
    names = {"name": body.get("name")} | {f"name_localizations.{k}": v for k, v in localized(body, "name").items()}
    for place, name in names.items():
        if not name or len(name) > 32 or name != name.lower() or not all(map(is_name_letter, name)):
            raise invalid(f"{where}.{place}", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    length(f"{where}.description", body.get("description"), 1, 100)
    for locale, text in localized(body, "description").items():
        length(f"{where}.description_localizations.{locale}", text, 1, 100)


def is_name_letter(letter: str) -> bool:
    """Letters and numbers of any script, and - _ '. (Marks are taken for Devanagari and Thai only.)"""
    if letter in "-_'" or unicodedata.category(letter)[0] in "LN":
        return True
    return unicodedata.name(letter, "").startswith(("DEVANAGARI", "THAI"))


def options(listed: list[Json], where: str) -> None:
    """At most 25, no name twice, required before optional; subcommands stand alone."""
    if len(listed) > 25:
        raise invalid(f"{where}.options", "BASE_TYPE_BAD_LENGTH", "Must be 25 or fewer in length.")
    for index, option in enumerate(listed):
        shapes.check(option, shapes.OPTION, f"{where}.options.{index}")
        if option.get("type") not in OPTION_TYPES:
            text = f"Value must be one of {set(OPTION_TYPES)}."
            raise invalid(f"{where}.options.{index}.type", "BASE_TYPE_CHOICES", text)
    unique([option.get("name") for option in listed], f"{where}.options", "APPLICATION_COMMAND_OPTIONS_NAME_INVALID")
    required = [bool(option.get("required")) for option in listed]
    if required != sorted(required, reverse=True):
        text = "Required options must be placed before non-required options"
        raise invalid(f"{where}.options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
    nested = [option["type"] in (SUBCOMMAND, GROUP) for option in listed]
    if any(nested) and not all(nested):
        text = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        raise invalid(f"{where}.options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", text)
    for index, option in enumerate(listed):
        named(option, f"{where}.options.{index}")
        options(many(option, "options"), f"{where}.options.{index}")
        choices(option, f"{where}.options.{index}")


def choices(option: Json, where: str) -> None:
    """At most 25 choices with names of 1-100, and none beside autocomplete."""
    listed = many(option, "choices")
    if len(listed) > 25:
        raise invalid(f"{where}.choices", "BASE_TYPE_BAD_LENGTH", "Must be 25 or fewer in length.")
    if listed and option.get("autocomplete"):
        text = "Autocomplete cannot be enabled while choices are defined"
        raise invalid(f"{where}.choices", "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE", text)
    for index, choice in enumerate(listed):
        length(f"{where}.choices.{index}.name", choice.get("name"), 1, 100)


def unique(names: list[Any], where: str, code: str) -> None:
    """Refuse a list with a name twice."""
    if len(set(names)) < len(names):
        raise invalid(where or "_", code, "Names must be unique")


def localized(body: Json, key: str) -> dict[str, str]:
    """The translations of a name or description."""
    return body.get(f"{key}_localizations") or {}


def weight(body: Json) -> int:
    """Characters that count to 8000: names, descriptions and values, each in its longest language."""
    texts = [[body.get(key) or "", *localized(body, key).values()] for key in ("name", "description")]
    own = sum(max(map(len, text)) for text in texts)
    own += sum(len(choice["name"]) + len(str(choice["value"])) for choice in many(body, "choices"))
    return own + sum(weight(option) for option in many(body, "options"))
