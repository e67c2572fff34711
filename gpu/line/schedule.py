"""Whose turn it is in the line, and the share of trainings in it.

Knows: the order of waiting jobs, what portraits owe to a training that waits for them, when each job will be done.
Does not know: rows, clocks, executors. Nothing here keeps anything: the line passes in what it knows.

Servers take turns, and so do the people of a server; whoever has waited longest is next, with their oldest job. A
person waits since their last turn, or since their oldest waiting job came if that is later: so everybody else has at
most one turn before them, whatever joins the line behind. Portraits, looks and trainings have turns of their own.

Portraits and looks take seconds, and go before trainings: a running training is paused for them between two steps. What
is said of portraits from here on is said of looks too. Trainings have a share: once portraits have held them back for
HELD_S = 120 s in all, one training gets a slice of SLICE_S = 30 s in which no portrait interrupts it. Each second of
training pays back four of those seconds. So under endless portraits training gets one second in five, and a portrait
that does not follow two minutes of others starts at once.
Once it has learnt, an enrolment goes on to its end: others wait for its first portrait as for any portrait.
A training that has begun goes on before another begins, unless its last run crashed: then it has had its turn.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeVar

from gpu.jobs import JobKind

TurnsByUser = dict[int, float]
"""User id -> Unix seconds of that person's last turn, in the order of those times."""
LastTurns = dict[tuple[JobKind, int], TurnsByUser]
"""(kind of job, guild id) -> the last turns of that server's people with that kind."""

HELD_S = 120.0  # for so long portraits may hold trainings back
SLICE_S = 30.0  # for so long a training then runs

T = TypeVar("T")


class Ticket(NamedTuple):
    """One waiting job, as far as order and places need to know it."""

    job_id: str
    kind: JobKind
    user_id: int
    guild_id: int
    created: float  # Unix seconds, as is begun
    begun: float | None = None  # first claim; None if there was none, or if the last one crashed


class Turn(NamedTuple):
    """Somebody's job was claimed."""

    kind: JobKind
    guild_id: int
    user_id: int
    at: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class TrainingShare:
    """What portraits owe to trainings."""

    held: float = 0.0  # seconds for which portraits held trainings back, not paid back yet
    owed: bool = False  # a slice is due: training goes first until `held` is 0

    def after(self, kind: JobKind, seconds: float) -> "TrainingShare":
        """The share after a job of that kind ran for so long, a portrait while a training waited."""
        held = max(0.0, self.held + (-seconds * HELD_S / SLICE_S if is_training(kind) else seconds))
        return TrainingShare(held, held >= HELD_S or (self.owed and held > 0.0))

    @property
    def slice_s(self) -> float:
        """Seconds of training that pay everything back."""
        return self.held * SLICE_S / HELD_S


def is_training(kind: JobKind) -> bool:
    """It takes minutes, and makes way for all that takes seconds."""
    return kind == "enroll"


def record_turn(last: LastTurns, turn: Turn) -> None:
    """Note a turn in `last`. Turns come in the order of time."""
    people = last.setdefault((turn.kind, turn.guild_id), {})
    people.pop(turn.user_id, None)
    people[turn.user_id] = turn.at


def first(tickets: list[Ticket], last: LastTurns, owed: bool = False) -> Ticket | None:
    """The head of order(), without sorting the rest. `tickets` come oldest first."""
    trainings, portraits = _split(tickets)
    portrait = _longest_waiting(portraits, last)
    training = next(iter(_begun(trainings)), None) or _longest_waiting(_not_begun(trainings), last)
    return training or portrait if owed else portrait or training


def order(tickets: list[Ticket], last: LastTurns, owed: bool = False) -> list[Ticket]:
    """All tickets as their turns will come, if nothing else happens. `tickets` come oldest first.

    `owed`: a training's slice is due, so one training goes first. Later slices are not foreseen.
    """
    trainings, portraits = _split(tickets)
    going_on = _begun(trainings) + _in_turn(_not_begun(trainings), last)
    ahead = 1 if owed else 0
    return going_on[:ahead] + _in_turn(portraits, last) + going_on[ahead:]


def forecast(work: Sequence[tuple[JobKind, float]]) -> list[float]:
    """Seconds until each job is done, given the jobs in order(), the running one first, each with its seconds of work.

    Slices are counted as if portraits owed nothing at the beginning. Work that nobody can guess is infinite.
    """
    portraits = sum(seconds for kind, seconds in work if not is_training(kind))
    trainings = sum(seconds for kind, seconds in work if is_training(kind))
    painted = trained = 0.0
    done: list[float] = []
    for kind, seconds in work:
        if is_training(kind):
            trained += seconds
            done.append(trained + min(-(-trained // SLICE_S) * HELD_S, portraits))
        else:
            done.append(painted + seconds + min(painted // HELD_S * SLICE_S, trainings))
            painted += seconds
    return done


def _split(tickets: list[Ticket]) -> tuple[list[Ticket], list[Ticket]]:
    """Trainings, and portraits with looks."""
    trainings = [ticket for ticket in tickets if ticket.kind == "enroll"]  # is_training(), without 10,000 calls
    return trainings, [ticket for ticket in tickets if ticket.kind != "enroll"] if trainings else tickets


def _begun(trainings: list[Ticket]) -> list[Ticket]:
    begun = [(ticket.begun, ticket) for ticket in trainings if ticket.begun is not None]
    return [ticket for _, ticket in sorted(begun, key=itemgetter(0))]


def _not_begun(trainings: list[Ticket]) -> list[Ticket]:
    return [ticket for ticket in trainings if ticket.begun is None]


def _longest_waiting(tickets: list[Ticket], last: LastTurns) -> Ticket | None:
    """The head of _in_turn(): whoever waits longest, with their oldest job."""
    if not tickets:
        return None
    _, queues, people = min(_by_server(tickets, last), key=itemgetter(0))
    return _longest_first(queues, people)[0][0]


def _in_turn(tickets: list[Ticket], last: LastTurns) -> list[Ticket]:
    servers = sorted(_by_server(tickets, last), key=itemgetter(0))
    return _interleave([_interleave(_longest_first(queues, people)) for _, queues, people in servers])


def _by_server(tickets: list[Ticket], last: LastTurns) -> list[tuple[float, list[list[Ticket]], TurnsByUser]]:
    """For each server and kind of job: since when it waits, its people's tickets, and their last turns.

    Each person's tickets are one list; the lists come in the order of their oldest tickets. Where the oldest ticket
    came after the server's last turn, the turns are left out: they do not change the order.
    """
    people_of: defaultdict[tuple[JobKind, int, int], list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        people_of[ticket.kind, ticket.guild_id, ticket.user_id].append(ticket)
    groups: defaultdict[tuple[JobKind, int], list[list[Ticket]]] = defaultdict(list)
    for (kind, guild_id, _), mine in people_of.items():
        groups[kind, guild_id].append(mine)
    servers: list[tuple[float, list[list[Ticket]], TurnsByUser]] = []
    for server, queues in groups.items():
        oldest = queues[0][0].created
        people = last.get(server, {})
        turn = next(reversed(people.values()), 0.0)
        servers.append((turn, queues, people) if turn > oldest else (oldest, queues, {}))
    return servers


def _longest_first(queues: list[list[Ticket]], people: TurnsByUser) -> list[list[Ticket]]:
    """Whoever waits longest first, with all their tickets."""
    if not people:
        return queues  # they are in that order already
    return sorted(queues, key=lambda mine: max(mine[0].created, people.get(mine[0].user_id, 0.0)))


def _interleave(queues: list[list[T]]) -> list[T]:
    """One of each in turn, until all are empty."""
    order: list[T] = []
    rank = 0
    while len(queues) > 1:
        order += [queue[rank] for queue in queues]
        rank += 1
        queues = [queue for queue in queues if len(queue) > rank]
    return order + queues[0][rank:] if queues else order
