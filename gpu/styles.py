"""The catalogue of styles, read from styles.toml.

Knows: styles, their names in each locale, how a typed name finds one. Does not know: prompts, models, Discord.
"""

import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    key: str
    names: dict[str, str]  # locale -> name
    medium: str  # opens the prompt: "a watercolour painting"
    negative: str = ""


def _read(path: Path) -> dict[str, Style]:
    return {key: Style(key=key, **table) for key, table in tomllib.loads(path.read_text("utf-8")).items()}


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


STYLES: dict[str, Style] = _read(Path(__file__).with_suffix(".toml"))
_BY_NAME = {
    _plain(name): style for style in STYLES.values() for name in (style.key, style.medium, *style.names.values())
}


def find(text: str) -> Style | None:
    """The style with this key, medium, or name in any locale; None for free text."""
    return _BY_NAME.get(_plain(text))


def medium(text: str) -> str:
    """The words that open the prompt: the catalogue's for a known style, else what was typed."""
    style = find(text)
    return style.medium if style else " ".join(text.split())
