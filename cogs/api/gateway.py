"""What comes over the gateway cannot end the bot: an event that discord.py cannot read costs one line in the log.

Discord adds fields, leaves some out, and sends some events twice. discord.py reads an event where it listens, so
whatever its parser raises would end the connection, and with it the bot and the GPU's work.

Knows: discord.py's parsers, one for each event. Does not know: what an event means. An unreadable READY is not passed
over, as there is no session without it: client.py then logs in again.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

Parse = Callable[[Any], Any]

REMEMBERED = 500  # interactions; the second of two comes within seconds


def guard(parsers: dict[str, Parse]) -> None:
    """Put each parser but READY's behind a guard; and read no interaction twice."""
    for event, parse in parsers.items():
        if event == "INTERACTION_CREATE":
            parse = _once(parse)
        if event != "READY":
            parsers[event] = _guarded(event, parse)


def _guarded(event: str, parse: Parse) -> Parse:
    def read(data: Any) -> None:
        try:
            parse(data)
        except Exception as error:
            log.warning("%s could not be read and is passed over: %.200r", event, error)

    return read


def _once(parse: Parse) -> Parse:
    known: deque[str] = deque(maxlen=REMEMBERED)

    def read(data: Any) -> None:
        if data["id"] in known:
            log.info("Interaction %s came twice", data["id"])
            return
        known.append(data["id"])
        parse(data)

    return read
