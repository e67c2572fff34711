"""Who may do what where.

Knows: the permission bits that a picture bot meets, and how channels narrow them. Does not know: requests.
"""

from enum import IntFlag

from tests.loopback.refusals import MISSING_ACCESS, MISSING_PERMISSIONS, Refused


class Permission(IntFlag):
    """Discord's bits, by Discord's names."""

    ADMINISTRATOR = 1 << 3
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)
"""What the @everyone role of the guild allows, as in a new guild (less what the bot never meets)."""


def demand(held: int, *needed: Permission) -> None:
    """Refuse with 50001 for a channel out of sight, with 50013 for anything else that is missing."""
    if held & Permission.ADMINISTRATOR:
        return
    if not held & Permission.VIEW_CHANNEL:
        raise Refused(MISSING_ACCESS)
    if any(not held & permission for permission in needed):
        raise Refused(MISSING_PERMISSIONS)
