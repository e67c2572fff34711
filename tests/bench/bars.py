"""Bars: what a figure should be, and whether it is.

Knows: figures as dicts in dicts, ways to them with dots. Does not know: what was measured, or how.
"""

import operator
from dataclasses import dataclass
from typing import Any

SIGNS = {">=": operator.ge, "<=": operator.le, "==": operator.eq}


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure should be; the way to it has dots."""

    figure: str
    sign: str
    bound: float
    over: str = ""  # the figure is divided by this one first

    def value(self, figures: dict[str, Any]) -> float | None:
        """None where it was not measured."""
        found, base = look_up(figures, self.figure), look_up(figures, self.over) if self.over else 1.0
        if found is None or base is None:
            return None
        return found / base

    def verdict(self, figures: dict[str, Any]) -> str:
        """A figure that is no number misses any bar."""
        value = self.value(figures)
        if value is None:
            return "not measured"
        return "met" if SIGNS[self.sign](value, self.bound) else "missed"

    def line(self, figures: dict[str, Any]) -> str:
        """For people."""
        name, value = " / ".join(filter(None, [self.figure, self.over])), self.value(figures)
        shown = "-" if value is None else f"{value:g}"
        return f"{name:<42}{shown:>9}   {self.sign} {self.bound:<6g}{self.verdict(figures)}"


def look_up(figures: dict[str, Any], figure: str) -> float | None:
    """None where it was not measured."""
    found: Any = figures
    for part in figure.split("."):
        found = found.get(part) if found else None
    return found
