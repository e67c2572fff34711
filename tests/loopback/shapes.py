"""The keys that a body may have, and the type of each value.

Knows: messages, threads, commands and their options, and how Discord words a value of the wrong type. Does not know:
lengths and rules (rules.py, commands.py). Sources: Discord's openapi.json (discord-api-spec), docs.

Discord passes over a key that it does not know, and with it over what the bot meant by it. Here it is refused, as a
loopback that does not tell would hide a slip.
"""

from tests.loopback.refusals import invalid
from tests.loopback.values import Json

Shape = dict[str, type | tuple[type, ...]]

MESSAGE: Shape = {
    "content": str, "tts": bool, "nonce": (str, int), "enforce_nonce": bool, "embeds": list, "flags": int, "poll": dict,
    "components": list, "attachments": list, "allowed_mentions": dict, "message_reference": dict, "sticker_ids": list,
    "username": str, "avatar_url": str, "thread_name": str, "applied_tags": list, "shared_client_theme": dict,
}  # fmt: skip
"""Of a message, a followup, an edit, or the answer to an interaction."""

THREAD: Shape = {"name": str, "auto_archive_duration": int, "rate_limit_per_user": int, "type": int, "invitable": bool}

_NAMED: Shape = {
    "type": int,
    "name": str,
    "name_localizations": dict,
    "description": str,
    "description_localizations": dict,
}

COMMAND: Shape = _NAMED | {
    "options": list, "default_member_permissions": (str, int), "dm_permission": bool, "default_permission": bool,
    "contexts": list, "integration_types": list, "nsfw": bool, "handler": int, "id": (str, int),
}  # fmt: skip

OPTION: Shape = _NAMED | {
    "required": bool, "choices": list, "options": list, "channel_types": list, "min_value": (int, float),
    "max_value": (int, float), "min_length": int, "max_length": int, "autocomplete": bool,
}  # fmt: skip

WORDS: dict[type, tuple[str, str]] = {
    int: ("NUMBER_TYPE_COERCE", 'Value "{}" is not int.'),
    float: ("NUMBER_TYPE_COERCE", 'Value "{}" is not a number.'),
    str: ("STRING_TYPE_CONVERT", 'Could not interpret "{}" as string.'),
    bool: ("BOOLEAN_TYPE_CONVERT", "Must be either true or false."),
    list: ("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType"),
    dict: ("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType"),
}


def check(body: Json, shape: Shape, where: str = "") -> None:
    """Refuse a body with a key or a value that is not of the shape. Null stands for a value that is left out."""
    prefix = f"{where}." if where else ""
    for key, value in body.items():
        if key not in shape:
            raise invalid(prefix + key, "UNKNOWN_KEY", "Discord does not know this key.")
        kinds = shape[key] if isinstance(shape[key], tuple) else (shape[key],)
        if value is not None and not fits(value, kinds):
            code, words = WORDS[kinds[0]]
            raise invalid(prefix + key, code, words.format(value))


def fits(value: object, kinds: tuple[type, ...]) -> bool:
    """Is it of one of these types? True is no number here."""
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
