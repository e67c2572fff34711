"""What the tests of the line live in."""

from collections.abc import AsyncIterator

import pytest

from gpu.line import journal, line
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.inline_executor import InlineExecutor
from tests.helpers.line_env import LineEnv, opened


@pytest.fixture
async def env() -> AsyncIterator[LineEnv]:
    async with opened(InlineExecutor(FakeStudio())) as env:
        yield env


@pytest.fixture
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the line waits after an error, it waits for a moment only."""
    monkeypatch.setattr(line, "ERROR_REST_S", 0.01)
    monkeypatch.setattr(journal, "RETRY_S", (0.01, 0.01, 0.01))
