"""Every way in which this Discord says no, with Discord's own status, code and words.

Knows: the error body. Does not know: when it applies. Source: docs topics/opcodes-and-status-codes.
"""

from typing import Any, NamedTuple


class Problem(NamedTuple):
    """An HTTP status, Discord's JSON error code, and its sentence."""

    status: int
    code: int
    text: str


UNAUTHORIZED = Problem(401, 0, "401: Unauthorized")
UNKNOWN_CHANNEL = Problem(404, 10003, "Unknown Channel")
UNKNOWN_GUILD = Problem(404, 10004, "Unknown Guild")
UNKNOWN_MESSAGE = Problem(404, 10008, "Unknown Message")
UNKNOWN_USER = Problem(404, 10013, "Unknown User")
UNKNOWN_EMOJI = Problem(400, 10014, "Unknown Emoji")
UNKNOWN_WEBHOOK = Problem(404, 10015, "Unknown Webhook")
UNKNOWN_INTERACTION = Problem(404, 10062, "Unknown interaction")
UNKNOWN_COMMAND = Problem(404, 10063, "Unknown application command")
TOO_MANY_REACTIONS = Problem(400, 30010, "Maximum number of reactions reached (20)")
TOO_MANY_FILES = Problem(400, 30015, "Maximum number of attachments in a message reached (10)")
TOO_MANY_COMMANDS = Problem(400, 30032, "Maximum number of application commands reached (100)")
TOO_LARGE = Problem(413, 40005, "Request entity too large")
ALREADY_ACKNOWLEDGED = Problem(400, 40060, "Interaction has already been acknowledged.")
MISSING_ACCESS = Problem(403, 50001, "Missing Access")
NOT_YOURS = Problem(403, 50005, "Cannot edit a message authored by another user")
CLOSED_DOOR = Problem(403, 50007, "Cannot send messages to this user")
EMPTY_MESSAGE = Problem(400, 50006, "Cannot send an empty message")
MISSING_PERMISSIONS = Problem(403, 50013, "Missing Permissions")
BAD_BULK_DELETE = Problem(400, 50016, "Provided too few or too many messages to delete. Must provide at least 2.")
WRONG_CHANNEL_TYPE = Problem(400, 50024, "Cannot execute action on this channel type")
EXPIRED_TOKEN = Problem(401, 50027, "Invalid Webhook Token")
INVALID_FORM = Problem(400, 50035, "Invalid Form Body")
THREAD_ARCHIVED = Problem(400, 50083, "Thread is archived")
NOT_JSON = Problem(400, 50109, "The request body contains invalid JSON.")
NO_REPLY = Problem(400, 160002, "Cannot reply without permission to read message history")
THREAD_EXISTS = Problem(400, 160004, "A thread has already been created for this message")
THREAD_LOCKED = Problem(400, 160005, "This thread is locked")


class Refused(Exception):
    """The request breaks a rule; the middleware answers with its status and body."""

    def __init__(self, problem: Problem, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{problem.code}: {problem.text} {errors or ''}")
        self.problem = problem
        self.errors = errors

    def body(self) -> dict[str, Any]:
        """Discord's error object."""
        body: dict[str, Any] = {"message": self.problem.text, "code": self.problem.code}
        return body if self.errors is None else body | {"errors": self.errors}


def invalid(where: str, code: str, text: str) -> Refused:
    """Invalid Form Body with one error at a dotted place, such as "0.options.1.name"."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": text}]}
    for part in reversed(where.split(".")):
        errors = {part: errors}
    return Refused(INVALID_FORM, errors)


def length(where: str, value: str | None, least: int, most: int) -> None:
    """Refuse a text that is missing, too short or too long (in characters)."""
    if value is None:
        raise invalid(where, "BASE_TYPE_REQUIRED", "This field is required")
    if not least <= len(value) <= most:
        raise invalid(where, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")
