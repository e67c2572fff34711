"""JSON objects as Python holds them.

Knows: their type, and that a list may be missing or null. Does not know: what is in them.
"""

from typing import Any

Json = dict[str, Any]


def many(body: Json, key: str) -> list[Json]:
    """The objects listed under a key; none if the key is missing or null."""
    return body.get(key) or []
