"""How things look on the wire: one object for REST and gateway, valid against Discord's own schemas.

Knows: field names. Does not know: rules, or who asks.
"""

import json
import re
from typing import Any

from tests.loopback import layouts
from tests.loopback.cdn import Cdn
from tests.loopback.clock import iso
from tests.loopback.permissions import EVERYONE
from tests.loopback.state import File, Guild, Message, Place, Thread, User
from tests.loopback.values import Json


def user(one: User) -> Json:
    """A user object."""
    return {
        "id": one.id,
        "username": one.name.lower().replace(" ", "_"),
        "global_name": None if one.bot else one.name,
        "discriminator": "0",
        "avatar": None,
        "bot": one.bot,
        "flags": 0,
        "public_flags": 0,
        "primary_guild": None,
    }


def member(one: User, guild: Guild, *, whole: bool = True) -> Json:
    """A member object, with the user in it unless the user stands beside it."""
    body: Json = {
        "roles": [one.role_id],
        "nick": None,
        "avatar": None,
        "banner": None,
        "joined_at": iso(guild.created),
        "premium_since": None,
        "communication_disabled_until": None,
        "pending": False,
        "flags": 0,
        "deaf": False,
        "mute": False,
    }
    return body | {"user": user(one)} if whole else body


def role(role_id: str, name: str, permissions: int) -> Json:
    """A role object."""
    return {
        "id": role_id,
        "name": name,
        "permissions": str(int(permissions)),
        "position": 0,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 1,  # the one value that discord-api-types knows
    }


def channel(one: Place, guild: Guild) -> Json:
    """A channel object, of a text channel or a thread."""
    if isinstance(one, Thread):
        return thread(one, guild)
    if one.recipient is not None:
        return {"id": one.id, "type": 1, "flags": 0, "last_message_id": None, "recipients": [user(one.recipient)]}
    overwrites = [
        {"id": user_id, "type": 1, "allow": "0", "deny": str(int(bits))} for user_id, bits in one.denied.items()
    ]
    return {
        "id": one.id,
        "type": 0,
        "guild_id": guild.id,
        "name": one.name,
        "topic": None,
        "nsfw": False,
        "flags": 0,
        "parent_id": None,
        "position": 0,
        "rate_limit_per_user": 0,
        "permission_overwrites": overwrites,
        "last_message_id": one.last_message_id,
    }


def thread(one: Thread, guild: Guild) -> Json:
    """A public thread."""
    return {
        "id": one.id,
        "type": 11,
        "guild_id": guild.id,
        "parent_id": one.parent.id,
        "owner_id": one.owner_id,
        "name": one.name,
        "flags": 0,
        "rate_limit_per_user": 0,
        "last_message_id": one.last_message_id,
        "message_count": one.sent,
        "member_count": len(one.members),
        "total_message_sent": one.sent,
        "thread_metadata": {
            "archived": one.archived,
            "archive_timestamp": iso(one.changed),
            "auto_archive_duration": one.archive_minutes,
            "locked": one.locked,
            "create_timestamp": iso(one.created),
        },
    }


def thread_member(one: Thread, user_id: str) -> Json:
    """That a user has joined a thread."""
    return {"id": one.id, "user_id": user_id, "join_timestamp": iso(one.created), "flags": 1}


def joined(one: Thread, guild: Guild, me: User) -> Json:
    """A thread as the bot sees it: with its own membership, if it has joined."""
    seen = thread(one, guild)
    return seen | {"member": thread_member(one, me.id)} if me.id in one.members else seen


def attachment(file: File, cdn: Cdn) -> Json:
    """An attachment object with a freshly signed URL."""
    url = cdn.url(file)
    body: Json = {"id": file.id, "filename": file.name, "size": len(file.data), "url": url, "proxy_url": url}
    body["content_type"] = file.content_type
    if file.ephemeral:
        body["ephemeral"] = True
    if file.description is not None:
        body["description"] = file.description
    if file.title is not None:
        body["title"] = file.title
    return body if file.size is None else body | {"width": file.size[0], "height": file.size[1]}


def message(one: Message, guild: Guild, cdn: Cdn, me: User) -> Json:
    """A message object. Files that embeds or components point to are shown there and not among the attachments."""
    urls = {f"attachment://{file.name}": cdn.url(file) for file in one.files}
    pointed = pointers([one.embeds, one.components])
    body: Json = {
        "id": one.id,
        "channel_id": one.place.id,
        "type": one.kind,
        "author": user(one.author),
        "content": one.content,
        "timestamp": iso(one.created),
        "edited_timestamp": None if one.edited is None else iso(one.edited),
        "tts": False,
        "pinned": False,
        "flags": one.flags,
        "mention_everyone": one.mention_everyone,
        "mentions": [user(mentioned) for mentioned in one.mentions],
        "mention_roles": [],
        "attachments": [attachment(file, cdn) for file in one.files if f"attachment://{file.name}" not in pointed],
        "embeds": [shown(embed, urls) for embed in one.embeds],
        "components": layouts.shown(filled(one.components, urls)),
    }
    if one.reactions:
        body["reactions"] = [reaction(emoji, users, me) for emoji, users in one.reactions.items()]
    if one.interaction is not None:
        body |= {"interaction_metadata": one.interaction, "application_id": me.id, "webhook_id": me.id}
    if one.reference is not None:
        body["message_reference"] = one.reference
    return body if one.thread is None else body | {"thread": thread(one.thread, guild)}


def shown(embed: Json, urls: dict[str, str]) -> Json:
    """An embed as it is shown; its flags are Discord's to set."""
    return {"type": "rich"} | {key: filled(value, urls) for key, value in embed.items() if key != "flags"}


def pointers(node: Any) -> set[str]:
    """Every attachment:// address in a JSON value."""
    return set(re.findall(r'"(attachment://[^"]+)"', json.dumps(node, ensure_ascii=False)))


def filled(node: Any, urls: dict[str, str]) -> Any:
    """A JSON value with its attachment:// addresses replaced."""
    text = json.dumps(node, ensure_ascii=False)
    for pointer, url in urls.items():
        text = text.replace(f'"{pointer}"', f'"{url}"')
    return json.loads(text)


def reaction(emoji: str, users: dict[str, bool], me: User) -> Json:
    """The count of one emoji under a message."""
    burst = sum(users.values())
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(users),
        "count_details": {"burst": burst, "normal": len(users) - burst},
        "burst_colors": [],
        "me": me.id in users,
        "me_burst": users.get(me.id, False),
    }


def guild_create(guild: Guild, me: User) -> Json:
    """The whole guild as the bot gets it after READY, active threads included."""
    roles = [role(guild.id, "@everyone", EVERYONE)]
    roles += [role(one.role_id, one.name, one.permissions) for one in guild.users.values()]
    threads = [joined(one, guild, me) for one in guild.threads.values() if not one.archived]
    return GUILD_DEFAULTS | {
        "id": guild.id,
        "name": guild.name,
        "owner_id": guild.owner.id,
        "joined_at": iso(guild.created),
        "member_count": len(guild.users),
        "members": [member(one, guild) for one in guild.users.values() if one is me],
        "roles": roles,
        "channels": [channel(one, guild) for one in guild.channels.values()],
        "threads": threads,
    }


GUILD_DEFAULTS: Json = {
    "icon": None, "splash": None, "discovery_splash": None, "banner": None, "description": None,
    "vanity_url_code": None,
    "afk_channel_id": None, "afk_timeout": 300, "system_channel_id": None, "system_channel_flags": 0,
    "rules_channel_id": None, "public_updates_channel_id": None, "safety_alerts_channel_id": None,
    "application_id": None, "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0,
    "mfa_level": 0, "nsfw_level": 0, "premium_tier": 0, "premium_subscription_count": 0,
    "premium_progress_bar_enabled": False, "preferred_locale": "en-US", "hub_type": None, "incidents_data": None,
    "features": [], "emojis": [], "stickers": [], "soundboard_sounds": [], "stage_instances": [], "voice_states": [],
    "guild_scheduled_events": [], "presences": [], "large": False, "unavailable": False,
}  # fmt: skip
