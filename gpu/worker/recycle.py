"""When a child that computes has served long enough.

Knows: how many jobs, how much memory, which outcomes. Does not know: what happens then (serve.py tells the bot).
"""

from collections.abc import Callable

from gpu.outcomes import Done, Failed, Paused
from gpu.profile import RecyclePolicy


class RecycleTracker:
    """Follows one child from the moment it is ready. `memory`: its resident bytes."""

    def __init__(self, recycle: RecyclePolicy, memory: Callable[[], int]) -> None:
        self._policy = recycle
        self._memory = memory
        self._at_first = memory()
        self._jobs = 0

    def is_due(self, outcome: Done | Paused | Failed) -> bool:
        """Whether the child ends after this outcome. Not at a pause: a portrait waits for it."""
        if isinstance(outcome, Paused):
            return False
        self._jobs += 1
        broken = isinstance(outcome, Failed) and outcome.cause.needs_new_process
        return broken or self._jobs >= self._policy.jobs or self._memory() - self._at_first > self._policy.growth
