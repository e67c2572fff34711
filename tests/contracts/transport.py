"""What delivery may rely on in a transport. A test class inherits this and gives the fixture `place`.

Knows: Transport (cogs/api). Does not know: whether Discord behind it is the loopback's or the simulation's.
"""

from dataclasses import replace
from typing import Protocol

import pytest

from cogs.api.message import Button, OutgoingMessage
from cogs.api.refusals import Refused, Verdict, is_transient
from cogs.api.transport import Transport


class Place(Protocol):
    transport: Transport
    channel: int
    guild: int
    mina: int

    def delete_channel(self) -> None:
        """Somebody deletes the channel."""
        ...

    def lose_an_answer(self) -> None:
        """The next message arrives, and nobody hears of it."""
        ...

    def forbid_replies(self) -> None:
        """A message may be sent, but not as a reply."""
        ...

    def mend(self) -> None:
        """All is well again."""
        ...

    def buttons(self, message_id: int) -> list[str]:
        """The custom ids of the buttons under a message, as they stand there."""
        ...

    def notified(self, message_id: int) -> list[int]:
        """Who was notified by a message."""
        ...


def post(mark: str) -> OutgoingMessage:
    return OutgoingMessage(id=mark, text=f"Woof.\n-# {mark}")


class TransportContract:
    @pytest.fixture
    async def place(self) -> Place:
        raise NotImplementedError

    async def test_one_nonce_is_one_message(self, place: Place) -> None:
        first, again, other = [await place.transport.send(place.channel, post("a-0"), nonce) for nonce in "nnm"]
        assert first == again != other

    async def test_a_message_is_found_by_its_mark(self, place: Place) -> None:
        sent = [await place.transport.send(place.channel, post(mark), mark) for mark in ("a-0", "b-0", "c-0")]
        assert [await place.transport.find(place.channel, mark, 0.0) for mark in ("c-0", "a-0", "d-0")] == [
            *sent[::-2],
            None,
        ]

    async def test_a_deleted_message_is_gone_for_good(self, place: Place) -> None:
        sent = await place.transport.send(place.channel, post("a-0"), "n")
        await place.transport.delete(place.channel, sent)
        assert await place.transport.find(place.channel, "a-0", 0.0) is None
        for again in (
            place.transport.delete(place.channel, sent),
            place.transport.send(place.channel, post("a-0"), "n"),
        ):
            with pytest.raises(Refused) as refusal:
                await again
            assert refusal.value.verdict is Verdict.DELETED

    async def test_a_deleted_channel_refuses_everything(self, place: Place) -> None:
        sent = await place.transport.send(place.channel, post("a-0"), "n")
        place.delete_channel()
        for request in (
            place.transport.send(place.channel, post("a-0"), "n"),
            place.transport.find(place.channel, "a-0", 0.0),
            place.transport.delete(place.channel, sent),
        ):
            with pytest.raises(Refused) as refusal:
                await request
            assert refusal.value.verdict is Verdict.NOT_HERE and not is_transient(refusal.value)

    async def test_a_lost_answer_is_no_lost_message(self, place: Place) -> None:
        place.lose_an_answer()
        with pytest.raises(Exception) as lost:
            await place.transport.send(place.channel, post("a-0"), "n")
        assert is_transient(lost.value) and not isinstance(lost.value, Refused)
        place.mend()
        found = await place.transport.find(place.channel, "a-0", 0.0)
        assert found == await place.transport.send(place.channel, post("a-0"), "n") is not None

    async def test_what_may_not_be_a_reply_is_sent_without(self, place: Place) -> None:
        asked = await place.transport.send(place.channel, post("a-0"), "n")
        place.forbid_replies()
        reply = replace(post("b-0"), reply_to=asked)
        first, again = [await place.transport.send(place.channel, reply, "m") for _ in range(2)]
        place.mend()
        assert first == again == await place.transport.find(place.channel, "b-0", 0.0) != asked

    async def test_buttons_come_along_and_mark_it_too(self, place: Place) -> None:
        buttons = tuple(Button(custom_id=f"pat:a-0:{n}", label=f"Pat {n}", emoji="🐶") for n in range(6))
        message = OutgoingMessage(id="a-0", text="Woof.", buttons=buttons)
        sent, plain = [await place.transport.send(place.channel, one, one.id) for one in (message, post("b-0"))]
        assert place.buttons(sent) == [one.custom_id for one in buttons] and place.buttons(plain) == []
        assert await place.transport.find(place.channel, "a-0", 0.0) == sent

    async def test_one_person_is_notified_and_once(self, place: Place) -> None:
        named = OutgoingMessage(id="a-0", text=f"<@{place.mina}> Woof, @everyone.\n-# a-0")
        quiet = await place.transport.send(place.channel, named, "n")
        loud, again = [await place.transport.send(place.channel, replace(named, mention=place.mina), "m") for _ in "mm"]
        assert place.notified(quiet) == [] and place.notified(loud) == [place.mina] and again == loud

    async def test_a_person_has_one_door(self, place: Place) -> None:
        door = await place.transport.open_dm(place.mina)
        assert door == await place.transport.open_dm(place.mina) != place.channel
        assert await place.transport.send(door, post("a-0"), "n") == await place.transport.find(door, "a-0", 0.0)
        assert place.transport.serves(place.guild)
