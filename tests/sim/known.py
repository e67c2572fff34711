"""A job's row as plain Python would keep it: what storage_machine.py holds against the table.

Knows: how attempts are charged and refunded. Does not know: SQL.
"""

from dataclasses import dataclass


@dataclass
class Known:
    """A job's row as plain Python would keep it."""

    kind: str
    pet_id: int
    state: str = "waiting"
    attempts: int = 0
    charged: int = 0
    fence: int = 0
    kills: int = 0
    checkpoint: int = 0
    cancel_requested: bool = False
    look: bool = False
    looks: int = 0

    def refund(self) -> None:
        self.attempts -= self.charged
        self.charged = 0

    def wait(self) -> None:
        self.state, self.charged = "waiting", 0

    def requeue(self, *, look: bool) -> None:
        """A look was answered."""
        self.state, self.look, self.attempts, self.kills, self.cancel_requested = "waiting", look, 0, 0, False
