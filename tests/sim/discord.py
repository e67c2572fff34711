"""The part of Discord that delivery meets: channels, messages, nonces, history, and bad weather.

Knows: what Discord promises and when it does not keep it (the same refusals as tests/loopback, by status and code).
Does not know: what the bot wants, discord.py, HTTP. It belongs to no life: a message that arrived stays, whoever died
meanwhile.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from math import inf
from random import Random
from typing import Literal, TypeVar

from cogs.api.message import OutgoingMessage
from cogs.api.refusals import Refused
from tests.sim.clockwork import LIFE

T = TypeVar("T")

NONCE_S = 180.0  # so long a nonce is known ("a few minutes")
LATENCY_S = 0.2  # on average, there and back
FIRST_ID = 10**18

State = Literal["open", "gone", "forbidden", "locked", "hidden"]
STATES: tuple[State, ...] = ("open", "gone", "forbidden", "locked", "hidden")
OUT_OF_SIGHT = ("gone", "hidden")  # of the bot; people still see what hangs in a hidden thread
UNKNOWN_MESSAGE = 404, 10008
NO_REPLY = 400, 160002
REFUSALS = {"gone": (404, 10003), "forbidden": (403, 50013), "locked": (403, 160005), "hidden": (403, 50001)}


class Lost(OSError):
    """The connection ended before the answer came: nobody knows what happened."""


@dataclass(slots=True)
class Message:
    id: int
    channel_id: int
    nonce: str
    name: str  # of the delivery, as file names hold it
    at: float
    buttons: tuple[str, ...] = ()  # custom ids
    mention: int | None = None  # the person who was notified
    gone: bool = False
    refused: bool = False  # a person took it down: it was an answer


@dataclass(slots=True)
class Channel:
    id: int
    parent: int | None  # of a thread
    state: State = "open"
    replies: bool = True  # may the bot reply there?
    shown: float = -inf  # since when the bot has seen it again, if it was ever hidden
    messages: list[Message] = field(default_factory=list[Message])


@dataclass(slots=True)
class Weather:
    """How often each goes wrong, 0..1."""

    busy: float = 0.0  # 503, and nothing was done
    reset: float = 0.0  # done, but the answer never comes


class SimDiscord:
    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._last = FIRST_ID
        self.weather = Weather()
        self.channels: dict[int, Channel] = {}
        self.failed: dict[int, list[float]] = defaultdict(list)  # when requests of each life failed; people's are in 0
        self._direct: dict[int, Channel] = {}

    def open(self, parent: int | None = None) -> Channel:
        channel = Channel(self._id(), parent)
        self.channels[channel.id] = channel
        return channel

    def upset(self, state: State) -> None:
        """Somebody changes a thread; what is gone does not come back."""
        threads = [one for one in self.channels.values() if one.parent is not None and one.state != "gone"]
        if threads:
            self._turn(self._rng.choice(threads), state)

    def show(self) -> None:
        """Whatever was hidden is seen again."""
        for one in self.channels.values():
            if one.state == "hidden":
                self._turn(one, "open")

    def _turn(self, thread: Channel, state: State) -> None:
        if "hidden" in (thread.state, state):
            thread.shown = asyncio.get_running_loop().time()
        thread.state = state

    def direct(self, user_id: int) -> int:
        """The channel of direct messages with a person."""
        return self._direct.setdefault(user_id, self.open()).id

    def posts(self) -> list[Message]:
        """All that anybody can see."""
        return [post for post in self.answers() if not post.gone and self.channels[post.channel_id].state != "gone"]

    def answers(self) -> list[Message]:
        """All that anybody could see at some time, and that the bot did not take back."""
        posts = (post for channel in self.channels.values() for post in channel.messages)
        return [post for post in posts if not post.gone or post.refused]

    def in_sight(self, for_s: float) -> list[Message]:
        """Those of the answers that hang where the bot could look for so long."""
        since = asyncio.get_running_loop().time() - for_s
        there = {one.id for one in self.channels.values() if one.state not in OUT_OF_SIGHT and one.shown <= since}
        return [post for post in self.answers() if post.channel_id in there]

    async def send(self, channel_id: int, nonce: str, message: OutgoingMessage) -> Message:
        """Raises Refused, Lost."""
        return await self._request(lambda: self._post(channel_id, nonce, message))

    async def history(self, channel_id: int) -> list[Message]:
        """Newest first. Raises Refused, Lost."""
        return await self._request(lambda: [one for one in self._known(channel_id).messages[::-1] if not one.gone])

    async def delete(self, channel_id: int, message_id: int, *, refused: bool = False) -> None:
        """Raises Refused, Lost."""

        def delete() -> None:
            [message] = [one for one in self._known(channel_id).messages if one.id == message_id] or [None]
            if message is None or message.gone:
                raise Refused(*UNKNOWN_MESSAGE)
            message.gone, message.refused = True, refused

        await self._request(delete, ours=not refused)

    async def _request(self, do: Callable[[], T], *, ours: bool = True) -> T:
        """The work happens on Discord's side, also when whoever asked is dead by then."""
        loop, life = asyncio.get_running_loop(), LIFE.get()
        luck, there, back = self._rng.random(), *(self._rng.expovariate(2 / LATENCY_S) for _ in range(2))
        answer: asyncio.Future[T] = loop.create_future()

        def arrive() -> None:
            try:
                if luck < self.weather.busy:
                    raise Refused(503, 0)
                outcome = partial(answer.set_result, do())
                if luck > 1 - self.weather.reset:
                    raise Lost
            except (Refused, Lost) as error:
                self.failed[life if ours else 0].append(loop.time())
                outcome = partial(answer.set_exception, error)
            loop.call_later(back, lambda: answer.done() or outcome())

        loop.call_later(there, arrive, context=Context())
        return await answer

    def _post(self, channel_id: int, nonce: str, sent: OutgoingMessage) -> Message:
        channel = self._known(channel_id)
        if channel.state != "open":
            raise Refused(*REFUSALS[channel.state])
        if sent.reply_to is not None and not channel.replies:
            raise Refused(*NO_REPLY)
        now = asyncio.get_running_loop().time()
        for old in channel.messages:
            if old.nonce == nonce and now - old.at < NONCE_S:
                if old.gone:
                    raise Refused(*UNKNOWN_MESSAGE)
                return old
        buttons = tuple(one.custom_id for one in sent.buttons)
        message = Message(self._id(), channel_id, nonce, sent.id, now, buttons, sent.mention)
        channel.messages.append(message)
        return message

    def _known(self, channel_id: int) -> Channel:
        channel = self.channels[channel_id]
        if channel.state in OUT_OF_SIGHT:
            raise Refused(*REFUSALS[channel.state])
        return channel

    def _id(self) -> int:
        self._last += 1
        return self._last
