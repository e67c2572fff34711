"""A job that is in line, told to somebody or kept by a crash from being told, and what has become of it so far.

Knows: what a judge has to remember. Does not know: what is right.
"""

from collections import Counter
from dataclasses import dataclass, field

from gpu.jobs import JobKind
from gpu.outcomes import Cause


@dataclass(slots=True)
class Promise:
    """A job that is in line."""

    job_id: str
    number: int  # ids differ from run to run, numbers do not
    kind: JobKind  # of an enrolment that begins with a look: a look, until that is answered
    guild_id: int
    user_id: int
    pet_id: int | None
    at: float  # since when it is in line
    poison: bool
    asked: bool = False  # to be cancelled
    cancelled: float | None = None  # when the line said yes
    claims: list[int] = field(default_factory=list[int])
    had_turn: bool = False  # since it is in line
    claimed: float | None = None  # by a run that is not over
    attempts: int = 0  # charged
    charged: int = 0  # for the present run
    checkpoint: int = 0
    passed: Counter[tuple[int, int]] = field(default_factory=Counter[tuple[int, int]])  # turns of others meanwhile
    trained: float = 0.0  # seconds of training that a portrait waited for
    shown: float = 0.0  # seconds of enrolments' own first portraits
    causes: set[Cause] = field(default_factory=set[Cause])  # that the child gave
    over: tuple[str, str | None] | None = None  # state and error, once it is closed

    def put_in_line(self, kind: JobKind, at: float) -> None:
        """A look was answered: it waits again, at the end of the line."""
        self.kind, self.at, self.had_turn = kind, at, False
        self.attempts = self.charged = 0
        self.trained = self.shown = 0.0
        self.passed.clear()

    def refund(self) -> None:
        self.attempts -= self.charged
        self.charged = 0
