"""What the postman may rely on at a counter. A test class inherits this and says in which town the counter stands.

Knows: Counter (cogs/api/transport.py). Does not know: whether Discord behind it is the loopback's or the simulation's.
"""

from typing import Protocol

import pytest

from cogs.api.message import Post
from cogs.api.refusals import Refused, Verdict, passing
from cogs.api.transport import Counter


class Town(Protocol):
    counter: Counter
    channel: int
    guild: int
    mina: int

    def shut(self) -> None:
        """Somebody deletes the channel."""
        ...

    def lose_an_answer(self) -> None:
        """The next message arrives, and nobody hears of it."""
        ...

    def clear_up(self) -> None:
        """All is well again."""
        ...


def post(mark: str) -> Post:
    return Post(id=mark, text=f"Woof.\n-# {mark}")


class CounterContract:
    @pytest.fixture
    async def town(self) -> Town:
        raise NotImplementedError

    async def test_one_nonce_is_one_message(self, town: Town) -> None:
        first, again, other = [await town.counter.send(town.channel, post("a-0"), nonce) for nonce in "nnm"]
        assert first == again != other

    async def test_a_message_is_found_by_its_mark(self, town: Town) -> None:
        sent = [await town.counter.send(town.channel, post(mark), mark) for mark in ("a-0", "b-0", "c-0")]
        assert [await town.counter.find(town.channel, mark, 0.0) for mark in ("c-0", "a-0", "d-0")] == [
            *sent[::-2],
            None,
        ]

    async def test_a_deleted_message_is_gone_for_good(self, town: Town) -> None:
        sent = await town.counter.send(town.channel, post("a-0"), "n")
        await town.counter.delete(town.channel, sent)
        assert await town.counter.find(town.channel, "a-0", 0.0) is None
        for again in (town.counter.delete(town.channel, sent), town.counter.send(town.channel, post("a-0"), "n")):
            with pytest.raises(Refused) as refusal:
                await again
            assert refusal.value.verdict is Verdict.OVER

    async def test_a_deleted_channel_refuses_everything(self, town: Town) -> None:
        sent = await town.counter.send(town.channel, post("a-0"), "n")
        town.shut()
        for request in (
            town.counter.send(town.channel, post("a-0"), "n"),
            town.counter.find(town.channel, "a-0", 0.0),
            town.counter.delete(town.channel, sent),
        ):
            with pytest.raises(Refused) as refusal:
                await request
            assert refusal.value.verdict is Verdict.ELSEWHERE and not passing(refusal.value)

    async def test_a_lost_answer_is_no_lost_message(self, town: Town) -> None:
        town.lose_an_answer()
        with pytest.raises(Exception) as lost:
            await town.counter.send(town.channel, post("a-0"), "n")
        assert passing(lost.value) and not isinstance(lost.value, Refused)
        town.clear_up()
        found = await town.counter.find(town.channel, "a-0", 0.0)
        assert found == await town.counter.send(town.channel, post("a-0"), "n") is not None

    async def test_a_person_has_one_door(self, town: Town) -> None:
        door = await town.counter.door(town.mina)
        assert door == await town.counter.door(town.mina) != town.channel
        assert await town.counter.send(door, post("a-0"), "n") == await town.counter.find(door, "a-0", 0.0)
        assert town.counter.serves(town.guild)
