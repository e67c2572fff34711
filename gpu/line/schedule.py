"""Whose turn it is in the line, and the share of trainings in it.

Knows: the order of waiting jobs, what portraits owe to a training that waits for them, when each job will be done.
Does not know: rows, clocks, executors. Nothing here waits or remembers: the line brings what it knows.

Servers take turns, and so do the people of a server; whoever has waited longest is next, with their oldest job. One
waits since one's last turn, or since one's oldest waiting job came if that is later: so each turn waits for at most one
turn of everybody else, whatever comes behind. Portraits and enrolments have turns of their own.

Portraits go before enrolments, and a training that runs makes way for them between two steps. But a training has its
share: once portraits have held trainings back for HELD_S = 120 s in all, one training has a slice of SLICE_S = 30 s in
which no portrait interrupts it. Training in between is counted against it, four seconds for each. So training gets one
second in five under portraits without end, and a portrait that does not follow two minutes of others starts at once.
Once it has learnt, an enrolment goes on to its end: its first portrait is one that others wait for, like any.
A training that has begun goes on before another begins, unless it died under its last run: then it has had its turn.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, NamedTuple, TypeVar

Kind = Literal["enroll", "paint"]
People = dict[int, float]  # when each person last had a turn (Unix seconds), the latest turn last
Last = dict[tuple[Kind, int], People]  # for each kind of job, in each server

HELD_S = 120.0  # portraits may hold trainings back for so long
SLICE_S = 30.0  # then one of them runs for so long

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One waiting job, as far as order and places need to know it."""

    job_id: str
    kind: Kind
    user_id: int
    guild_id: int
    created: float  # Unix seconds, as is begun
    begun: float | None = None  # first claim; None too if the job died under its last one


class Turn(NamedTuple):
    """Somebody's job was claimed."""

    kind: Kind
    guild_id: int
    user_id: int
    at: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class TrainingShare:
    """What portraits owe to trainings."""

    held: float = 0.0  # seconds
    owed: bool = False  # a slice is due, and lasts until nothing is held against portraits any more

    def after(self, kind: Kind, seconds: float) -> "TrainingShare":
        """A job of that kind ran for so long; a portrait counts while a training waits."""
        held = max(0.0, self.held + (seconds if kind == "paint" else -seconds * HELD_S / SLICE_S))
        return TrainingShare(held, held >= HELD_S or (self.owed and held > 0.0))

    @property
    def slice_s(self) -> float:
        """Seconds of training until nothing is owed."""
        return self.held * SLICE_S / HELD_S


def record_turn(last: Last, turn: Turn) -> None:
    """Remember a turn. Turns come in the order of time."""
    people = last.setdefault((turn.kind, turn.guild_id), {})
    people.pop(turn.user_id, None)
    people[turn.user_id] = turn.at


def first(tickets: list[Ticket], last: Last, owed: bool = False) -> Ticket | None:
    """The head of order(), for less work. `tickets` come oldest first."""
    enrolments = _of("enroll", tickets)
    portrait = _longest_waiting(_of("paint", tickets), last)
    training = next(iter(_begun(enrolments)), None) or _longest_waiting(_not_begun(enrolments), last)
    return training or portrait if owed else portrait or training


def order(tickets: list[Ticket], last: Last, owed: bool = False) -> list[Ticket]:
    """All tickets as their turns will come, if nothing else happens. `tickets` come oldest first.

    `owed`: a training's slice is due. Slices to come are not in it: they let one training by.
    """
    enrolments = _of("enroll", tickets)
    portraits = _in_turn(_of("paint", tickets), last)
    trainings = _begun(enrolments) + _in_turn(_not_begun(enrolments), last)
    ahead = 1 if owed else 0
    return trainings[:ahead] + portraits + trainings[ahead:]


def forecast(work: Sequence[tuple[Kind, float]]) -> list[float]:
    """Seconds until each job is done: of jobs in their order, the running one first, with the work left in each.

    Slices are counted as if all was even at the beginning. Work that nobody can guess is infinite.
    """
    portraits = sum(seconds for kind, seconds in work if kind == "paint")
    trainings = sum(seconds for kind, seconds in work if kind == "enroll")
    painted = trained = 0.0
    done: list[float] = []
    for kind, seconds in work:
        if kind == "paint":
            done.append(painted + seconds + min(painted // HELD_S * SLICE_S, trainings))
            painted += seconds
        else:
            trained += seconds
            done.append(trained + min(-(-trained // SLICE_S) * HELD_S, portraits))
    return done


def _of(kind: Kind, tickets: list[Ticket]) -> list[Ticket]:
    return [ticket for ticket in tickets if ticket.kind == kind]


def _begun(enrolments: list[Ticket]) -> list[Ticket]:
    begun = [(ticket.begun, ticket) for ticket in enrolments if ticket.begun is not None]
    return [ticket for _, ticket in sorted(begun, key=itemgetter(0))]


def _not_begun(enrolments: list[Ticket]) -> list[Ticket]:
    return [ticket for ticket in enrolments if ticket.begun is None]


def _longest_waiting(tickets: list[Ticket], last: Last) -> Ticket | None:
    """The head of _in_turn(): whoever waits longest, with their oldest job."""
    if not tickets:
        return None
    _, queues, people = min(_servers(tickets, last), key=itemgetter(0))
    return _longest_first(queues, people)[0][0]


def _in_turn(tickets: list[Ticket], last: Last) -> list[Ticket]:
    """Tickets of one kind."""
    servers = sorted(_servers(tickets, last), key=itemgetter(0))
    return _interleave([_interleave(_longest_first(queues, people)) for _, queues, people in servers])


def _servers(tickets: list[Ticket], last: Last) -> list[tuple[float, list[list[Ticket]], People]]:
    """Since when each server waits; each person's tickets, as the oldest came; their turns, none if none is later."""
    groups: defaultdict[int, defaultdict[int, list[Ticket]]] = defaultdict(lambda: defaultdict(list))
    for ticket in tickets:
        groups[ticket.guild_id][ticket.user_id].append(ticket)
    servers: list[tuple[float, list[list[Ticket]], People]] = []
    for group in groups.values():
        queues = list(group.values())
        oldest = queues[0][0]
        people = last.get((oldest.kind, oldest.guild_id), {})
        turn = next(reversed(people.values()), 0.0)
        servers.append((turn, queues, people) if turn > oldest.created else (oldest.created, queues, {}))
    return servers


def _longest_first(queues: list[list[Ticket]], people: People) -> list[list[Ticket]]:
    """Whoever waits longest first, with all their tickets."""
    if not people:
        return queues  # as they came
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
