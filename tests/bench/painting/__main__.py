"""Measures one part, or all: `python -m tests.bench.painting [PART ...]`. Each part keeps its figures in painting.json.

The exit status is 1 where a bar is missed. Nothing else should run meanwhile.
"""

import sys
from collections.abc import Callable
from typing import Any

from tests.bench import results
from tests.bench.bars import Bar
from tests.bench.painting import quality

PARTS: dict[str, tuple[Callable[[], dict[str, Any]], tuple[Bar, ...]]] = {
    "quality": (quality.measure, quality.BARS),
}


def main() -> int:
    right = True
    for part in sys.argv[1:] or PARTS:
        measure, bars = PARTS[part]
        results.keep_part("painting", part, figures := measure())
        print("\n".join(bar.line(figures) for bar in bars))
        right &= all(bar.verdict(figures) == "met" for bar in bars)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
