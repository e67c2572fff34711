"""A sample of every error code on every route: nothing is lost, and people are answered or told.

`python -m tests.bench.error_codes` plays all of them.
"""

import asyncio
import logging
from pathlib import Path
from random import Random

import pytest

from tests.helpers.bot_env import private
from tests.helpers.error_lane import PASSING, REFUSED, matrix_env
from tests.helpers.error_matrix import play

ROUTES = (
    "first answer", "edit of the answer", "open a thread", "send", "search", "open direct messages", "look at a member",
)  # fmt: skip


async def test_whatever_discord_says_people_are_answered_or_told(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    random = Random(18)
    async with matrix_env(tmp_path) as alive:
        lanes = await asyncio.gather(
            *(play(alive, route, [random.choice(REFUSED), random.choice(PASSING)]) for route in ROUTES)
        )
        assert [case for lane in lanes for case in lane if not case.is_right or not case.hits] == []
        assert "dog" in await private(await alive.discord.person("Ann").slash("/pets", alive.discord.channel))
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []
