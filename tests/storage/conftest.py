"""What the tests of storage live in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.helpers.storage_env import StorageEnv


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[StorageEnv]:
    env = await StorageEnv.open(tmp_path)
    yield env
    await env.db.close()
