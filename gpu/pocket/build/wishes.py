"""Wishes as people type them, in English, Korean, Japanese and Spanish, each with the plan that a good answer holds.

Knows: what people ask for and how often, how phrases make a wish, which boxes a place in the picture means. Does not
know: the phrases (phrases.py, languages/*.toml), models, tokenizers.
"""

import random
from dataclasses import dataclass

from gpu.pocket.build.phrases import LANGUAGES, PHRASES, Speaker
from gpu.pocket.world.dogs import WEAR
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.portraits import Wish
from gpu.studio.plan import Plan

Box = tuple[int, int, int, int]
Span = tuple[tuple[int, ...], tuple[int, ...]]  # where it may begin, where it may end

BOXES: tuple[Box, ...] = (
    (20, 15, 80, 100), (25, 10, 75, 95), (15, 20, 85, 100), (30, 15, 90, 100), (10, 15, 70, 100),
)  # fmt: skip
ASIDE: dict[str, Span] = {
    "left": ((0, 5, 10), (40, 45, 50)), "right": ((50, 55, 60), (90, 95, 100)), "across": ((20, 25, 30), (70, 75, 80)),
    "top": ((0, 5), (55, 60)), "bottom": ((40, 45), (95, 100)), "down": ((10, 15, 20), (95, 100)),
}  # fmt: skip
FAR: dict[str, Span] = {
    "left": ((5, 10, 15), (30, 35)), "right": ((65, 70), (85, 90, 95)), "across": ((35, 40), (55, 60, 65)),
    "top": ((5, 10), (35, 40)), "bottom": ((55, 60), (90, 95)), "down": ((40, 45), (70, 75)),
}  # fmt: skip
CLOSE: Span = ((0, 5), (95, 100))
ALSO_UNWANTED = ("people", "text", "other dogs")

WORN = (0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2)  # things to wear that a wish asks for
UNWANTED = (0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3)  # and refuses
FILLERS = (*[0] * 12, *[1] * 8, *[2] * 4, 5)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one wish asks for, in the kennel's words; empty what it does not."""

    scene: str
    elsewhere: str  # a scene that it must not be
    worn: tuple[str, ...]
    unwanted: tuple[str, ...]
    place: str  # in the picture
    framing: str


def a_wish(rng: random.Random, language: str = "", unseen: bool = False) -> tuple[Wish, Plan]:
    """A wish nobody has typed, and a plan for it; in any language, or in one. With `unseen`, scene and style in
    phrases that are held back.
    """
    style, asked = rng.choice(list(MEDIA)), _asked(rng)
    speaker = Speaker(rng, language or rng.choice(LANGUAGES), unseen)
    text = _sentence(speaker, [*_of_scene(speaker, asked), *_of_wear(speaker, asked), *_of_place(speaker, asked)])
    typed = speaker.phrase("style", style) if unseen or rng.random() < 0.5 else MEDIA[style]
    if not unseen:
        typed, text = with_typos(rng, typed), with_typos(rng, text)
    return Wish(style=typed, text=text), _plan(rng, MEDIA[style], asked)


def _asked(rng: random.Random) -> Asked:
    scene, elsewhere = rng.sample(list(PHRASES["scene"]), 2)
    refused = rng.random() < 0.12
    wear = rng.sample(WEAR, len(WEAR))
    worn, unwanted = wear[: (count := rng.choice(WORN))], wear[count : count + rng.choice(UNWANTED)]
    unwanted += [rng.choice(ALSO_UNWANTED)] if rng.random() < 0.08 else []
    framing = rng.choice(list(PHRASES["framing"])) if rng.random() < 0.15 else ""
    aside = framing != "a close-up" and rng.random() < 0.22
    return Asked(
        scene=scene if rng.random() < (0.75 if refused else 0.95) else "",
        elsewhere=elsewhere if refused else "",
        worn=_in_order(worn),
        unwanted=_in_order(unwanted),
        place=rng.choice(list(PHRASES["place"])) if aside else "",
        framing=framing,
    )


def _in_order(things: list[str]) -> tuple[str, ...]:
    """Always the same, whatever order they are said in: then an answer has one right form."""
    return tuple(sorted(things, key=[*WEAR, *ALSO_UNWANTED].index))


def _of_scene(speaker: Speaker, asked: Asked) -> list[str]:
    """What is said of the place to be and of the place not to be."""
    if asked.scene and asked.elsewhere and speaker.rng.random() < 0.4:
        return [speaker.instead("spot", asked.scene, asked.elsewhere)]
    wanted = [speaker.phrase("scene", asked.scene) for _ in range(speaker.rng.choice((1, 1, 2)) if asked.scene else 0)]
    if not asked.elsewhere:
        return wanted
    return [*wanted, speaker.one("elsewhere").format(speaker.called("spot", asked.elsewhere))]


def _of_wear(speaker: Speaker, asked: Asked) -> list[str]:
    """What is said of things worn and not worn."""
    worn, unwanted = asked.worn, asked.unwanted
    also = [speaker.phrase("unwanted", thing) for thing in unwanted if thing in ALSO_UNWANTED]
    unwanted = tuple(thing for thing in unwanted if thing in WEAR)
    if len(worn) == 1 and unwanted and speaker.rng.random() < 0.4:
        also.append(speaker.instead("name", worn[0], unwanted[0]))
        worn, unwanted = (), unwanted[1:]
    return [*speaker.together("worn", worn), *speaker.together("unwanted", unwanted), *also]


def _of_place(speaker: Speaker, asked: Asked) -> list[str]:
    """What is said of where in the picture, and how near."""
    said = {"place": asked.place, "framing": asked.framing}
    return [speaker.phrase(kind, key) for kind, key in said.items() if key]


def _sentence(speaker: Speaker, parts: list[str]) -> str:
    """The parts in any order among what else people say."""
    rng = speaker.rng
    parts = [*parts, *(speaker.one("filler") for _ in range(rng.choice(FILLERS)))]
    rng.shuffle(parts)
    opener, closer = (speaker.one(table).format(speaker.one("pet")) for table in ("opener", "closer"))
    gap, text = speaker.one("gap"), parts[0] if parts else ""
    for part in parts[1:]:
        text += speaker.one("between") + part
    text = gap.join(filter(None, [opener, text]))
    return f"{text}{closer if closer[:1] in ',!?.~' else gap + closer}".strip()


def with_typos(rng: random.Random, text: str) -> str:
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


def _plan(rng: random.Random, medium: str, asked: Asked) -> Plan:
    worn = " and ".join(asked.worn)
    return Plan(
        thought=_thought(asked, worn),
        subject=f"wearing {worn}" if worn else "",
        scene=asked.scene or rng.choice([scene for scene in SCENES if scene != asked.elsewhere]),
        box=_box(rng, asked.place, asked.framing),
        lighting="",
        medium=medium,
        negative=", ".join(filter(None, [*asked.unwanted, asked.elsewhere])),
    )


def _thought(asked: Asked, worn: str) -> str:
    """All that was understood, in short."""
    said = [asked.scene or "anywhere", asked.framing, asked.place, f"with {worn}" if worn else ""]
    said += [f"no {thing.removeprefix('a ')}" for thing in asked.unwanted]
    return ", ".join(filter(None, [*said, f"not {asked.elsewhere}" if asked.elsewhere else ""]))


def _box(rng: random.Random, place: str, framing: str) -> Box:
    """Where the dog is to stand: around the middle, unless place or framing say something else."""
    if framing == "a close-up":
        return _within(rng, CLOSE, CLOSE)
    if not framing and place in ("", "in the middle"):
        return rng.choice(BOXES)
    spans = FAR if framing else ASIDE
    across = next((side for side in ("left", "right") if side in place), "across")
    down = next((end for end in ("top", "bottom") if end in place), "down")
    return _within(rng, spans[across], spans[down])


def _within(rng: random.Random, across: Span, down: Span) -> Box:
    left, right, top, bottom = (rng.choice(ends) for ends in (*across, *down))
    return left, top, right, bottom
