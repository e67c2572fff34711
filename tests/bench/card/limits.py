"""How the figures of a card stand to their limits.

Knows: limits.toml: which limit holds for which card, and where it comes from. Does not know: how anything is measured.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from tests.bench.bars import Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A `bar` is to be met, a `floor` is what physics allows, and what is `published` others have measured."""

    kind: Literal["bar", "floor", "published"]
    card: str = ""  # a part of its name; empty: any
    figure: str  # the way to it has dots
    sign: Literal["<=", ">=", "=="] = "<="
    bound: float
    over: str = ""  # the figure is divided by this one first
    source: str

    def judge(self, figures: dict[str, Any]) -> dict[str, Any]:
        bar = Bar(self.figure, self.sign, self.bound, self.over)
        value = bar.value(figures)
        row = {"kind": self.kind, "figure": " / ".join(filter(None, [self.figure, self.over])), "value": value}
        row |= {"limit": f"{self.sign} {self.bound:g}", "source": self.source}
        if self.kind == "floor":  # never met; how far is it?
            return row | {"times": None if value is None else round(value / self.bound, 2)}
        return row | {"verdict": bar.verdict(figures)}


_LIMITS = TypeAdapter(tuple[Limit, ...])


def limits() -> tuple[Limit, ...]:
    text = Path(__file__).with_name("limits.toml").read_text("utf-8")
    return _LIMITS.validate_python(tomllib.loads(text)["limit"])


def judged(figures: dict[str, Any], card: str) -> list[dict[str, Any]]:
    """Each limit that holds for a card of this name, and how its figure stands to it."""
    return [limit.judge(figures) for limit in limits() if limit.card.lower() in card.lower()]


def line(row: dict[str, Any]) -> str:
    """A row for people."""
    value, verdict = row["value"], row["verdict"] if "verdict" in row else f"{row['times']} times"
    shown = "-" if value is None else f"{value:g}"
    return f"{row['kind']:<10}{row['figure']:<34}{shown:>9}   {row['limit']:<10}{verdict:<14}{row['source']}"
