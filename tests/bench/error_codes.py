"""`python -m tests.bench.error_codes`: every error code of Discord on every route that the bot uses; half an hour.

Knows: which cases are played, and how the table is made. Does not know: what a case is (tests/helpers/error_matrix.py).
Bar: nothing is lost, each person has one answer or one sentence, and the bot lives.
"""

import asyncio
import logging
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.bench.results import keep
from tests.helpers.bot_env import BotEnv, private
from tests.helpers.error_lane import PASSING, REFUSED, matrix_env
from tests.helpers.error_matrix import ROUTES, SLOW, Case, play

FEWER = 5  # of the routes whose cases take seconds, every fifth code


class Errors(logging.Handler):
    """Counts the errors that are logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        cause = f": {record.exc_info[1]!r:.100}" if record.exc_info else ""
        self.seen[f"{record.name}: {record.getMessage():.60}{cause}"] += 1


async def everything(alive: BotEnv, every: int) -> list[Case]:
    """Each route's lane, but for the slow ones side by side."""
    quick = [play(alive, route, [*REFUSED[::every], *PASSING]) for route in ROUTES if route not in SLOW]
    slow = [play(alive, route, [*REFUSED[:: every * FEWER], *PASSING]) for route in SLOW]
    lanes = [*await asyncio.gather(*quick), *await asyncio.gather(*slow)]
    return [case for lane in lanes for case in lane]


def table(cases: list[Case]) -> dict[str, dict[str, dict[str, int]]]:
    """Route -> kind of trouble -> how it ended -> how often."""
    made: dict[str, dict[str, Counter[str]]] = {}
    for case in cases:
        kind = f"{case.trouble.status} with a code" if case.trouble.code else case.trouble.name
        made.setdefault(case.route, {}).setdefault(kind, Counter())[re.sub(r"\d{9,}", "…", case.end)] += 1
    return {route: {kind: dict(ends.most_common()) for kind, ends in kinds.items()} for route, kinds in made.items()}


async def main(every: int) -> int:
    errors, began = Errors(), time.monotonic()
    logging.getLogger().addHandler(errors)
    with tempfile.TemporaryDirectory() as folder:
        async with matrix_env(Path(folder)) as alive:
            cases = await everything(alive, every)
            await private(await alive.discord.person("Ann").slash("/pets", alive.discord.channel))
    wrong = [f"{case.route}, {case.trouble.name}: {case.end}" for case in cases if not case.is_right]
    unhit = [f"{case.route}, {case.trouble.name}" for case in cases if not case.hits]
    keep(
        "error_codes",
        {
            "cases": len(cases), "not_reached": unhit, "wrong": wrong,
            "errors_logged": dict(errors.seen), "minutes": round((time.monotonic() - began) / 60, 1),
            "ends": table(cases),
        },
    )  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)))
