"""Where an answer goes: from the pet's thread to the channel above it, then to the person, and under which nonce.

Knows: the destinations of an answer, one after the other. Does not know: what a refusal means (cogs/api/refusals.py),
how anything is sent.
"""

from storage.outbox import Delivery, Destination


def next_destination(delivery: Delivery, parent_id: int) -> Destination | None:
    """Where to go if it is refused where it is: from the thread to its channel, then to the person; None: nowhere.

    There is no way back, or an answer that came through unheard could be seen at two places.
    """
    if delivery.destination is Destination.ORIGIN and delivery.channel_id != parent_id:
        return Destination.PARENT
    return None if delivery.destination is Destination.DM else Destination.DM


def nonce(delivery: Delivery) -> str:
    """Another one at each place: Discord would not send one again whose first message went down with its thread."""
    if delivery.destination is Destination.ORIGIN:
        return delivery.nonce
    return f"{delivery.nonce}.{delivery.destination:d}"


def must_be_sought(delivery: Delivery) -> bool:
    """Look for it before sending it: a try may have come through though nobody heard of it.

    Always, and not only once Discord may have forgotten the nonce: how long ago a try was is not known for certain
    (clocks are set back). The nonce is for what the look cannot see: a try that arrives just now.
    """
    return delivery.tries > 0
