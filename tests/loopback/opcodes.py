"""The gateway's numbers, and how its frames are written and read.

Knows: opcodes, close codes, intents. Does not know: sessions.
Source: docs topics/opcodes-and-status-codes, events/gateway.
"""

import json
from typing import Any

from tests.loopback.values import Json

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME = 0, 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11

UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED, WRONG_TOKEN = 4001, 4002, 4003, 4004
ALREADY_AUTHENTICATED, TIMED_OUT, DISALLOWED_INTENTS = 4005, 4009, 4014

GUILDS, GUILD_MESSAGES, GUILD_MESSAGE_REACTIONS, MESSAGE_CONTENT = 1 << 0, 1 << 9, 1 << 10, 1 << 15
PRIVILEGED = 1 << 1 | 1 << 8 | MESSAGE_CONTENT  # members, presences, message content


class Closed(Exception):
    """The server ends the connection with this close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Goodbye(Exception):
    """The bot closed the connection in an orderly way."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.ends_session = code in (1000, 1001)


def frame(op: int, data: Any = None) -> Json:
    """A frame that is no event."""
    return {"op": op, "t": None, "s": None, "d": data}


def decoded(text: str) -> tuple[int, Any]:
    """Opcode and data of what the bot sent."""
    try:
        message = json.loads(text)
    except ValueError:
        raise Closed(DECODE_ERROR, "Error while decoding payload.") from None
    if message["op"] not in (HEARTBEAT, IDENTIFY, PRESENCE, VOICE_STATE, RESUME, REQUEST_MEMBERS):
        raise Closed(UNKNOWN_OPCODE, "Unknown opcode.")
    return message["op"], message["d"]


def needed(event: str) -> int:
    """The intent without which a bot does not hear of an event; 0 if it always does."""
    if event.startswith("MESSAGE_REACTION_"):
        return GUILD_MESSAGE_REACTIONS
    if event.startswith("MESSAGE_"):
        return GUILD_MESSAGES
    return GUILDS if event.startswith(("THREAD_", "CHANNEL_", "GUILD_")) else 0
