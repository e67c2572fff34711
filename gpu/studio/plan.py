"""The picture as a plan, and the plan as a prompt with the pet's tokens exactly once. No torch.

Knows: the schema of the rewriter's answer, how a plan becomes a prompt that keeps to the wish, and what to do without a
plan. Does not know: who makes the plan (rewrite.py), what may stand in one (gate.py), or how the painter reads the
prompt. What matters most stands first: subject, place in the picture, scene, lighting, the style's details.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from gpu import styles
from gpu.portraits import Box, Prompt, Wish
from gpu.studio import gate, places
from gpu.studio.exclusions import Reading, read
from gpu.studio.phrases import names, once, tidy, without
from gpu.studio.things import Thing, named
from gpu.styles import Style
from gpu.words import clean, fold, harmless, is_talk, without_talk

UNNAMED = "a picture"  # of a style whose words the painter cannot read
ANYWHERE = ("snow", "rain", "stars", "sky", "space")  # they may be named where the place is another one
LONGEST_MEDIUM = 60  # characters: the pet's tokens come after it, and must stand in the window


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


# The order matters: the model thinks before it decides. Compact JSON in exactly this order is what it writes.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "thought": _text(160),
        "subject": _text(100),
        "scene": _text(120),
        "box": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 100},
            "minItems": 4,
            "maxItems": 4,
        },
        "lighting": _text(80),
        "medium": _text(LONGEST_MEDIUM),
        "negative": _text(120),
    },
    "required": ["thought", "subject", "scene", "box", "lighting", "medium", "negative"],
    "additionalProperties": False,
}


class Plan(BaseModel):
    """The model's answer."""

    thought: str
    subject: str  # what the dog does or wears; may be empty
    scene: str
    box: tuple[int, int, int, int]  # left, top, right, bottom in percent
    lighting: str
    medium: str
    negative: str

    def as_text(self) -> str:
        """The answer exactly as the model writes it; also what the pocket Llama is trained on."""
        return json.dumps(self.model_dump(), ensure_ascii=False, separators=(",", ":"))

    def fault(self) -> str:
        """Why it cannot be painted, for its writer; "": it can."""
        return gate.fault((self.subject, self.scene, self.lighting, self.medium, self.negative), self.box)

    def part(self, name: str) -> str:
        """One of its texts, plain: in ASCII, and without a word that was cut off."""
        most = SCHEMA["properties"][name]["maxLength"]
        return tidy(harmless(fold(gate.whole(str(getattr(self, name)), most))))


def where(box: tuple[int, int, int, int]) -> str:
    """The box of the dog in words, as the painter knows them; "": somewhere around the middle, as large as usual.

    A place is said from 12 % off the middle on; "far away" below 45 % of the height; "a close-up" from edge to edge.
    """
    left, top, right, bottom = box
    if left <= 8 and top <= 8 and right >= 92 and bottom >= 92:
        return "a close-up"
    x, y = (left + right) / 2 - 50, (top + bottom) / 2 - 50
    place = ["at the top" if y < -12 else "at the bottom" if y > 12 else ""]
    place += ["on the left" if x < -12 else "on the right" if x > 12 else ""]
    return ", ".join(filter(None, [" ".join(filter(None, place)), "far away" if bottom - top < 45 else ""]))


def join(plan: Plan, wish: Wish, tokens: tuple[str, ...], class_word: str) -> Prompt:
    """The plan as a prompt. The catalogue's words for a known style win over the model's, the wish over both.

    What the wish refuses stands in the negative and nowhere else; a thing that it wants worn is worn. Where the wish
    has no word of refusal that we know, the plan may know better what is not wanted.
    """
    asked = _read(wish)
    refused = (*asked.refused, *_refused_by(plan))
    style = _style(wish, plan, refused)
    subject, scene, lighting = (without(plan.part(name), refused) for name in ("subject", "scene", "lighting"))
    wanted = [thing for thing in asked.things if asked.is_clear or not names(plan.negative, [thing.name])]
    dog = " ".join([*tokens, class_word, _worn(_after(subject, class_word), scene, wanted)]).strip()
    box = _box(plan, asked)
    place = where(box)
    said = once(_list([f"{style.medium} of {dog}", place, _planned_scene(scene, plan, asked), lighting]))
    text = _list([said, without(style.details, refused)])
    negative = _list([style.negative, *refused, *_unwanted(plan, wanted)])
    thought = "" if is_talk(plan.thought) else harmless(plan.thought)
    return Prompt(text=text, negative=negative, thought=thought, box=_shares(box) if place else None)


def _box(plan: Plan, asked: Reading) -> places.Percent:
    """The plan's, unless the wish names another place."""
    wanted = places.box(asked.wanted)
    return plan.box if wanted is None or where(plan.box) == where(wanted) else wanted


def _style(wish: Wish, plan: Plan, refused: Iterable[str]) -> Style:
    """The catalogue's style that is asked for, or that the plan understands; else one in the plan's words. A server's
    own style stays as that server says it.
    """
    if wish.negative:
        return _asked_style(wish)
    known = styles.find(wish.style) or styles.find(plan.medium)
    medium = without(plan.part("medium"), refused)
    return known or (_in_words(medium) if medium else _asked_style(wish))


def _asked_style(wish: Wish) -> Style:
    """The style of the wish alone: the catalogue's, or one in own words."""
    return styles.find(wish.style) or _in_words(_medium(wish.style), wish.negative)


def _in_words(medium: str, negative: str = "") -> Style:
    return Style(key="", names={}, medium=medium, negative=negative)


def _unwanted(plan: Plan, wanted: Iterable[Thing]) -> list[str]:
    """What the plan keeps out, but for what the wish wants."""
    kept = [thing.name for thing in wanted]
    return [part for part in plan.part("negative").split(", ") if not names(part, kept)]


def template(wish: Wish, tokens: tuple[str, ...], class_word: str) -> Prompt:
    """The prompt without a model: the wish itself, or what is known of it if the encoders cannot read its script."""
    asked = _read(wish)
    style = _asked_style(wish)
    said = without(without_talk(harmless(asked.wanted)), asked.refused)
    dog = f"{style.medium} of {' '.join(tokens)} {class_word}"
    box = places.box(asked.wanted)
    place = where(box) if box else ""
    parts = [dog, said] if said.isascii() else [_worn(dog, "", asked.things), place, _scene(asked)]
    text = _list([*parts, without(style.details, asked.refused)])
    shares = _shares(box) if box and place else None
    return Prompt(text=text, negative=_list([style.negative, *asked.refused]), box=shares, source="template")


def _read(wish: Wish) -> Reading:
    """The wish, and what is refused in a style in own words ("oil, no hat")."""
    style = "" if styles.find(wish.style) else wish.style
    asked = read(clean(wish.text))
    refused = dict.fromkeys([*asked.refused, *read(clean(style)).refused])
    return replace(asked, refused=tuple(refused))


def _refused_by(plan: Plan) -> tuple[str, ...]:
    """What the plan's own words deny ("without people"), as no painter understands it there."""
    return read(", ".join(plan.part(name) for name in ("subject", "scene", "lighting"))).refused


def _medium(style: str) -> str:
    """A style in own words, if the painter can read them."""
    asked = read(clean(style))
    words = tidy(without_talk(harmless(asked.wanted if asked.refused else fold(style))))
    return tidy(gate.whole(words, LONGEST_MEDIUM)) if words and words.isascii() else UNNAMED


def _worn(subject: str, scene: str, wanted: Iterable[Thing]) -> str:
    """The subject, with what the wish wants worn and the plan forgot."""
    lacking = [thing.worn for thing in wanted if thing.worn and not names(f"{subject}, {scene}", [thing.name])]
    if not lacking:
        return subject
    last = re.search(r"\bwearing [\w' -]+$", subject)
    return " ".join(filter(None, [subject, "and" if last else "wearing", " and ".join(lacking)]))


def _planned_scene(scene: str, plan: Plan, asked: Reading) -> str:
    """The plan's scene, unless it is empty or another known place than the wish names: a small model mixes them up."""
    planned, wanted = _sure_places(named(plan.part("scene"))), _sure_places(asked.things)
    other = wanted and planned and planned.isdisjoint(wanted)
    return _scene(asked) if other or not scene else scene


def _sure_places(things: Iterable[Thing]) -> set[Thing]:
    return {thing for thing in things if thing.scene and thing.name not in ANYWHERE}


def _scene(asked: Reading) -> str:
    """The places that the wish names, if they are known."""
    return " ".join(thing.scene for thing in asked.things if thing.scene)


def _after(subject: str, class_word: str) -> str:
    """What follows the class word, should the model have begun with "a dog" or "the brown dog" all the same."""
    return re.sub(rf"^(an?|the)\s+(\w+\s+)?{re.escape(class_word)}\b[\s,]*", "", subject, flags=re.IGNORECASE)


def _list(parts: Iterable[str]) -> str:
    """The parts one after another, each phrase of them once: "hat, a hat, hats" is one."""
    phrases = dict[str, str]()
    for phrase in (one for part in parts for one in part.split(", ") if one):
        phrases.setdefault(re.sub(r"^(?:an?|the) |s$", "", phrase.casefold()), phrase)
    return ", ".join(phrases.values())


def _shares(box: tuple[int, int, int, int]) -> Box | None:
    left, top, right, bottom = (percent / 100 for percent in box)
    return (left, top, right, bottom) if left < right and top < bottom else None
