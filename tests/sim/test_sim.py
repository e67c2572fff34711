"""The simulation: that it is what it claims to be, a slice of `make torture`, and machines for storage and line."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from cogs.api.message import OutgoingMessage
from tests.contracts.executor import ExecutorContract
from tests.sim.child import SimChild
from tests.sim.clockwork import Clockwork
from tests.sim.discord import Lost, SimDiscord, Weather
from tests.sim.line_machine import LineMachine
from tests.sim.run import play
from tests.sim.storage_machine import StorageMachine

T = TypeVar("T")


class TestSimChild(ExecutorContract):
    def build(self) -> SimChild:
        return SimChild()


# ---- the clockwork --------------------------------------------------------------------------------------------------


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=Clockwork) as runner:
        return runner.run(work)


def test_time_jumps_and_the_dead_do_nothing() -> None:
    async def main() -> tuple[list[str], float]:
        loop, heard = asyncio.get_running_loop(), list[str]()
        assert isinstance(loop, Clockwork)

        async def speak() -> None:
            try:
                heard.append("began")
                await asyncio.sleep(1e6)
                heard.append("went on")
            finally:
                heard.append("unwound")

        loop.live(1, speak())
        await asyncio.sleep(10)
        loop.kill(1)
        await asyncio.sleep(1e7)
        before = [*heard]
        await loop.reap()
        assert heard == ["began", "unwound"]
        return before, loop.now

    before, now = run(main())
    assert before == ["began"]
    assert now >= 1e7


def test_an_answer_that_is_lost_is_there_all_the_same() -> None:
    async def main() -> None:
        discord = SimDiscord(Random(1))
        channel = discord.open()
        discord.weather = Weather(reset=1.0)
        for _ in range(3):
            with pytest.raises(Lost):
                await discord.send(channel.id, "nonce", OutgoingMessage(id="a", text=""))
        assert [message.name for message in discord.posts()] == ["a"]

    run(main())


@pytest.mark.parametrize("seed", range(6))
def test_a_history_keeps_every_promise(seed: int) -> None:
    story = play(seed, 120)
    assert not story.wrong, story.text


def test_a_seed_is_one_history() -> None:
    first, second = play(11, 80), play(11, 80)
    assert first.digest == second.digest
    assert first.digest != play(12, 80).digest


# ---- the machines ---------------------------------------------------------------------------------------------------


TestStorage = StorageMachine.TestCase
TestStorage.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
TestLine = LineMachine.TestCase
TestLine.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
