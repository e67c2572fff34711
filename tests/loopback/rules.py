"""What Discord lets into a message and a modal.

Knows: limits and shapes of contents, files, components, emoji. Does not know: who asks, or what is stored.
Sources: docs resources/message, components/reference.
"""

from tests.loopback import layouts, shapes
from tests.loopback.refusals import EMPTY_MESSAGE, TOO_LARGE, TOO_MANY_FILES, UNKNOWN_EMOJI, Refused, invalid, length
from tests.loopback.values import Json, many

FILE_BYTES = 10 * 1024 * 1024
REQUEST_BYTES = 25 * 1024 * 1024
FILES = 10
ACK_SECONDS = 3.0
TOKEN_SECONDS = 15 * 60.0
NONCE_SECONDS = 5 * 60.0  # "the past few minutes"
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)

HAS_THREAD, EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 5, 1 << 6, 1 << 7, 1 << 15
SETTABLE_FLAGS = 1 << 2 | 1 << 12 | COMPONENTS_V2  # no embeds, silent, components v2; ephemeral is for interactions

ROW, BUTTON, STRING_SELECT, TEXT_INPUT, TEXT_DISPLAY, CONTAINER, LABEL, FILE_UPLOAD = 1, 2, 3, 4, 10, 17, 18, 19


def message(body: Json, flags: int = 0) -> None:
    """Refuse a message body that is too long or malformed. Emptiness is judged once files are counted (`filled`).

    Of an edit, `flags` are those that the message has.
    """
    shapes.check(body, shapes.MESSAGE)
    if len(body.get("content") or "") > 2000:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
    if len(str(body.get("nonce") or "")) > 25:
        raise invalid("nonce", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if len(many(body, "embeds")) > 10:
        raise invalid("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    v2 = bool(((body.get("flags") or 0) | flags) & COMPONENTS_V2)
    if v2:
        layouts.no_legacy_fields(body)
        layouts.check(many(body, "components"))
    components(many(body, "components"), v2=v2)


def files(sizes: list[int], kept: int = 0) -> None:
    """At most 10 files of at most 10 MiB each, those already there counted."""
    if len(sizes) + kept > FILES:
        raise Refused(TOO_MANY_FILES)
    if any(size > FILE_BYTES for size in sizes):
        raise Refused(TOO_LARGE)


def filled(content: str, attachments: int, embeds: list[Json], rows: list[Json]) -> None:
    """Refuse a message with nothing in it."""
    if not (content.strip() or attachments or embeds or rows):
        raise Refused(EMPTY_MESSAGE)


def components(rows: list[Json], *, v2: bool) -> None:
    """At most 5 rows of at most 5 buttons; custom ids of 1-100, none twice; ids of Components V2 need their flag."""
    if not v2 and len(rows) > 5:
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    if not v2 and any(row["type"] != ROW for row in rows):
        raise invalid("components", "UNION_TYPE_CHOICES", "Value of field 'type' must be one of (1,).")
    everything = layouts.flat(rows)
    for component in everything:
        one_component(component)
    customs = [component["custom_id"] for component in everything if "custom_id" in component]
    if len(set(customs)) < len(customs):
        raise invalid("components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")


def one_component(component: Json) -> None:
    """A row holds 1-5 components, a button has a label or an emoji and a custom id or a link."""
    if component["type"] == ROW and not 1 <= len(component["components"]) <= 5:
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    if "custom_id" in component:
        length("components.custom_id", component["custom_id"], 1, 100)
    if component["type"] == STRING_SELECT:
        menu(component)
    if component["type"] != BUTTON:
        return
    length("components.label", component.get("label") or "", 0, 80)
    if not (component.get("label") or component.get("emoji")):
        raise invalid("components.label", "BUTTON_COMPONENT_LABEL_REQUIRED", "A button needs a label or an emoji")
    if ("custom_id" in component) == (component["style"] in (5, 6)):
        raise invalid("components.custom_id", "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", "A custom id or link is required")


def menu(component: Json) -> None:
    """1-25 options, each with a label and a value of 1-100, no value twice."""
    options = many(component, "options")
    if not 1 <= len(options) <= 25:
        raise invalid("components.options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
    length("components.placeholder", component.get("placeholder") or "", 0, 150)
    for index, option in enumerate(options):
        length(f"components.options.{index}.label", option.get("label"), 1, 100)
        length(f"components.options.{index}.value", option.get("value"), 1, 100)
    if len({option["value"] for option in options}) < len(options):
        raise invalid("components.options", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "A value stands there twice")


def modal(body: Json) -> None:
    """Title and custom id, 1-5 labels or texts, each label around one input."""
    length("data.title", body.get("title"), 1, 45)
    length("data.custom_id", body.get("custom_id"), 1, 100)
    rows = many(body, "components")
    if not 1 <= len(rows) <= 5:
        raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for index, row in enumerate(rows):
        modal_row(row, f"data.components.{index}")


def modal_row(row: Json, where: str) -> None:
    """A text display, a row with a text input (the old way), or a label."""
    if row["type"] not in (ROW, TEXT_DISPLAY, LABEL):
        raise invalid(where, "UNION_TYPE_CHOICES", "Value of field 'type' must be one of (1, 10, 18).")
    if row["type"] != LABEL:
        return
    length(f"{where}.label", row.get("label"), 1, 45)
    length(f"{where}.description", row.get("description") or "", 0, 100)
    inner = row["component"]
    length(f"{where}.component.custom_id", inner.get("custom_id"), 1, 100)
    if inner["type"] == FILE_UPLOAD:
        least, most = inner.get("min_values", 1), inner.get("max_values", 1)
        if not (0 <= least <= 10 and 1 <= most <= 10 and least <= most):
            raise invalid(f"{where}.component.max_values", "NUMBER_TYPE_MAX", "Must be between 1 and 10.")
    if inner["type"] == TEXT_INPUT:
        length(f"{where}.component.placeholder", inner.get("placeholder") or "", 0, 100)
        length(f"{where}.component.value", inner.get("value") or "", 0, inner.get("max_length") or 4000)


def emoji(name: str) -> Json:
    """A Unicode emoji from a path; plain text is Unknown Emoji, and so is a custom one (this guild has none)."""
    if not name or len(name) > 16 or all(letter.isascii() for letter in name):
        raise Refused(UNKNOWN_EMOJI)
    return {"id": None, "name": name}
