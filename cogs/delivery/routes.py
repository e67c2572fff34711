"""Where an answer goes, and under which nonce: to the pet's thread, else to the channel above it, else to the person.

Knows: the destinations of an answer, one after the other. Does not know: what a refusal means (cogs/api/refusals.py),
how anything is sent.
"""

from storage.outbox import Delivery, Destination


def next_destination(delivery: Delivery, parent_id: int) -> Destination | None:
    """Where an answer goes that is refused where it is: to the thread's channel, then to the person; None: nowhere.

    Never back: an answer that was sent though we did not hear of it could be seen at two places.
    """
    if delivery.destination is Destination.ORIGIN and delivery.channel_id != parent_id:
        return Destination.PARENT
    return None if delivery.destination is Destination.DM else Destination.DM


def nonce(delivery: Delivery) -> str:
    """Another one at each place: under a nonce it knows Discord sends nothing, though the first message be gone."""
    if delivery.destination is Destination.ORIGIN:
        return delivery.nonce
    return f"{delivery.nonce}.{delivery.destination:d}"


def must_be_sought(delivery: Delivery) -> bool:
    """Look for it before sending it? An earlier try may have arrived though we did not hear of it.

    Yes after any try, however recent: how long ago it was is not known for certain (clocks are set back), nor whether
    Discord still remembers the nonce. The nonce is for what the look cannot see: a try that arrives at this moment.
    """
    return delivery.tries > 0
