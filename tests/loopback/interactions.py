"""Interactions: a person asks, the bot answers in time or not at all.

Knows: tokens, the 3 seconds and the 15 minutes, what may answer what, @original and followups.
Does not know: what people can ask for (people.py). Source: docs interactions/receiving-and-responding.
"""

import secrets
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

from tests.loopback import messages, rules, wire
from tests.loopback.forms import answer, done, form_of
from tests.loopback.refusals import (
    ALREADY_ACKNOWLEDGED,
    EXPIRED_TOKEN,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    Refused,
    invalid,
    length,
)
from tests.loopback.rest import API
from tests.loopback.state import Message, Place, Upload, User
from tests.loopback.values import Json
from tests.loopback.world import World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5  # kinds of interaction

Kind = Literal["message", "deferred", "deferred_update", "update", "choices", "modal"]
ANSWERS: dict[int, Kind] = {
    4: "message", 5: "deferred", 6: "deferred_update", 7: "update", 8: "choices", 9: "modal"
}  # fmt: skip


@dataclass(eq=False, kw_only=True)
class Interaction:
    """What one person asked once, and all that was answered."""

    id: str
    token: str
    kind: int
    user: User
    place: Place
    asked: float  # when, by the server's clock
    source: Message | None  # the message whose component was used
    metadata: Json
    answered: float | None = None
    answer: Kind | None = None
    original: Message | None = None
    modal: Json | None = None
    choices: list[Json] = field(default_factory=list[Json])
    followups: list[Message] = field(default_factory=list[Message])

    def allowed(self) -> set[int]:
        """The callback types that may answer this."""
        if self.kind == AUTOCOMPLETE:
            return {8}
        plain = {4, 5} if self.kind == MODAL else {4, 5, 9}
        return plain if self.source is None else plain | {6, 7}


class Interactions:
    """All interactions, by token."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._all: dict[str, Interaction] = {}

    def routes(self) -> list[web.RouteDef]:
        """The routes, for aiohttp."""
        webhook = API + "/webhooks/{application_id}/{token}"
        message = f"{webhook}/messages/{{message_id}}"
        return [
            web.post(API + "/interactions/{interaction_id}/{token}/callback", self.callback),
            web.post(webhook, self.followup),
            web.get(message, self.get_message),
            web.patch(message, self.edit_message),
            web.delete(message, self.delete_message),
        ]

    # ---- asking --------------------------------------------------------------------------------------------

    def ask(
        self, kind: int, user: User, place: Place, data: Json, *,
        source: Message | None = None, opener: Json | None = None,
    ) -> Interaction:  # fmt: skip
        """Send INTERACTION_CREATE. `opener` is the metadata of the interaction that opened a modal."""
        owners = {"0": self._world.guild.id}
        new_id = self._world.snowflakes()
        metadata: Json = {"id": new_id, "type": kind, "user": wire.user(user), "authorizing_integration_owners": owners}
        if kind == COMPONENT and source is not None:
            metadata["interacted_message_id"] = source.id
        if opener is not None:
            metadata["triggering_interaction_metadata"] = opener
        interaction = Interaction(
            id=new_id, token=secrets.token_urlsafe(32), kind=kind, user=user, place=place, source=source,
            asked=self._world.clock.now(), metadata=metadata,
        )  # fmt: skip
        self._all[interaction.token] = interaction
        self._world.event("INTERACTION_CREATE", self._payload(interaction) | {"data": data})
        return interaction

    def _payload(self, asked: Interaction) -> Json:
        guild, me = self._world.guild, self._world.me
        person = wire.member(asked.user, guild) | {"permissions": str(int(guild.permissions(asked.user, asked.place)))}
        seen = {} if asked.source is None else {"message": self._world.wire(asked.source)}
        return seen | {
            "id": asked.id,
            "application_id": me.id,
            "type": asked.kind,
            "token": asked.token,
            "version": 1,
            "guild_id": guild.id,
            "guild": {"id": guild.id, "locale": "en-US", "features": []},
            "guild_locale": "en-US",
            "locale": asked.user.locale,
            "channel_id": asked.place.id,
            "channel": wire.channel(asked.place, guild) | {"permissions": person["permissions"]},
            "member": person,
            "app_permissions": str(int(guild.permissions(me, asked.place))),
            "authorizing_integration_owners": asked.metadata["authorizing_integration_owners"],
            "attachment_size_limit": rules.FILE_BYTES,
            "entitlements": [],
            "context": 0,
        }

    # ---- the first answer ----------------------------------------------------------------------------------

    async def callback(self, request: web.Request) -> web.Response:
        """POST the one answer to an interaction: within 3 s (10062), and once (40060)."""
        asked = self._all.get(request.match_info["token"])
        if asked is None or asked.id != request.match_info["interaction_id"]:
            raise Refused(UNKNOWN_INTERACTION)
        body, uploads = await form_of(request)
        if asked.answered is not None:
            raise Refused(ALREADY_ACKNOWLEDGED)
        if self._world.clock.now() - asked.asked > rules.ACK_SECONDS:
            raise Refused(UNKNOWN_INTERACTION)
        if body.get("type") not in asked.allowed():
            raise invalid("type", "BASE_TYPE_CHOICES", f"Value must be one of {sorted(asked.allowed())}.")
        self._answer(asked, body["type"], body.get("data") or {}, uploads)
        asked.answered, asked.answer = self._world.clock.now(), ANSWERS[body["type"]]
        self._world.touch()
        wanted = request.query.get("with_response") in ("1", "true", "True")
        return answer(self._response(asked, body["type"])) if wanted else done()

    def _answer(self, asked: Interaction, kind: int, data: Json, uploads: list[Upload]) -> None:
        if kind in (4, 5):
            asked.original = self._post(asked, data, uploads, flags=rules.LOADING if kind == 5 else 0)
        elif kind in (6, 7):
            asked.original = asked.source
            if kind == 7 and asked.source is not None:
                messages.edit(self._world, asked.source, data, uploads)
        elif kind == 8:
            asked.choices = suggestions(data)
        else:
            rules.modal(data)
            asked.modal = data

    def _post(self, asked: Interaction, body: Json, uploads: list[Upload], flags: int = 0) -> Message:
        flags |= (body.get("flags") or 0) & rules.EPHEMERAL
        allowed = {"allowed_mentions": {"parse": ["users"]}}  # for interactions the default is people only
        return messages.post(
            self._world, self._world.me, asked.place, allowed | body, uploads,
            kind=20 if asked.kind == COMMAND else 0, flags=flags, interaction=asked.metadata,
        )  # fmt: skip

    def _response(self, asked: Interaction, kind: int) -> Json:
        body: Json = {"interaction": {"id": asked.id, "type": asked.kind}}
        if asked.original is None:
            return body
        body["interaction"] |= {
            "response_message_id": asked.original.id,
            "response_message_loading": bool(asked.original.flags & rules.LOADING),
            "response_message_ephemeral": bool(asked.original.flags & rules.EPHEMERAL),
        }
        shown = kind in (4, 7)  # Discord's description of its API knows no other with a message
        return body if not shown else body | {"resource": {"type": kind, "message": self._world.wire(asked.original)}}

    # ---- later answers, by webhook -------------------------------------------------------------------------

    async def followup(self, request: web.Request) -> web.Response:
        """POST one more message; the first one after a deferred answer fills that in."""
        asked = self._live(request)
        body, uploads = await form_of(request)
        if asked.original is not None and asked.original.flags & rules.LOADING:
            messages.edit(self._world, asked.original, body, uploads)
            message = asked.original
        else:
            message = self._post(asked, body, uploads)
            asked.followups.append(message)
            self._world.touch()
        return answer(self._world.wire(message)) if request.query.get("wait") in ("1", "true") else done()

    async def get_message(self, request: web.Request) -> web.Response:
        """GET @original or a followup."""
        return answer(self._world.wire(self._message(request)))

    async def edit_message(self, request: web.Request) -> web.Response:
        """PATCH @original or a followup; a deferred answer is no longer thinking then."""
        message, (body, uploads) = self._message(request), await form_of(request)
        messages.edit(self._world, message, body, uploads)
        return answer(self._world.wire(message))

    async def delete_message(self, request: web.Request) -> web.Response:
        """DELETE @original or a followup."""
        messages.delete(self._world, self._message(request))
        return done()

    def _live(self, request: web.Request) -> Interaction:
        """The interaction of a webhook token: acknowledged (else 10015) and younger than 15 minutes (else 50027)."""
        asked = self._all.get(request.match_info["token"])
        if asked is not None and self._world.clock.now() - asked.asked > rules.TOKEN_SECONDS:
            raise Refused(EXPIRED_TOKEN)
        if asked is None or asked.answered is None or request.match_info["application_id"] != self._world.me.id:
            raise Refused(UNKNOWN_WEBHOOK)
        return asked

    def _message(self, request: web.Request) -> Message:
        asked, wanted = self._live(request), request.match_info["message_id"]
        own = [message for message in (asked.original, *asked.followups) if message is not None]
        found = [message for message in own if message.id == wanted] if wanted != "@original" else [asked.original]
        if not found or found[0] is None or found[0].id not in self._world.messages:
            raise Refused(UNKNOWN_MESSAGE)
        return found[0]


def suggestions(data: Json) -> list[Json]:
    """The choices of an autocomplete answer: at most 25, with names of 1-100."""
    found: list[Json] = data.get("choices") or []
    if len(found) > 25:
        raise invalid("data.choices", "BASE_TYPE_BAD_LENGTH", "Must be between 0 and 25 in length.")
    for index, choice in enumerate(found):
        length(f"data.choices.{index}.name", choice.get("name"), 1, 100)
        length(f"data.choices.{index}.value", str(choice.get("value", "")), 1, 100)
    return found
