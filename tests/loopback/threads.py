"""Threads begin, are renamed, archived and un-archived.

Knows: what these do to the world. Does not know: HTTP, or who was allowed to ask. Source: docs topics/threads.
"""

from tests.loopback import rules, shapes, wire
from tests.loopback.refusals import THREAD_ARCHIVED, THREAD_EXISTS, THREAD_LOCKED, Refused, invalid, length
from tests.loopback.state import Channel, Message, Place, Thread, User
from tests.loopback.values import Json
from tests.loopback.world import World


def start(world: World, owner: User, parent: Channel, body: Json, message: Message | None = None) -> Thread:
    """A public thread. From a message it takes the message's id, so a message has one thread at most."""
    shapes.check(body, shapes.THREAD)
    length("name", body.get("name"), 1, 100)
    minutes = body.get("auto_archive_duration") or 4320
    if minutes not in rules.ARCHIVE_MINUTES:
        text = f"Value must be one of {rules.ARCHIVE_MINUTES}."
        raise invalid("auto_archive_duration", "BASE_TYPE_CHOICES", text)
    if message is not None and message.id in world.guild.threads:
        raise Refused(THREAD_EXISTS)
    now = world.clock.now()
    thread = Thread(
        id=world.snowflakes() if message is None else message.id, name=body["name"], parent=parent, owner_id=owner.id,
        created=now, changed=now, archive_minutes=minutes, members=[owner.id],
    )  # fmt: skip
    world.guild.threads[thread.id] = thread
    world.event("THREAD_CREATE", wire.joined(thread, world.guild, world.me) | {"newly_created": True})
    if message is not None:
        message.thread, message.flags = thread, message.flags | rules.HAS_THREAD
        world.updated(message)
    return thread


def change(world: World, thread: Thread, body: Json) -> None:
    """Rename, lock, archive or un-archive. An archived thread takes no other change than that of these two flags."""
    if thread.archived and body.get("archived") is not False and set(body) - {"archived", "locked"}:
        raise Refused(THREAD_ARCHIVED)
    if "name" in body:
        length("name", body["name"], 1, 100)
    thread.name = body.get("name", thread.name)
    thread.locked = body.get("locked", thread.locked)
    thread.archive_minutes = body.get("auto_archive_duration", thread.archive_minutes)
    if body.get("archived", thread.archived) != thread.archived:
        thread.archived, thread.changed = body["archived"], world.clock.now()
    world.event("THREAD_UPDATE", wire.thread(thread, world.guild))


def delete(world: World, thread: Thread) -> None:
    """Remove a thread and all that was said in it."""
    del world.guild.threads[thread.id]
    for message in world.history(thread):
        del world.messages[message.id]
        for file in message.files:
            del world.files[file.id]
    where = {"guild_id": world.guild.id, "parent_id": thread.parent.id}
    world.event("THREAD_DELETE", {"id": thread.id, "type": 11} | where)


def awake(place: Place) -> None:
    """Refuse edits and reactions in an archived thread."""
    if isinstance(place, Thread) and place.archived:
        raise Refused(THREAD_ARCHIVED)


def open_for_sending(world: World, place: Place) -> None:
    """Sending wakes an archived thread; a locked one stays shut."""
    if not isinstance(place, Thread):
        return
    if place.locked:
        raise Refused(THREAD_LOCKED)
    if place.archived:
        change(world, place, {"archived": False})
