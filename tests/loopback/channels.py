"""The REST routes of channels: messages, reactions, threads.

Knows: what the bot asks for, and the permissions that it needs. Does not know: how it is done (messages.py, ...).
"""

from aiohttp import web

from tests.loopback import messages, reactions, threads, wire
from tests.loopback.forms import answer, body_of, done, form_of
from tests.loopback.permissions import Permission, demand
from tests.loopback.refusals import (
    BAD_BULK_DELETE,
    CLOSED_DOOR,
    NO_REPLY,
    NOT_YOURS,
    UNKNOWN_USER,
    WRONG_CHANNEL_TYPE,
    Refused,
    invalid,
)
from tests.loopback.rest import API
from tests.loopback.state import Channel, Message, Place, Thread
from tests.loopback.values import Json
from tests.loopback.world import World


class Channels:
    """Everything below /channels."""

    def __init__(self, world: World, *, message_content: bool) -> None:
        self._world = world
        self._message_content = message_content

    def routes(self) -> list[web.RouteDef]:
        """The routes, for aiohttp."""
        channel = API + "/channels/{channel_id}"
        listed = f"{channel}/messages"
        message = f"{listed}/{{message_id}}"
        reaction = f"{message}/reactions/{{emoji}}"
        return [
            web.get(channel, self.get_channel),
            web.patch(channel, self.edit_channel),
            web.delete(channel, self.delete_channel),
            web.post(f"{channel}/typing", self.typing),
            web.post(f"{channel}/threads", self.start_thread),
            web.put(f"{channel}/thread-members/@me", self.join_thread),
            web.put(f"{channel}/thread-members/{{user_id}}", self.add_to_thread),
            web.get(listed, self.history),
            web.post(listed, self.send),
            web.post(f"{listed}/bulk-delete", self.delete_many),
            web.get(message, self.get_message),
            web.patch(message, self.edit_message),
            web.delete(message, self.delete_message),
            web.post(f"{message}/threads", self.start_thread),
            web.delete(f"{message}/reactions", self.clear_reactions),
            web.get(reaction, self.list_reactions),
            web.put(f"{reaction}/@me", self.react),
            web.delete(f"{reaction}/{{user_id}}", self.unreact),
        ]

    # ---- channels and threads ------------------------------------------------------------------------------

    async def get_channel(self, request: web.Request) -> web.Response:
        """GET a channel or thread."""
        return answer(wire.channel(self._place(request), self._world.guild))

    async def edit_channel(self, request: web.Request) -> web.Response:
        """PATCH a thread; its owner needs no permission, except to change the lock, or to un-archive a locked one."""
        thread, body = self._thread(request), await body_of(request)
        if thread.owner_id != self._world.me.id or thread.locked or "locked" in body:
            self._demand(thread, Permission.MANAGE_THREADS)
        threads.change(self._world, thread, body)
        return answer(wire.thread(thread, self._world.guild))

    async def delete_channel(self, request: web.Request) -> web.Response:
        """DELETE a thread."""
        thread = self._thread(request)
        self._demand(thread, Permission.MANAGE_THREADS)
        threads.delete(self._world, thread)
        return answer(wire.thread(thread, self._world.guild))

    async def typing(self, request: web.Request) -> web.Response:
        """POST typing: seen by nobody here."""
        self._place(request)
        return done()

    async def start_thread(self, request: web.Request) -> web.Response:
        """POST a thread, from a message or without one."""
        parent, body = self._place(request), await body_of(request)
        if isinstance(parent, Thread):
            raise Refused(WRONG_CHANNEL_TYPE)
        message = self._message(request) if "message_id" in request.match_info else None
        self._demand(parent, Permission.CREATE_PUBLIC_THREADS)
        if message is None and body.get("type") != 11:
            raise invalid("type", "BASE_TYPE_CHOICES", "Only public threads (11) exist in this guild.")
        thread = threads.start(self._world, self._world.me, parent, body, message)
        return answer(wire.joined(thread, self._world.guild, self._world.me), 201)

    async def join_thread(self, request: web.Request) -> web.Response:
        """PUT oneself into a thread."""
        thread = self._thread(request)
        threads.awake(thread)
        thread.members = [*{*thread.members, self._world.me.id}]
        return done()

    async def add_to_thread(self, request: web.Request) -> web.Response:
        """PUT somebody else into a thread. Without a privileged intent the bot hears nothing of it."""
        thread, user_id = self._thread(request), request.match_info["user_id"]
        self._demand(thread, Permission.SEND_MESSAGES_IN_THREADS)
        threads.awake(thread)
        if user_id not in self._world.guild.users:
            raise Refused(UNKNOWN_USER)
        thread.members = [*dict.fromkeys([*thread.members, user_id])]
        self._world.touch()
        return done()

    # ---- messages ------------------------------------------------------------------------------------------

    async def history(self, request: web.Request) -> web.Response:
        """GET messages, newest first."""
        place = self._place(request)
        self._demand(place, Permission.READ_MESSAGE_HISTORY)
        limit = int(request.query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise invalid("limit", "NUMBER_TYPE_MAX", "Value should be between 1 and 100.")
        found = self._window(place, request.query.get("before"), request.query.get("after"), limit)
        return answer([self._seen(message) for message in reversed(found)])

    def _window(self, place: Place, before: str | None, after: str | None, limit: int) -> list[Message]:
        found = [
            message
            for message in self._world.history(place)
            if (before is None or int(message.id) < int(before)) and (after is None or int(message.id) > int(after))
        ]
        return found[:limit] if after is not None else found[-limit:]

    async def send(self, request: web.Request) -> web.Response:
        """POST a message, as JSON or with files. The same nonce again gives the first message."""
        place, (body, uploads) = self._place(request), await form_of(request)
        in_thread = isinstance(place, Thread)
        if isinstance(place, Channel) and place.recipient and place.recipient.closed:
            raise Refused(CLOSED_DOOR)
        self._demand(place, Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES)
        if uploads:
            self._demand(place, Permission.ATTACH_FILES)
        held = self._world.guild.permissions(self._world.me, place)
        if body.get("message_reference") and not held & Permission.READ_MESSAGE_HISTORY:
            raise Refused(NO_REPLY)
        message = messages.again(self._world, self._world.me, body)
        if message is None:
            message = messages.post(self._world, self._world.me, place, body, uploads)
        named = {} if body.get("nonce") is None else {"nonce": body["nonce"]}
        return answer(self._world.wire(message) | named)

    async def get_message(self, request: web.Request) -> web.Response:
        """GET one message."""
        message = self._message(request)
        self._demand(message.place, Permission.READ_MESSAGE_HISTORY)
        return answer(self._seen(message))

    async def edit_message(self, request: web.Request) -> web.Response:
        """PATCH a message of the bot's own."""
        message, (body, uploads) = self._message(request), await form_of(request)
        if message.author is not self._world.me:
            raise Refused(NOT_YOURS)
        messages.edit(self._world, message, body, uploads)
        return answer(self._world.wire(message))

    async def delete_message(self, request: web.Request) -> web.Response:
        """DELETE a message; that of somebody else needs Manage Messages."""
        message = self._message(request)
        if message.author is not self._world.me:
            self._demand(message.place, Permission.MANAGE_MESSAGES)
        threads.awake(message.place)
        messages.delete(self._world, message)
        return done()

    async def delete_many(self, request: web.Request) -> web.Response:
        """POST bulk-delete: 2-100 messages. Unknown ids are passed over."""
        place, body = self._place(request), await body_of(request)
        self._demand(place, Permission.MANAGE_MESSAGES)
        ids = {str(one) for one in body["messages"]}
        if not 2 <= len(ids) <= 100:
            raise Refused(BAD_BULK_DELETE)
        for message in [message for message in self._world.history(place) if message.id in ids]:
            messages.delete(self._world, message)
        return done()

    # ---- reactions -----------------------------------------------------------------------------------------

    async def react(self, request: web.Request) -> web.Response:
        """PUT the bot's reaction. Joining one that is there needs no Add Reactions."""
        message, emoji = self._message(request), request.match_info["emoji"]
        self._demand(message.place, Permission.READ_MESSAGE_HISTORY)
        if emoji not in message.reactions:
            self._demand(message.place, Permission.ADD_REACTIONS)
        reactions.add(self._world, message, self._world.me, emoji)
        return done()

    async def unreact(self, request: web.Request) -> web.Response:
        """DELETE the bot's reaction (@me), or with Manage Messages that of somebody."""
        message, user_id = self._message(request), request.match_info["user_id"]
        if user_id != "@me":
            self._demand(message.place, Permission.MANAGE_MESSAGES)
        user = self._world.me if user_id == "@me" else self._world.guild.users.get(user_id)
        if user is None:
            raise Refused(UNKNOWN_USER)
        reactions.remove(self._world, message, user, request.match_info["emoji"])
        return done()

    async def clear_reactions(self, request: web.Request) -> web.Response:
        """DELETE all reactions."""
        message = self._message(request)
        self._demand(message.place, Permission.MANAGE_MESSAGES)
        reactions.clear(self._world, message)
        return done()

    async def list_reactions(self, request: web.Request) -> web.Response:
        """GET who reacted with an emoji, by user id."""
        message, burst = self._message(request), request.query.get("type") == "1"
        users = reactions.users(self._world, message, request.match_info["emoji"], burst=burst)
        after = int(request.query.get("after", 0))
        limit = int(request.query.get("limit", 25))
        return answer([wire.user(user) for user in users if int(user.id) > after][:limit])

    # ---- lookups -------------------------------------------------------------------------------------------

    def _place(self, request: web.Request) -> Place:
        place = self._world.place(request.match_info["channel_id"])
        self._demand(place)
        return place

    def _thread(self, request: web.Request) -> Thread:
        place = self._place(request)
        if isinstance(place, Channel):
            raise Refused(WRONG_CHANNEL_TYPE)
        return place

    def _message(self, request: web.Request) -> Message:
        return self._world.message(self._place(request).id, request.match_info["message_id"])

    def _demand(self, place: Place, *needed: Permission) -> None:
        demand(self._world.guild.permissions(self._world.me, place), *needed)

    def _seen(self, message: Message) -> Json:
        """A message as the bot may read it: what others wrote is message content."""
        body = self._world.wire(message)
        if self._message_content or message.author is self._world.me or self._world.me in message.mentions:
            return body
        return body | {"content": "", "embeds": [], "attachments": [], "components": []}
