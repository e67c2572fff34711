"""Messages come, change and go.

Knows: what sending, editing and deleting do to the world. Does not know: HTTP, or who was allowed to ask.
"""

import itertools
import json
import re

from tests.loopback import rules, threads
from tests.loopback.refusals import UNKNOWN_MESSAGE, Refused, invalid
from tests.loopback.state import File, Message, Place, Thread, Upload, User
from tests.loopback.values import Json, many
from tests.loopback.world import World


def post(
    world: World, author: User, place: Place, body: Json, uploads: list[Upload], *,
    kind: int = 0, flags: int = 0, interaction: Json | None = None,
) -> Message:  # fmt: skip
    """A new message. It un-archives its thread, unless that is locked."""
    rules.message(body)
    flags |= (body.get("flags") or 0) & rules.SETTABLE_FLAGS
    content, embeds, rows = body.get("content") or "", many(body, "embeds"), numbered(many(body, "components"))
    rules.files([len(upload.data) for upload in uploads])
    if not flags & rules.LOADING:
        rules.filled(content, len(uploads), embeds, rows)
    reference = referenced(world, place, body)
    threads.open_for_sending(world, place)
    mentions, everyone = mentioned(world, body)
    message = Message(
        id=world.snowflakes(), place=place, author=author, created=world.clock.now(), content=content, embeds=embeds,
        components=rows, files=stored(world, place, uploads, flags), kind=19 if reference else kind, flags=flags,
        mentions=mentions, mention_everyone=everyone, interaction=interaction, reference=reference,
    )  # fmt: skip
    keep(world, message, body.get("nonce"))
    return message


def keep(world: World, message: Message, nonce: str | int | None) -> None:
    """Remember a new message and tell of it; an ephemeral one is told to nobody."""
    world.messages[message.id] = message
    if nonce is not None:
        world.nonces[message.author.id, str(nonce)] = message.id, world.clock.now()
    if message.flags & rules.EPHEMERAL or message.place.id in world.doors:
        world.touch()  # of direct messages the bot hears nothing: it has not asked for them
        return
    message.place.last_message_id = message.id
    if isinstance(message.place, Thread):
        message.place.sent += 1
    world.event("MESSAGE_CREATE", world.told(message) | ({} if nonce is None else {"nonce": nonce}))


def again(world: World, author: User, body: Json) -> Message | None:
    """With enforce_nonce: the message that this author sent with the same nonce in the past few minutes.

    If it was deleted meanwhile, Discord answers Unknown Message.
    """
    if not body.get("enforce_nonce"):
        return None
    earlier, sent = world.nonces.get((author.id, str(body.get("nonce"))), ("", 0.0))
    if sent < world.clock.now() - rules.NONCE_SECONDS:
        return None
    if earlier not in world.messages:
        raise Refused(UNKNOWN_MESSAGE)
    return world.messages[earlier]


def edit(world: World, message: Message, body: Json, uploads: list[Upload]) -> None:
    """Change what the body names and keep the rest. Attachments that a given list leaves out are removed."""
    rules.message(body, message.flags)
    threads.awake(message.place)
    kept = still_listed(message.files, body)
    rules.files([len(upload.data) for upload in uploads], kept=len(kept))
    content = body["content"] or "" if "content" in body else message.content
    embeds = many(body, "embeds") if "embeds" in body else message.embeds
    rows = numbered(many(body, "components")) if "components" in body else message.components
    rules.filled(content, len(kept) + len(uploads), embeds, rows)
    forget(world, [file for file in message.files if file not in kept])
    message.files = kept + stored(world, message.place, uploads, message.flags)
    message.content, message.embeds, message.components = content, embeds, rows
    message.mentions, message.mention_everyone = mentioned(world, {"content": content} | body)
    message.flags = message.flags & ~rules.LOADING | (body.get("flags") or 0) & rules.COMPONENTS_V2
    message.edited = world.clock.now()
    world.updated(message)


def delete(world: World, message: Message) -> None:
    """Remove a message and its files. A thread that began at it stays."""
    del world.messages[message.id]
    forget(world, message.files)
    if message.flags & rules.EPHEMERAL or message.place.id in world.doors:
        world.touch()
    else:
        world.event("MESSAGE_DELETE", {"id": message.id, "channel_id": message.place.id, "guild_id": world.guild.id})


def stored(world: World, place: Place, uploads: list[Upload], flags: int) -> list[File]:
    """The uploads as files of a message in this place."""
    ephemeral = flags & rules.EPHEMERAL
    folder = f"ephemeral-attachments/{world.me.id}" if ephemeral else f"attachments/{place.id}"
    return [world.store(upload, folder) for upload in uploads]


def forget(world: World, files: list[File]) -> None:
    """Take files off the CDN."""
    for file in files:
        del world.files[file.id]


def still_listed(files: list[File], body: Json) -> list[File]:
    """The files that an edit keeps: all, or those whose ids its attachments name."""
    if body.get("attachments") is None:
        return files
    ids = {str(entry["id"]) for entry in body["attachments"]}
    return [file for file in files if file.id in ids]


def mentioned(world: World, body: Json) -> tuple[list[User], bool]:
    """Who is pinged: by default everybody named in the content; `allowed_mentions` narrows it."""
    content, users = body.get("content") or "", world.guild.users
    named = [users[one] for one in re.findall(r"<@!?(\d+)>", content) if one in users]
    shouted = "@everyone" in content or "@here" in content
    allowed = body.get("allowed_mentions")
    if allowed is None:
        return named, shouted
    kinds: list[str] = allowed.get("parse") or []
    ids = [str(one) for one in many(allowed, "users")]
    return [one for one in named if "users" in kinds or one.id in ids], shouted and "everyone" in kinds


def referenced(world: World, place: Place, body: Json) -> Json | None:
    """The message that is answered, as a reference."""
    wanted = body.get("message_reference")
    if wanted is None:
        return None
    if str(wanted["message_id"]) in world.messages:
        where = {"channel_id": place.id, "guild_id": world.guild.id}
        return {"type": 0, "message_id": str(wanted["message_id"])} | where
    if wanted.get("fail_if_not_exists", True):
        raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
    return None


def numbered(rows: list[Json]) -> list[Json]:
    """Components as Discord keeps them: without empty fields, each with an id."""
    ids = itertools.count(1)

    def kept(node: Json) -> Json:
        ours = {"id": next(ids)} if isinstance(node.get("type"), int) else {}
        return ours | {key: value for key, value in node.items() if value is not None}

    return json.loads(json.dumps(rows), object_hook=kept)
