"""Wishes as people type them, in English and Korean, each with the plan that a good answer holds.

Knows: how phrases make a wish (wishes.toml holds them), which phrases are held back. Does not know: models, tokenizers.
One whole phrase in twelve, of every place and style, is never in a wish to learn from: only those measure what is
understood of words that were not learnt.
"""

import random
import tomllib
import zlib
from functools import cache
from pathlib import Path
from typing import Any

from gpu.studio.plan import Plan
from gpu.styles import STYLES
from gpu.types import Wish

PHRASES: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
FRAMED = {  # whole phrases -> what the others are put together of: the thing, and the words around it
    "scene": ("thing", "near"),
    "style": ("look", "manner"),
    "worn": ("name", "wearing"),
    "unwanted": ("name", "refusing"),
}
HELD_BACK = 12
BOXES = ((20, 15, 80, 100), (25, 10, 75, 95), (15, 20, 85, 100), (30, 15, 90, 100), (10, 15, 70, 100))


def a_wish(rng: random.Random) -> tuple[Wish, Plan]:
    """A wish nobody has typed, and a plan for it."""
    language, style = rng.choice(("en", "ko")), rng.choice(list(PHRASES["style"]))
    scenes, wear = list(PHRASES["scene"]), list(PHRASES["worn"])
    scene = rng.choice(scenes) if rng.random() < 0.95 else ""
    worn = rng.choice(wear) if rng.random() < 0.25 else ""
    unwanted = rng.choice([w for w in wear if w != worn]) if rng.random() < 0.35 else ""
    asked = [("scene", scene)] * rng.choice((1, 1, 2)) + [("worn", worn), ("unwanted", unwanted)]
    text = _sentence(rng, language, [_phrase(rng, language, kind, key) for kind, key in asked if key])
    typed = _phrase(rng, language, "style", style) if rng.random() < 0.5 else STYLES[style].names[language]
    plan = _plan(rng, STYLES[style].medium, scene, scene or rng.choice(scenes), worn, unwanted)
    return Wish(style=_with_typos(rng, typed), text=_with_typos(rng, text)), plan


def an_unseen_wish(rng: random.Random, language: str) -> tuple[Wish, Plan]:
    """The same with place and style in phrases that are held back."""
    style, scene = rng.choice(list(PHRASES["style"])), rng.choice(list(PHRASES["scene"]))
    unwanted = rng.choice(["", "a hat"])
    parts = [rng.choice(_whole_phrases("scene", scene, language, held_back=True))]
    parts += [_phrase(rng, language, "unwanted", unwanted)] if unwanted else []
    typed = rng.choice(_whole_phrases("style", style, language, held_back=True))
    plan = _plan(rng, STYLES[style].medium, scene, scene, "", unwanted)
    return Wish(style=typed, text=_sentence(rng, language, parts)), plan


@cache
def _whole_phrases(kind: str, key: str, language: str, held_back: bool) -> list[str]:
    """Whole phrases, to learn from or held back. In the order of a checksum, so that no neighbours go together."""
    phrases = sorted(PHRASES[kind][key][language], key=lambda phrase: zlib.crc32(phrase.encode()))
    return phrases[::HELD_BACK] if held_back else [p for i, p in enumerate(phrases) if i % HELD_BACK]


def _phrase(rng: random.Random, language: str, kind: str, key: str) -> str:
    """What is said for one thing: a whole phrase, or one put together."""
    if rng.random() < 0.5:
        return rng.choice(_whole_phrases(kind, key, language, held_back=False))
    thing, frame = FRAMED[kind]
    return rng.choice(PHRASES[frame][language]).format(rng.choice(PHRASES[thing][key][language]))


def _sentence(rng: random.Random, language: str, parts: list[str]) -> str:
    """The parts in any order among what else people say."""
    parts = [*parts, *rng.choices(PHRASES["filler"][language], k=rng.choice((0, 0, 0, 1, 1, 2)))]
    rng.shuffle(parts)
    opener, closer = (
        rng.choice(PHRASES[table][language]).format(rng.choice(PHRASES["pet"][language]))
        for table in ("opener", "closer")
    )
    text = f"{opener} {parts[0] if parts else ''}"
    for part in parts[1:]:
        text += rng.choice(PHRASES["between"][language]) + part
    return f"{text}{closer if closer[:1] in ',!?.~' else ' ' + closer}".strip()


def _with_typos(rng: random.Random, text: str) -> str:
    """In every fourth text one or two letters dropped, doubled or swapped, or a space forgotten."""
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 2)) if len(text) > 5 else 0):
        at = rng.randrange(len(text) - 1)
        gone = text.find(" ", at)
        text = rng.choice((
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:gone] + text[gone + 1 :] if gone > 0 else text,
        ))  # fmt: skip
    return text


def _plan(rng: random.Random, medium: str, asked: str, scene: str, worn: str, unwanted: str) -> Plan:
    thought = asked or "anywhere"
    thought += f", with {worn}" if worn else ""
    thought += f", no {unwanted.removeprefix('a ')}" if unwanted else ""
    return Plan(
        thought=thought,
        subject=f"wearing {worn}" if worn else "",
        scene=scene,
        box=rng.choice(BOXES),
        lighting="",
        medium=medium,
        negative=unwanted,
    )
