"""What may be painted from a portrait that there is: each way as a seed, words and options.

Knows: recipes, and what each way keeps of one. Does not know: buttons, jobs, Discord, how any of it is painted.

| way | kept | new |
|---|---|---|
| again | the words | the seed |
| style | the seed, and every word but the medium and what it must not turn into | the medium |
| wish | the style | the words, the seed |
| pose | the wish | the words that the rewriter makes of it, the seed |
| near, far | the words, and most or half of the noise | the rest of the noise |
| exact | everything | nothing |

Whatever the way, preset and shape are kept.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gpu.jobs import PaintOptions
from gpu.portraits import Portrait, Prompt, Wish
from gpu.restyle import restyled
from storage.portraits import PortraitRow

Way = Literal["again", "style", "wish", "pose", "near", "far", "exact"]
SHARES = {"near": 0.3, "far": 0.5}
"""Of the new noise; where both weigh the same, half of what was there is left."""

MOST_SEED = 2**32 - 1


def new_seeds(count: int, first: int | None = None) -> tuple[int, ...]:
    """So many seeds: `first` and those that follow it, or random ones."""
    if first is None:
        return tuple(secrets.randbits(32) for _ in range(count))
    return tuple((first + n) % (MOST_SEED + 1) for n in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reroll:
    """What is to be painted."""

    wish: Wish
    seeds: tuple[int, ...]
    prompt: Prompt | None  # None: the rewriter makes one
    options: PaintOptions


def reroll(rows: Sequence[PortraitRow], way: Way, wish: Wish | None = None) -> Reroll:
    """Of the portraits in a message, at least one. `wish`: the new one, for ways that change it."""
    first, wish = rows[0].portrait, wish or rows[0].wish
    options, fresh = _options(rows[0], way), new_seeds(len(rows))
    seeds = tuple(row.portrait.seed for row in rows)
    match way:
        case "again":
            return Reroll(wish=wish, seeds=fresh, prompt=first.prompt, options=options)
        case "wish" | "pose":
            return Reroll(wish=wish, seeds=fresh, prompt=None, options=options)
        case "near" | "far":
            return Reroll(wish=wish, seeds=fresh, prompt=first.prompt, options=options)
        case "style":
            prompt = restyled(first.prompt, rows[0].wish, wish)
            return Reroll(wish=wish, seeds=seeds, prompt=prompt, options=options)
        case "exact":
            return Reroll(wish=wish, seeds=seeds, prompt=first.prompt, options=options)


def _options(row: PortraitRow, way: Way) -> PaintOptions:
    portrait = row.portrait
    keeps_noise = way in ("style", "exact")
    return PaintOptions(
        preset=portrait.preset,
        size=portrait.size,
        batch=portrait.batch if way == "exact" else None,
        around=portrait.around if keeps_noise else _around(portrait, way),
        placed=portrait.placed or not keeps_noise,
        choose=not keeps_noise,
        parent=f"{way} {row.job_id}/{portrait.seed}",
    )


def _around(portrait: Portrait, way: Way) -> tuple[tuple[int, float], ...]:
    share = SHARES.get(way)
    return (*portrait.around, (portrait.seed, share)) if share else ()
