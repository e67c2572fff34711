"""Components V2: what a message with this flag may hold, and in what.

Knows: which component holds which, how many there are, how long their texts are. Does not know: buttons and menus
(rules.py), or messages. Sources: docs components/reference; Discord's openapi.json (the *ForMessageRequest schemas).
"""

import json
from zlib import crc32

from tests.loopback.refusals import Refused, invalid, length
from tests.loopback.values import Json, many

ROW, BUTTON, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 1, 2, 9, 10, 11, 12, 13, 14, 17

INSIDE: dict[int, tuple[int, ...]] = {CONTAINER: (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR), SECTION: (TEXT,)}
OUTSIDE = (*INSIDE[CONTAINER], CONTAINER)
MOST_COMPONENTS, MOST_TEXT = 40, 4000
DEFAULTS: dict[int, Json] = {
    CONTAINER: {"accent_color": None, "spoiler": False}, SEPARATOR: {"spacing": 1, "divider": True},
    FILE: {"spoiler": False, "name": None, "size": None},
}  # fmt: skip


def no_legacy_fields(body: Json) -> None:
    """With the flag, which nobody can take off again, a message has no content, embeds, poll or stickers."""
    for key in ("content", "embeds", "poll", "sticker_ids"):
        if body.get(key):
            text = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
            raise invalid(key, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", text)


def check(components: list[Json]) -> None:
    """At most 40 components, nested ones counted, and 4000 characters in all their texts."""
    everything = flat(components)
    if len(everything) > MOST_COMPONENTS:
        raise _bad_length("components", 1, MOST_COMPONENTS)
    _among(components, OUTSIDE, "components")
    for one in everything:
        _check_one(one)
    if sum(len(one["content"]) for one in everything if one["type"] == TEXT) > MOST_TEXT:
        raise invalid("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", "Cannot exceed 4000 characters.")


def flat(rows: list[Json]) -> list[Json]:
    """Every component, outermost first."""
    found: list[Json] = []
    for row in rows:
        inner = [row[key] for key in ("component", "accessory") if key in row]
        found += [row, *flat(many(row, "components")), *flat(inner)]
    return found


def shown(components: list[Json]) -> list[Json]:
    """As Discord shows them: what was left out is filled in, and each picture has an address at Discord's proxy."""

    def whole(node: Json) -> Json:
        for key in ("media", "file"):
            if key in node:
                node = {"description": None, "spoiler": False} | node if key == "media" else node
                url = node[key]["url"]
                node[key] |= {"id": f"{crc32(url.encode())}", "proxy_url": url}
        return DEFAULTS.get(node["type"], {}) | node if isinstance(node.get("type"), int) else node

    return json.loads(json.dumps(components), object_hook=whole)


def _check_one(one: Json) -> None:
    kind = one["type"]
    if kind in INSIDE:
        most = 3 if kind == SECTION else MOST_COMPONENTS
        if not 1 <= len(one["components"]) <= most:
            raise _bad_length("components", 1, most)
        _among(one["components"], INSIDE[kind], "components")
    if kind == SECTION:
        _among([one["accessory"]], (BUTTON, THUMBNAIL), "accessory")
    if kind == TEXT:
        length("components.content", one.get("content"), 1, MOST_TEXT)
    if kind == GALLERY:
        if not 1 <= len(one["items"]) <= 10:
            raise _bad_length("components.items", 1, 10)
        for item in one["items"]:
            _media(item, "media")
    if kind in (THUMBNAIL, FILE):
        _media(one, "media" if kind == THUMBNAIL else "file")


def _media(holder: Json, key: str) -> None:
    """An address of at most 2048, and words for those who do not see it. A file is one of the message's own."""
    if holder.get("description") is not None:
        length("components.description", holder["description"], 1, 1024)
    url = holder[key]["url"]
    length(f"components.{key}.url", url, 1, 2048)
    if not url.startswith(("attachment://",) if key == "file" else ("attachment://", "https://", "http://")):
        raise invalid(f"components.{key}.url", "URL_TYPE_INVALID_SCHEME", "Not a well formed URL.")


def _among(components: list[Json], kinds: tuple[int, ...], where: str) -> None:
    if any(one["type"] not in kinds for one in components):
        raise invalid(where, "UNION_TYPE_CHOICES", f"Value of field 'type' must be one of {kinds}.")


def _bad_length(where: str, least: int, most: int) -> Refused:
    return invalid(where, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
