"""JSON as nobody should send it: fields are missing, null, of another type, huge, or unknown.

Knows: how one value is spoilt, drawn from a seed. Does not know: what the value means, or who reads it.
"""

import copy
from random import Random
from typing import Any

Slot = tuple[Any, Any]  # a container, and the key or index of a value in it

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 99, 2**31, 2**64, 10**40, 0.5, 1e308, "", "x", "0", "-1", "9" * 40, "\ud83d",
    "2026-13-45T99:00:00", [], [None], [[]], {}, {"id": None}, {"type": 99},
)  # fmt: skip


def mutated(random: Random, value: Any) -> Any:
    """A copy in which one to three of the values within are gone or odd."""
    spoilt = copy.deepcopy(value)
    for _ in range(random.randint(1, 3)):
        container, key = random.choice(slots(spoilt) or [({}, "")])
        if isinstance(container, dict) and random.random() < 0.4:
            container.pop(key, None)
        else:
            container[key] = copy.deepcopy(random.choice(ODD))
    return spoilt


def slots(value: Any) -> list[Slot]:
    """Every place in which a value stands, outermost first."""
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    return [(value, key) for key in keys] + [slot for key in keys for slot in slots(value[key])]
