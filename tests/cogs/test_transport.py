"""Both transports keep the contract: discord.py's over a loopback Discord, and the simulation's."""

from random import Random

import pytest

from cogs.api.message import OutgoingMessage
from cogs.api.refusals import Refused
from cogs.api.transport import DiscordTransport, Transport
from tests.contracts.transport import Place, TransportContract
from tests.helpers.delivery_env import SEND, DeliveryEnv
from tests.loopback import messages
from tests.loopback.permissions import Permission
from tests.loopback.refusals import invalid
from tests.sim import discord as sim_discord
from tests.sim.discord import SimDiscord, Weather
from tests.sim.transport import SimTransport


class LoopbackPlace:
    def __init__(self, env: DeliveryEnv) -> None:
        self.transport: Transport = DiscordTransport(env.bot)
        self.channel = int(env.net.channel.id)
        self.guild, self.mina = int(env.net.guild.id), int(env.mina.id)
        self._env = env

    def delete_channel(self) -> None:
        self._env.net.delete(self._env.net.channel)

    def lose_an_answer(self) -> None:
        self._env.net.fail("POST", SEND, after=True)

    def forbid_replies(self) -> None:
        self._env.net.deny(Permission.READ_MESSAGE_HISTORY)

    def mend(self) -> None:
        """The lost answer was one."""
        self._env.net.deny(0)

    def buttons(self, message_id: int) -> list[str]:
        rows = self._env.net.world.messages[str(message_id)].components
        return [button["custom_id"] for row in rows for button in row["components"]]

    def notified(self, message_id: int) -> list[int]:
        message = self._env.net.world.messages[str(message_id)]
        assert not message.mention_everyone
        return [int(user.id) for user in message.mentions]


class SimPlace:
    def __init__(self) -> None:
        self._discord = SimDiscord(Random(1))
        self._channel = self._discord.open()
        self.transport: Transport = SimTransport(self._discord)
        self.channel, self.guild, self.mina = self._channel.id, 1, 2

    def delete_channel(self) -> None:
        self._channel.state = "gone"

    def lose_an_answer(self) -> None:
        self._discord.weather = Weather(reset=1.0)

    def forbid_replies(self) -> None:
        self._channel.replies = False

    def mend(self) -> None:
        self._discord.weather = Weather()
        self._channel.replies = True

    def buttons(self, message_id: int) -> list[str]:
        return list(self._message(message_id).buttons)

    def notified(self, message_id: int) -> list[int]:
        mention = self._message(message_id).mention
        return [] if mention is None else [mention]

    def _message(self, message_id: int) -> sim_discord.Message:
        return next(one for one in self._channel.messages if one.id == message_id)


class TestDiscordTransport(TransportContract):
    @pytest.fixture
    async def place(self, env: DeliveryEnv) -> Place:
        return LoopbackPlace(env)


class TestSimTransport(TransportContract):
    @pytest.fixture
    async def place(self, monkeypatch: pytest.MonkeyPatch) -> Place:
        monkeypatch.setattr(sim_discord, "LATENCY_S", 0.001)
        return SimPlace()


async def test_what_discord_finds_wrong_with_a_reply_is_left_out(env: DeliveryEnv, monkeypatch: pytest.MonkeyPatch):
    """An unknown reference, a system message: 50035, and the field's name."""

    def refuse(world: object, place: object, body: dict[str, object]) -> None:
        if body.get("message_reference"):
            raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")

    monkeypatch.setattr(messages, "referenced", refuse)
    message = OutgoingMessage(id="a-0", text="Woof.", reply_to=12)
    await DiscordTransport(env.bot).send(int(env.net.channel.id), message, "n")
    assert env.texts(env.net.channel) == ["Woof."]


async def test_what_is_wrong_with_the_rest_is_not(env: DeliveryEnv):
    message = OutgoingMessage(id="a-0", text="x" * 2001, reply_to=12)
    with pytest.raises(Refused):
        await DiscordTransport(env.bot).send(int(env.net.channel.id), message, "n")
    assert env.texts(env.net.channel) == []
