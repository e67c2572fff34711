"""The table of bars, line by line: what was promised, and which figures prove it.

Knows: the promises and their bounds. Does not know: how anything is measured (the other files here, tests/bench).
"""

from typing import Any

from tests.bench.bars import Bar

PROMISES: dict[str, tuple[Bar, ...]] = {
    "no accepted job is lost": (
        Bar("simulated.seeds", ">=", 200),
        Bar("simulated.wrong", "==", 0),
        Bar("machines.wrong", "==", 0),
        Bar("blows.bot", ">=", 15),
        Bar("blows.child", ">=", 15),
        Bar("blows.lost", "==", 0),
        Bar("blows.damaged", "==", 0),
        Bar("crowd.jobs", ">=", 20),
        Bar("crowd.lost", "==", 0),
        Bar("crowd.damaged", "==", 0),
    ),
    "each part of a job has exactly one visible answer": (
        Bar("blows.missing", "==", 0),
        Bar("blows.doubled", "==", 0),
        Bar("crowd.answers", ">=", 20),
        Bar("crowd.missing", "==", 0),
        Bar("crowd.doubled", "==", 0),
        Bar("resets.share", ">=", 0.3),
        Bar("resets.fewest", "==", 1),
        Bar("resets.most", "==", 1),
    ),
    "the database after truncations of its log at random bytes": (
        Bar("truncated.truncations", ">=", 1000),
        Bar("truncated.wrong", "==", 0),
    ),
    "training redone after a kill, and the bytes of what is learnt": (
        Bar("blows.most_redone_s", "<=", 60),
        Bar("interrupted.claims", ">=", 2),
        Bar("interrupted.files", ">=", 4),
        Bar("interrupted.files_differ", "==", 0),
    ),
    "a job that always crashes the child": (
        Bar("poison.crashes", "==", 3),
        Bar("poison.set_aside", "==", 1),
        Bar("poison.neighbours", ">=", 3),
        Bar("poison.neighbours_lost", "==", 0),
    ),
    "a child that hangs": (
        Bar("hang.killed_after_s", "<=", 1, over="hang.budget_s"),
        Bar("hang.next_job_s", "<=", 30),
    ),
    "1 user with 100 jobs and 9 users with 1": (
        Bar("order.people", "==", 10),
        Bar("order.last_of_the_nine", "<=", 19),
    ),
    "a portrait that is asked for while an enrolment runs": (
        Bar("paused.askings", ">=", 50),
        Bar("paused.steps_p95", "<=", 1),
        Bar("paused.files", ">=", 4),
        Bar("paused.files_differ", "==", 0),
    ),
    "first answers while the child trains": (
        Bar("answers.count", ">=", 200),
        Bar("answers.p99_s", "<=", 1),
        Bar("answers.worst_s", "<=", 2.5),
    ),
    "10,000 jobs in line and 100,000 portraits": (
        Bar("volume.claim.p99_ms", "<=", 10),
        Bar("volume.place.p99_ms", "<=", 10),
        Bar("volume.reaction.p99_ms", "<=", 10),
    ),
    "SIGTERM at random moments": (
        Bar("blows.term", ">=", 20),
        Bar("blows.slowest_exit_s", "<=", 25),
        Bar("blows.bad_exits", "==", 0),
        Bar("blows.processes_left", "==", 0),
    ),
    "a dog that is forgotten": (
        Bar("forget.places_before", "==", 4),
        Bar("forget.places_after", "==", 0),
        Bar("forget.seconds", "<=", 60),
    ),
    "two bots on one data folder": (
        Bar("second.status", "==", 2),
        Bar("second.said_so", "==", 1),
        Bar("second.first_goes_on", "==", 1),
    ),
}


def table(figures: dict[str, Any]) -> list[str]:
    """Each promise, and below it its figures with their bars."""
    lines: list[str] = []
    for promise, bars in PROMISES.items():
        lines += [promise, *(f"    {bar.line(figures)}" for bar in bars)]
    return lines


def unmet(figures: dict[str, Any], verdicts: tuple[str, ...] = ("missed", "not measured")) -> list[str]:
    """The figures that are not as they have to be."""
    return [bar.figure for bars in PROMISES.values() for bar in bars if bar.verdict(figures) in verdicts]
