"""Scripted people: what a person can do in Discord, and what they see come back.

Knows: commands as people type them, buttons, modals, reactions. Does not know: how the bot hears of it.
A script that does what Discord's own client would not let a person do raises Impossible.
"""

from dataclasses import dataclass

from tests.loopback import commands, messages, reactions, rules, threads
from tests.loopback.commands import Commands
from tests.loopback.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interaction, Interactions, Kind
from tests.loopback.layouts import flat
from tests.loopback.options import Filled, Impossible, Value, attached, chosen, fill
from tests.loopback.permissions import Permission
from tests.loopback.state import Message, Place, Thread, Upload, User
from tests.loopback.values import Json, many
from tests.loopback.world import World

MESSAGE_MENU = 3  # the type of an application command


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer to an interaction: what it was, and after how many seconds it came."""

    kind: Kind
    seconds: float


class Person:
    """A member of the guild."""

    def __init__(self, user: User, world: World, known: Commands, interactions: Interactions) -> None:
        self.user = user
        self._world = world
        self._commands = known
        self._interactions = interactions

    @property
    def id(self) -> str:
        """The user id."""
        return self.user.id

    async def slash(self, command: str, place: Place, /, **values: Value) -> "Exchange":
        """Use a command, such as "/pet forget". Attachments are Uploads, users are ids; None leaves an option out."""
        data, leaf = self._command(command)
        filled = fill(self._world, leaf, {name: value for name, value in values.items() if value is not None})
        return self._ask(COMMAND, place, nested(data, command, filled))

    async def ask_about(self, message: Json, command: str) -> "Exchange":
        """Use a command of a message's own menu (Apps)."""
        found = self._found(message)
        known = [one for one in self._commands.of(None) if one["type"] == MESSAGE_MENU and one["name"] == command]
        if not known:
            raise Impossible(f"there is no {command} in the menu of a message")
        seen = {"messages": {found.id: self._world.wire(found)}}
        data = {"id": known[0]["id"], "name": command, "type": MESSAGE_MENU, "target_id": found.id, "resolved": seen}
        return self._ask(COMMAND, found.place, data)

    async def autocomplete(
        self, command: str, place: Place, focused: str, typed: str, /, **values: Value
    ) -> list[Json]:
        """Type into an option; the choices that the bot suggests within 3 s, as dicts of name and value."""
        data, leaf = self._command(command)
        if not any(option["name"] == focused and option.get("autocomplete") for option in many(leaf, "options")):
            raise Impossible(f"{command} has no option {focused} with autocomplete")
        filled = fill(self._world, leaf, values | {focused: typed}, focused=focused)
        exchange = self._ask(AUTOCOMPLETE, place, nested(data, command, filled))
        await exchange.first_answer()
        return exchange.interaction.choices

    async def click(self, message: Json, custom_id: str) -> "Exchange":
        """Press a button under a message."""
        source, component = self._component(message, custom_id)
        data = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
        return self._ask(COMPONENT, source.place, data, source=source)

    async def choose(self, message: Json, custom_id: str, *values: str) -> "Exchange":
        """Choose from a menu under a message."""
        source, component = self._component(message, custom_id)
        known = [option["value"] for option in component.get("options", [])]
        if component["type"] != rules.STRING_SELECT or not set(values) <= set(known):
            raise Impossible(f"{values} cannot be chosen from {known}")
        data = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"], "values": values}
        return self._ask(COMPONENT, source.place, data, source=source)

    async def react(self, message: Json, emoji: str, *, burst: bool = False) -> None:
        """Add a reaction."""
        reactions.add(self._world, self._found(message), self.user, emoji, burst=burst)

    async def unreact(self, message: Json, emoji: str) -> None:
        """Take a reaction back."""
        reactions.remove(self._world, self._found(message), self.user, emoji)

    async def say(self, place: Place, content: str, *uploads: Upload) -> Json:
        """Write a message."""
        message = messages.post(self._world, self.user, place, {"content": content}, list(uploads))
        return self._world.wire(message)

    async def delete(self, message: Json) -> None:
        """Delete a message: one's own, or with Manage Messages any."""
        found = self._found(message)
        held = self._world.guild.permissions(self.user, found.place)
        if found.author is not self.user and not held & Permission.MANAGE_MESSAGES:
            raise Impossible("only one's own messages can be deleted")
        messages.delete(self._world, found)

    def _command(self, command: str) -> tuple[Json, Json]:
        """A command, and the subcommand of it that the words name."""
        first, *rest = command.removeprefix("/").split()
        data = self._commands.named(self._world.guild.id, first)
        if data is None:
            raise Impossible(f"there is no command {command}")
        required = int(data["default_member_permissions"] or 0)
        if required and not (self.user.permissions & required):
            raise Impossible(f"{self.user.name} does not see {command}")
        return data, chosen(data, rest)

    def _component(self, message: Json, custom_id: str) -> tuple[Message, Json]:
        source = self._found(message)
        for component in flat(source.components):
            if component.get("custom_id") == custom_id and not component.get("disabled"):
                return source, component
        raise Impossible(f"message {source.id} has no component {custom_id} that can be used")

    def _found(self, message: Json) -> Message:
        try:
            return self._world.messages[message["id"]]
        except KeyError:
            raise Impossible(f"message {message['id']} was deleted") from None

    def _ask(self, kind: int, place: Place, data: Json, source: Message | None = None) -> "Exchange":
        if isinstance(place, Thread) and place.archived:
            if kind != COMPONENT or place.locked:
                raise Impossible("nothing can be used in an archived thread")
            threads.change(self._world, place, {"archived": False})  # the client does so first (discord-api-docs #8474)
        interaction = self._interactions.ask(kind, self.user, place, data, source=source)
        return Exchange(interaction, self._world, self._interactions)


class Exchange:
    """One interaction as the person sees it: what they asked, and what came back."""

    def __init__(self, interaction: Interaction, world: World, interactions: Interactions) -> None:
        self.interaction = interaction
        self._world = world
        self._interactions = interactions

    @property
    def followups(self) -> list[Json]:
        """The followup messages that are still there."""
        return [self._world.wire(one) for one in self.interaction.followups if one.id in self._world.messages]

    async def first_answer(self, timeout: float = rules.ACK_SECONDS) -> Answer:  # noqa: ASYNC109 (it is the API)
        """The first answer. Raises TimeoutError: "The application did not respond"."""
        asked = self.interaction
        await self._world.until(lambda: asked.answer is not None, timeout)
        assert asked.answer is not None
        assert asked.answered is not None
        return Answer(asked.answer, asked.answered - asked.asked)

    async def message(self, timeout: float = 10.0) -> Json:  # noqa: ASYNC109
        """The answer as it is now, once it is there and not "thinking" any more. Raises TimeoutError."""
        return self._world.wire(await self._world.until(self._settled, timeout))

    async def modal(self, timeout: float = rules.ACK_SECONDS) -> Json:  # noqa: ASYNC109
        """The modal that was answered: title, custom_id, components."""
        return await self._world.until(lambda: self.interaction.modal, timeout)

    async def submit(self, values: dict[str, str | list[Upload]]) -> "Exchange":
        """Fill in the modal by custom ids, and send it."""
        modal, asked = await self.modal(), self.interaction
        unknown = set(values) - {component.get("custom_id") for component in flat(modal["components"])}
        if unknown:
            raise Impossible(f"the modal has no {unknown}")
        found: dict[str, Json] = {}
        rows = [attached(self._world, row, values, found) for row in messages.numbered(modal["components"])]
        data: Json = {"custom_id": modal["custom_id"], "components": rows, "resolved": {"attachments": found}}
        sent = self._interactions.ask(
            MODAL, asked.user, asked.place, data, source=asked.source, opener=asked.metadata
        )  # fmt: skip
        return Exchange(sent, self._world, self._interactions)

    def _settled(self) -> Message | None:
        original = self.interaction.original
        shown = original is not None and original.id in self._world.messages and not original.flags & rules.LOADING
        return original if shown else None


def nested(data: Json, command: str, filled: Filled) -> Json:
    """The interaction's data: filled options below the subcommands that were named."""
    options = filled.options
    kinds = [commands.SUBCOMMAND, commands.GROUP]
    for kind, name in zip(kinds, reversed(command.split()[1:]), strict=False):
        options = [{"name": name, "type": kind, "options": options}]
    where = {"guild_id": data["guild_id"]} if "guild_id" in data else {}
    resolved = {"resolved": filled.resolved} if filled.resolved else {}
    return {"id": data["id"], "name": data["name"], "type": 1, "options": options} | where | resolved
