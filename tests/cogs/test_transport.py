"""Both transports keep the contract: discord.py's over a loopback Discord, and the simulation's."""

from random import Random

import pytest

from cogs.api.transport import DiscordTransport, Transport
from tests.contracts.transport import Place, TransportContract
from tests.helpers.delivery_env import SEND, DeliveryEnv
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

    def mend(self) -> None:
        """It was one answer."""


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

    def mend(self) -> None:
        self._discord.weather = Weather()


class TestDiscordTransport(TransportContract):
    @pytest.fixture
    async def place(self, env: DeliveryEnv) -> Place:
        return LoopbackPlace(env)


class TestSimTransport(TransportContract):
    @pytest.fixture
    async def place(self, monkeypatch: pytest.MonkeyPatch) -> Place:
        monkeypatch.setattr(sim_discord, "LATENCY_S", 0.001)
        return SimPlace()
