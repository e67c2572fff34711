"""How a person fills in commands and modals, checked as Discord's own client checks it.

Knows: option types, ranges, choices, modal inputs, resolved objects. Does not know: who asks, or the bot.
"""

from dataclasses import dataclass, field

from tests.loopback import commands, rules, wire
from tests.loopback.state import Upload
from tests.loopback.values import Json, many
from tests.loopback.world import World

Value = str | int | float | bool | Upload | None

TYPES: dict[int, type | tuple[type, ...]] = {
    commands.STRING: str,
    commands.INTEGER: int,
    commands.BOOLEAN: bool,
    commands.USER: str,  # a user id
    commands.NUMBER: (int, float),
    commands.ATTACHMENT: Upload,
}


class Impossible(AssertionError):
    """Discord's own client would not let a person do this."""


@dataclass
class Filled:
    """Options as they are sent, and the objects that they name."""

    options: list[Json] = field(default_factory=list[Json])
    resolved: Json = field(default_factory=dict[str, Json])


def chosen(command: Json, words: list[str]) -> Json:
    """The subcommand that the words name; the command itself if there are none."""
    for word in words:
        found = [
            one
            for one in many(command, "options")
            if one["name"] == word and one["type"] in (commands.SUBCOMMAND, commands.GROUP)
        ]
        if not found:
            raise Impossible(f"{command['name']} has no subcommand {word}")
        command = found[0]
    if any(one["type"] in (commands.SUBCOMMAND, commands.GROUP) for one in many(command, "options")):
        raise Impossible(f"{command['name']} needs a subcommand")
    return command


def fill(world: World, command: Json, values: dict[str, Value], focused: str | None = None) -> Filled:
    """The values as options. While an option is focused (autocomplete), required ones may be missing."""
    known = many(command, "options")
    unknown = set(values) - {option["name"] for option in known}
    missing = [option["name"] for option in known if option.get("required") and option["name"] not in values]
    if unknown or (missing and focused is None):
        raise Impossible(f"{command['name']}: unknown options {sorted(unknown)}, missing options {missing}")
    filled = Filled()
    for option in [option for option in known if option["name"] in values]:
        sent: Json = {"name": option["name"], "type": option["type"]}
        value = values[option["name"]]
        if option["name"] == focused:
            filled.options.append(sent | {"value": value, "focused": True})
        else:
            filled.options.append(sent | {"value": checked(world, option, value, filled.resolved)})
    return filled


def checked(world: World, option: Json, value: Value, resolved: Json) -> Value:
    """The value as it is sent; files and users go into `resolved`."""
    if not isinstance(value, TYPES[option["type"]]) or (isinstance(value, bool) and option["type"] != commands.BOOLEAN):
        raise Impossible(f"{option['name']} cannot be {value!r}")
    if isinstance(value, Upload):
        return upload(world, value, resolved.setdefault("attachments", {}))
    if option["type"] == commands.USER:
        user = world.guild.users[str(value)]
        resolved.setdefault("users", {})[user.id] = wire.user(user)
        permissions = {"permissions": str(world.guild.permissions(user, next(iter(world.guild.channels.values()))))}
        resolved.setdefault("members", {})[user.id] = wire.member(user, world.guild, whole=False) | permissions
        return user.id
    limits(option, value)
    return value


def limits(option: Json, value: Value) -> None:
    """Refuse what is no choice, too long or short, too large or small."""
    choices = [choice["value"] for choice in many(option, "choices")]
    if choices and value not in choices:
        raise Impossible(f"{option['name']}: {value!r} is not one of {choices}")
    least, most = ("min_length", "max_length") if isinstance(value, str) else ("min_value", "max_value")
    size = len(value) if isinstance(value, str) else value
    if isinstance(size, int | float) and not option.get(least, size) <= size <= option.get(most, size):
        raise Impossible(f"{option['name']}: {value!r} is out of range")


def upload(world: World, file: Upload, attachments: Json) -> str:
    """Put a person's file on the CDN, seen by the bot alone. Returns its id."""
    if len(file.data) > 500 * 1024 * 1024:
        raise Impossible("nobody can upload more than 500 MiB")
    stored = world.store(file, f"ephemeral-attachments/{world.me.id}")
    attachments[stored.id] = wire.attachment(stored, world.cdn)
    return stored.id


def attached(world: World, row: Json, values: dict[str, str | list[Upload]], found: dict[str, Json]) -> Json:
    """A row of a modal as it is submitted; files go into `found`."""
    if row["type"] == rules.TEXT_DISPLAY:
        return {"type": row["type"], "id": row["id"]}
    shell: Json = {"type": row["type"], "id": row["id"]}
    if row["type"] == rules.ROW:
        return shell | {"components": [entered(world, one, values, found) for one in row["components"]]}
    return shell | {"component": entered(world, row["component"], values, found)}


def entered(world: World, field_: Json, values: dict[str, str | list[Upload]], found: dict[str, Json]) -> Json:
    """One input of a modal as it is submitted."""
    sent: Json = {"type": field_["type"], "id": field_["id"], "custom_id": field_["custom_id"]}
    value = values.get(field_["custom_id"], [] if field_["type"] == rules.FILE_UPLOAD else field_.get("value", ""))
    amount, required = len(value), field_.get("required", True)
    if isinstance(value, str):
        least, most = field_.get("min_length", 1 if required else 0), field_.get("max_length", 4000)
        bad = not least <= amount <= most and (required or amount)
    else:
        least, most = field_.get("min_values", 1), field_.get("max_values", 1)
        bad = not least <= amount <= most and (required or amount)
    if bad:
        raise Impossible(f"{field_['custom_id']} takes {least} to {most}, not {amount}")
    if isinstance(value, str):
        return sent | {"value": value}
    return sent | {"values": [upload(world, file, found) for file in value]}
