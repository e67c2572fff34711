"""Both counters keep the contract: discord.py's over a loopback Discord, and the simulation's."""

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from cogs.api.transport import Counter, DiscordCounter
from tests.counter_contract import CounterContract, Town
from tests.office import SEND, Office, office
from tests.sim import discord as sim_discord
from tests.sim.counter import SimCounter
from tests.sim.discord import SimDiscord, Weather


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as opened:
        yield opened


class LoopbackTown:
    def __init__(self, post: Office) -> None:
        self.counter: Counter = DiscordCounter(post.bot)
        self.channel = int(post.net.channel.id)
        self.guild, self.mina = int(post.net.guild.id), int(post.mina.id)
        self._post = post

    def shut(self) -> None:
        self._post.net.delete(self._post.net.channel)

    def lose_an_answer(self) -> None:
        self._post.net.fail("POST", SEND, after=True)

    def clear_up(self) -> None:
        """It was one answer."""


class SimTown:
    def __init__(self) -> None:
        self._discord = SimDiscord(Random(1))
        self._channel = self._discord.open()
        self.counter: Counter = SimCounter(self._discord)
        self.channel, self.guild, self.mina = self._channel.id, 1, 2

    def shut(self) -> None:
        self._channel.state = "gone"

    def lose_an_answer(self) -> None:
        self._discord.weather = Weather(reset=1.0)

    def clear_up(self) -> None:
        self._discord.weather = Weather()


class TestDiscordCounter(CounterContract):
    @pytest.fixture
    async def town(self, post: Office) -> Town:
        return LoopbackTown(post)


class TestSimCounter(CounterContract):
    @pytest.fixture
    async def town(self, monkeypatch: pytest.MonkeyPatch) -> Town:
        monkeypatch.setattr(sim_discord, "LATENCY_S", 0.001)
        return SimTown()
