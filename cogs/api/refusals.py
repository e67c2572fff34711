"""What Discord's refusals mean, and when to try again. Decides only; makes no request.

Knows: what Discord's statuses and error codes mean for an answer that is owed. Does not know: how a request is made
(transport.py), who asked, or what time it is. Source of the codes: docs topics/opcodes-and-status-codes.
"""

from enum import Enum

import aiohttp

from cogs.api.budget import Resting

LONGEST_REST_S = 300.0
FILES_TOO_LARGE = (40005, 50045)
UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, ARCHIVED = 10003, 10008, 50083
MISSING_ACCESS, MISSING_PERMISSIONS = 50001, 50013
TOO_MANY_OLD_EDITS = 30046  # of a message that is older than an hour
OUT_OF_SIGHT = (UNKNOWN_CHANNEL, MISSING_ACCESS)
BUSY = (20016, 20028, 20029, 40003, 40004, 40006, 40062, 40333, 110000, 110001, 130000)
"""Too fast, switched off or overloaded for now: all pass, whatever status comes with them."""


class Verdict(Enum):
    """What a refusal means for an answer."""

    RETRY = "it will pass: try again later, at the same place, under the same nonce"
    TOO_LARGE = "the files are too large"
    NOT_HERE = "not at this place, however often it is tried"
    DELETED = "it was there, and somebody has deleted it since"


class Refused(Exception):
    """Discord refused a request: `status` is HTTP's, `code` is Discord's own (0: none)."""

    def __init__(self, status: int, code: int, text: str = "") -> None:
        super().__init__(f"{status} {code} {text}".rstrip())
        self.status, self.code = status, code

    @property
    def verdict(self) -> Verdict:
        """What it means for an answer."""
        return classify(self.status, self.code)


def classify(status: int, code: int) -> Verdict:
    """By HTTP status and Discord's own code, which is 0 where it was not Discord itself that answered (but a proxy)."""
    if status == 413 or code in FILES_TOO_LARGE:
        return Verdict.TOO_LARGE
    if code == 0 or status in (401, 429) or status >= 500 or code in BUSY:
        return Verdict.RETRY  # 401: the answers wait until the operator has replaced the token
    return Verdict.DELETED if code == UNKNOWN_MESSAGE else Verdict.NOT_HERE


def backoff_s(tries: int) -> float:
    """Seconds until the next try, after so many."""
    return min(2.0 ** min(tries, 10), LONGEST_REST_S)


def is_transient(error: Exception) -> bool:
    """True for what goes away by itself: the network, a busy or broken server."""
    if isinstance(error, Refused):
        return error.verdict is Verdict.RETRY
    return isinstance(error, aiohttp.ClientError | OSError)


def retry_after_s(error: Exception, tries: int) -> float:
    """Seconds to wait after this error and so many tries; as long as the error says, if it does."""
    return error.retry_after if isinstance(error, Resting) else backoff_s(tries)
