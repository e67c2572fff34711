"""What the loopback's own tests live in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback.checks import violations


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the traffic of all tests of a module is written; it is checked when they are through."""
    folder = tmp_path_factory.mktemp("recorded")
    yield folder
    assert violations(folder) == []
