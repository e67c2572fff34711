"""A third language, as somebody would add it: the file tests/cogs/de.toml.

Knows: where its sentences and its names of styles belong. Does not know: which tests read them.
"""

from pathlib import Path

import pytest

from cogs.shared.text import TEXTS, read_texts
from gpu.styles import STYLES

GERMAN = read_texts(Path(__file__).parent.parent / "cogs")["de"]
STYLE_NAMES = GERMAN.pop("style")


def add_german(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the file lay in cogs/shared/texts, and the names of styles stood in gpu/styles.toml."""
    monkeypatch.setitem(TEXTS, "de", GERMAN)
    for key, name in STYLE_NAMES.items():
        monkeypatch.setitem(STYLES[key].names, "de", name)
