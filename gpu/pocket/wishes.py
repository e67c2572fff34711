"""Wishes as people type them, in English and Korean, each with the plan that a good answer holds.

Knows: how phrases make a wish (wishes.toml holds them). Does not know: models, tokenizers.
"""

import random
import tomllib
from pathlib import Path
from typing import Any

from gpu.rewrite import Plan
from gpu.styles import STYLES
from gpu.types import Wish

PHRASES: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
BOXES = ((20, 15, 80, 100), (25, 10, 75, 95), (15, 20, 85, 100), (30, 15, 90, 100), (10, 15, 70, 100))


def a_wish(rng: random.Random) -> tuple[Wish, Plan]:
    """A wish nobody has typed, and a plan for it."""
    style, scenes, wear = rng.choice(list(STYLES.values())), list(PHRASES["scene"]), list(PHRASES["worn"])
    scene = rng.choice(scenes) if rng.random() < 0.85 else ""
    worn = rng.choice(wear) if rng.random() < 0.35 else ""
    unwanted = rng.choice([w for w in wear if w != worn]) if rng.random() < 0.2 else ""
    text = _typed(rng, "ko" if rng.random() < 0.45 else "en", {"scene": scene, "worn": worn, "unwanted": unwanted})
    typed = rng.choice((style.key, style.names["en"], style.names["ko"]))
    return Wish(style=typed, text=text), _plan(rng, style.medium, scene, scene or rng.choice(scenes), worn, unwanted)


def _typed(rng: random.Random, language: str, asked: dict[str, str]) -> str:
    parts = [rng.choice(PHRASES[table][key][language]) for table, key in asked.items() if key]
    rng.shuffle(parts)
    between = " " if language == "ko" else rng.choice((" ", ", "))
    return (
        rng.choice(PHRASES["opener"][language]) + between.join(parts) + rng.choice(PHRASES["closer"][language])
    ).strip()


def _plan(rng: random.Random, medium: str, asked: str, scene: str, worn: str, unwanted: str) -> Plan:
    thought = f"{asked} was asked for." if asked else f"no place was asked for, {scene} suits."
    thought += f" it wears {worn}." if worn else ""
    thought += f" {unwanted} must not appear." if unwanted else ""
    return Plan(
        thought=thought,
        subject=f"wearing {worn}" if worn else "",
        scene=scene,
        box=rng.choice(BOXES),
        lighting="",
        medium=medium,
        negative=unwanted,
    )
