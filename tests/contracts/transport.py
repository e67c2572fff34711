"""What delivery may rely on in a transport. A test class inherits this and says in which town the transport stands.

Knows: Transport (cogs/api). Does not know: whether Discord behind it is the loopback's or the simulation's.
"""

from typing import Protocol

import pytest

from cogs.api.message import OutgoingMessage
from cogs.api.refusals import Refused, Verdict, is_transient
from cogs.api.transport import Transport


class Town(Protocol):
    transport: Transport
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


def post(mark: str) -> OutgoingMessage:
    return OutgoingMessage(id=mark, text=f"Woof.\n-# {mark}")


class TransportContract:
    @pytest.fixture
    async def town(self) -> Town:
        raise NotImplementedError

    async def test_one_nonce_is_one_message(self, town: Town) -> None:
        first, again, other = [await town.transport.send(town.channel, post("a-0"), nonce) for nonce in "nnm"]
        assert first == again != other

    async def test_a_message_is_found_by_its_mark(self, town: Town) -> None:
        sent = [await town.transport.send(town.channel, post(mark), mark) for mark in ("a-0", "b-0", "c-0")]
        assert [await town.transport.find(town.channel, mark, 0.0) for mark in ("c-0", "a-0", "d-0")] == [
            *sent[::-2],
            None,
        ]

    async def test_a_deleted_message_is_gone_for_good(self, town: Town) -> None:
        sent = await town.transport.send(town.channel, post("a-0"), "n")
        await town.transport.delete(town.channel, sent)
        assert await town.transport.find(town.channel, "a-0", 0.0) is None
        for again in (town.transport.delete(town.channel, sent), town.transport.send(town.channel, post("a-0"), "n")):
            with pytest.raises(Refused) as refusal:
                await again
            assert refusal.value.verdict is Verdict.OVER

    async def test_a_deleted_channel_refuses_everything(self, town: Town) -> None:
        sent = await town.transport.send(town.channel, post("a-0"), "n")
        town.shut()
        for request in (
            town.transport.send(town.channel, post("a-0"), "n"),
            town.transport.find(town.channel, "a-0", 0.0),
            town.transport.delete(town.channel, sent),
        ):
            with pytest.raises(Refused) as refusal:
                await request
            assert refusal.value.verdict is Verdict.ELSEWHERE and not is_transient(refusal.value)

    async def test_a_lost_answer_is_no_lost_message(self, town: Town) -> None:
        town.lose_an_answer()
        with pytest.raises(Exception) as lost:
            await town.transport.send(town.channel, post("a-0"), "n")
        assert is_transient(lost.value) and not isinstance(lost.value, Refused)
        town.clear_up()
        found = await town.transport.find(town.channel, "a-0", 0.0)
        assert found == await town.transport.send(town.channel, post("a-0"), "n") is not None

    async def test_a_person_has_one_door(self, town: Town) -> None:
        door = await town.transport.open_dm(town.mina)
        assert door == await town.transport.open_dm(town.mina) != town.channel
        assert await town.transport.send(door, post("a-0"), "n") == await town.transport.find(door, "a-0", 0.0)
        assert town.transport.serves(town.guild)
