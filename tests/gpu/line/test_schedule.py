"""Whose turn it is: fair between people and servers, portraits and looks first, and a share for trainings."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from copy import deepcopy
from itertools import count
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from gpu.jobs import JobKind
from gpu.line.schedule import (
    HELD_S,
    SLICE_S,
    LastTurns,
    Ticket,
    TrainingShare,
    Turn,
    first,
    forecast,
    order,
    record_turn,
)

NOW = 10**6


def ticket(job_id: object, kind: JobKind = "paint", user: int = 1, guild: int = 1, created: float = 0.0) -> Ticket:
    return Ticket(job_id=str(job_id), kind=kind, user_id=user, guild_id=guild, created=created)


@st.composite
def lines(draw: st.DrawFn, kinds: tuple[JobKind, ...] = ("paint", "enroll", "look")) -> tuple[list[Ticket], LastTurns]:
    """Who waits, oldest first, and who had turns before; a job may well be older than its owner's last turn."""
    people = st.tuples(st.sampled_from(kinds), st.integers(1, 4), st.integers(1, 3))
    last: LastTurns = {}
    for at, (kind, user, guild) in enumerate(draw(st.lists(people, max_size=10))):
        record_turn(last, Turn(kind, guild, user, at=at + 0.5))
    tickets: list[Ticket] = []
    for created, (kind, user, guild) in enumerate(draw(st.lists(people, max_size=30))):
        one = ticket(created, kind, user, guild, created)
        begun = draw(st.none() | st.floats(0, 100)) if kind == "enroll" else None
        tickets.append(one._replace(begun=begun))
    return tickets, last


def served(tickets: list[Ticket], last: LastTurns, owed: bool = False) -> Iterator[Ticket]:
    """Take one after the other, as the line does."""
    tickets, last = list(tickets), deepcopy(last)
    for at in count(NOW):
        head = first(tickets, last, owed)
        if head is None:
            return
        tickets.remove(head)
        if head.begun is None:
            record_turn(last, Turn(head.kind, head.guild_id, head.user_id, at))
        owed = False
        yield head


@given(lines(), st.booleans())
def test_places_are_what_will_happen(line: tuple[list[Ticket], LastTurns], owed: bool) -> None:
    tickets, last = line
    assert order(tickets, last, owed) == list(served(tickets, last, owed))
    assert sorted(order(tickets, last, owed), key=tickets.index) == tickets, "each once"


@given(lines())
def test_what_takes_seconds_first_then_what_has_begun(line: tuple[list[Ticket], LastTurns]) -> None:
    ranks = [0 if one.kind != "enroll" else 1 if one.begun is not None else 2 for one in order(*line)]
    assert ranks == sorted(ranks)
    begun = [one.begun for one in order(*line) if one.begun is not None]
    assert begun == sorted(begun)


@given(lines())
def test_a_slice_that_is_due_lets_one_training_by(line: tuple[list[Ticket], LastTurns]) -> None:
    tickets, last = line
    plain, owed = order(tickets, last), order(tickets, last, owed=True)
    trainings = [one for one in plain if one.kind == "enroll"]
    assert owed[:1] == (trainings or plain)[:1]
    assert owed[1:] == [one for one in plain if one != owed[0]] if owed else not plain


@given(lines(kinds=("paint",)))
def test_nobody_gets_a_second_turn_before_everybodys_first(line: tuple[list[Ticket], LastTurns]) -> None:
    tickets, last = line
    for guild in {one.guild_id for one in tickets}:
        here = [one for one in order(tickets, last) if one.guild_id == guild]
        _fair([one.user_id for one in here])
        for user in {one.user_id for one in here}:
            assert [one.created for one in here if one.user_id == user] == sorted(
                one.created for one in here if one.user_id == user
            )
    _fair([one.guild_id for one in order(tickets, last)])


def _fair(turns: Sequence[Hashable]) -> None:
    """At any moment nobody who still waits is more than one turn behind anybody."""
    total, had = Counter(turns), Counter[Hashable]()
    for one in turns:
        had[one] += 1
        assert all(had[other] >= had[one] - 1 for other in total if had[other] < total[other])


def test_the_nine_start_within_nineteen() -> None:
    greedy = [ticket(f"greedy{n}", user=0, created=n) for n in range(100)]
    nine = [ticket(user, user=user, created=1000 + user) for user in range(1, 10)]
    last: LastTurns = {("paint", 1): {0: 500.0}}
    started = [one.user_id for one in served(greedy + nine, last)]
    assert set(range(1, 10)) <= set(started[:11]), "one turn of the greedy one may be before theirs"
    assert started[11:] == [0] * 98


@given(lines(kinds=("paint", "look")))
def test_looks_and_portraits_have_turns_of_their_own(line: tuple[list[Ticket], LastTurns]) -> None:
    """A server's portraits come in the order in which they would come without looks, and the other way round."""
    tickets, last = line
    for kind in ("paint", "look"):
        alone = [one for one in tickets if one.kind == kind]
        assert [one for one in order(tickets, last) if one.kind == kind] == order(alone, last)
    _fair([(one.kind, one.guild_id) for one in order(tickets, last)])


def test_a_look_goes_before_trainings_and_by_its_age_among_portraits() -> None:
    waiting = [ticket("train", "enroll", 1, created=1.0), ticket("p1", user=1, created=2.0)]
    waiting += [ticket("look", "look", 2, created=3.0), ticket("p2", user=1, created=4.0)]
    assert [one.job_id for one in order(waiting, {})] == ["p1", "look", "p2", "train"]
    last: LastTurns = {("look", 1): {2: 3.5}, ("paint", 1): {}}
    assert [one.job_id for one in order(waiting, last)] == ["p1", "look", "p2", "train"], "it waits since 3.5"
    assert order(waiting, last, owed=True)[0].job_id == "train"


def test_newcomers_without_end_starve_nobody() -> None:
    last: LastTurns = {}
    record_turn(last, Turn("paint", 1, 1, at=0.0))
    waiting = [ticket("patient", user=1, created=1.0), *(ticket(n, user=n, created=2.0) for n in range(2, 6))]
    for at in count(3):
        head = first(waiting, last)
        assert head
        waiting.remove(head)
        record_turn(last, Turn("paint", 1, head.user_id, at))
        waiting += [ticket(f"new{at}{n}", user=100 * at + n, created=at) for n in (0, 1)]
        if head.job_id == "patient":
            break
        assert at < 8


def test_a_server_with_many_people_has_one_turn_in_two() -> None:
    busy = [ticket(n, user=n, guild=1, created=n) for n in range(50)]
    quiet = [ticket(f"quiet{n}", user=99, guild=2, created=100 + n) for n in range(5)]
    started = [one.guild_id for one in served(busy + quiet, {})]
    assert started[:10] == [1, 2] * 5


def test_a_training_that_died_has_had_its_turn() -> None:
    died = ticket("died", "enroll", user=1, created=1.0)
    other = ticket("other", "enroll", user=2, created=50.0)
    last: LastTurns = {}
    record_turn(last, Turn("enroll", 1, 1, at=60.0))
    assert first([died, other], last) == other
    assert first([died._replace(begun=60.0), other], last) == died._replace(begun=60.0), "paused in order"


@given(st.lists(st.floats(0.1, 400), min_size=50, max_size=80))
def test_training_gets_a_fifth_under_portraits_without_end(portraits: list[float]) -> None:
    share, painted, trained = TrainingShare(), 0.0, 0.0
    for seconds in portraits:
        while share.owed:
            trained += share.slice_s
            share = share.after("enroll", share.slice_s)
        painted += seconds
        share = share.after("paint", seconds)
    assert painted * SLICE_S / HELD_S - trained <= (HELD_S + 400) * SLICE_S / HELD_S
    assert trained <= painted * SLICE_S / HELD_S + 1e-6


@given(st.lists(st.tuples(st.sampled_from(["paint", "enroll", "look"]), st.floats(0, 200)), max_size=40))
def test_no_slice_is_due_before_two_minutes_were_held(runs: list[tuple[JobKind, float]]) -> None:
    share, held = TrainingShare(), 0.0
    for kind, seconds in runs:
        due = share.owed
        share = share.after(kind, seconds)
        held = share.held
        assert held >= 0 and (share.owed or held < HELD_S)
        assert not share.owed or due or held >= HELD_S, "a slice that is over is due again only after two minutes"


def test_a_slice_lasts_until_nothing_is_owed() -> None:
    half = TrainingShare().after("paint", HELD_S).after("enroll", SLICE_S / 2)
    assert half.owed and half.slice_s == SLICE_S / 2
    assert half.after("enroll", SLICE_S / 2) == TrainingShare()
    assert not TrainingShare().after("paint", HELD_S - 1).owed
    assert TrainingShare().after("paint", HELD_S - 1).after("look", 1).owed, "a look is as a portrait"


def works(kind: JobKind, longest: float) -> st.SearchStrategy[tuple[JobKind, float]]:
    return st.tuples(st.just(kind), st.floats(1, longest))


@given(st.lists(works("paint", 60) | works("look", 10) | works("enroll", 600), max_size=30))
def test_forecasts_come_true(mixed: list[tuple[JobKind, float]]) -> None:
    work = sorted(mixed, key=lambda one: one[0] == "enroll")  # portraits and looks first
    for kind, foreseen, true in zip([kind for kind, _ in work], forecast(work), _happened(work), strict=True):
        assert abs(foreseen - true) <= (HELD_S + 2 * 60 if kind == "enroll" else 2 * SLICE_S)


def _happened(work: list[tuple[JobKind, float]]) -> list[float]:
    """When each job was done: the line's rules, second by second."""
    left, done, now, share = [seconds for _, seconds in work], [0.0] * len(work), 0.0, TrainingShare()
    while any(left):
        waiting = [index for index, seconds in enumerate(left) if seconds]
        trainings = [index for index in waiting if work[index][0] == "enroll"]
        index = trainings[0] if share.owed and trainings else waiting[0]
        ran = min(left[index], share.slice_s) if share.owed and trainings and waiting != trainings else left[index]
        now, left[index] = now + ran, left[index] - ran if ran < left[index] else 0.0
        share = share.after(work[index][0], ran) if trainings else TrainingShare()
        done[index] = now
    return done


def test_forecasts_know_what_nobody_knows() -> None:
    assert forecast([]) == []
    assert forecast([("paint", 10), ("enroll", 100)]) == [10, 110]
    assert forecast([("paint", inf), ("enroll", 100)])[0] == inf
    assert forecast([("enroll", 100), ("paint", 10)]) == [110, 10], "a training makes way"
    assert forecast([("paint", 10), ("enroll", inf), ("paint", 10)])[::2] == [10, 20]
