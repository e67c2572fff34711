"""What the tests of cogs live in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cogs import catch_up
from tests.helpers.bot_env import BotEnv, bot_env
from tests.helpers.delivery_env import DeliveryEnv, delivery_env
from tests.helpers.storage_env import StorageEnv


@pytest.fixture
async def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeliveryEnv]:
    """Delivery on a clock of ours."""
    monkeypatch.setattr(catch_up, "PACE_S", 0.0)
    async with delivery_env(tmp_path) as opened:
        yield opened


@pytest.fixture
async def alive(tmp_path: Path) -> AsyncIterator[BotEnv]:
    """The whole bot, online."""
    async with bot_env(tmp_path) as bot:
        yield bot


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[StorageEnv]:
    """Storage alone."""
    env = await StorageEnv.open(tmp_path)
    yield env
    await env.db.close()
