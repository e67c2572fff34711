"""Reactions under messages.

Knows: what adding and removing do to the world, and the raw events. Does not know: HTTP, or who was allowed to ask.
"""

from tests.loopback import rules, threads, wire
from tests.loopback.refusals import TOO_MANY_REACTIONS, Refused
from tests.loopback.state import Message, User
from tests.loopback.values import Json
from tests.loopback.world import World

DIFFERENT = 20  # emoji under one message


def add(world: World, message: Message, user: User, name: str, *, burst: bool = False) -> None:
    """React once; a second time changes nothing."""
    emoji = rules.emoji(name)
    threads.awake(message.place)
    if name not in message.reactions and len(message.reactions) >= DIFFERENT:
        raise Refused(TOO_MANY_REACTIONS)
    users = message.reactions.setdefault(name, {})
    if user.id in users:
        return
    users[user.id] = burst
    more: Json = {"member": wire.member(user, world.guild), "message_author_id": message.author.id}
    colours: Json = {"burst_colors": ["#ff8a3d"]} if burst else {}
    world.event("MESSAGE_REACTION_ADD", raw(world, message, user, emoji, burst=burst) | more | colours)


def remove(world: World, message: Message, user: User, name: str) -> None:
    """Take a reaction back, if it is there."""
    emoji = rules.emoji(name)
    threads.awake(message.place)
    users = message.reactions.get(name, {})
    if user.id not in users:
        return
    burst = users.pop(user.id)
    if not users:
        del message.reactions[name]
    world.event("MESSAGE_REACTION_REMOVE", raw(world, message, user, emoji, burst=burst))


def clear(world: World, message: Message) -> None:
    """Take all reactions away."""
    threads.awake(message.place)
    message.reactions.clear()
    where = {"channel_id": message.place.id, "message_id": message.id, "guild_id": world.guild.id}
    world.event("MESSAGE_REACTION_REMOVE_ALL", where)


def users(world: World, message: Message, name: str, *, burst: bool) -> list[User]:
    """Who reacted with an emoji, by user id: plainly, or with a burst."""
    rules.emoji(name)
    found = [world.guild.users[one] for one, loud in message.reactions.get(name, {}).items() if loud == burst]
    return sorted(found, key=lambda user: int(user.id))


def raw(world: World, message: Message, user: User, emoji: Json, *, burst: bool) -> Json:
    """What the add and remove events share."""
    return {
        "user_id": user.id,
        "channel_id": message.place.id,
        "message_id": message.id,
        "guild_id": world.guild.id,
        "emoji": emoji,
        "burst": burst,
        "type": 1 if burst else 0,
    }
