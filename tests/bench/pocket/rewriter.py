"""What the pocket rewriter makes of 200 wishes that people could type, in English and Korean.

Knows: wishes.toml with what each wish must keep, and the studio's rewriter. Does not know: how it was trained.
The pocket painter knows the kennel's places by name, so a scene is kept when its own phrase, and no other, is in the
prompt. Catalogue styles are kept by code; only a style in a person's own words shows what the model understands.
People ask for like things: more than half of the wishes hold, beside other words, a phrase that the training has for
their scene. "unheard" is of the others.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gpu.pocket.build.wishes import PHRASES
from gpu.pocket.world.scenes import SCENES
from gpu.portraits import Prompt, Wish
from gpu.profile import PROFILES
from gpu.studio.models import ModelPool
from gpu.studio.rewrite import Rewriter
from gpu.styles import STYLES

TOKENS = ("<s0>", "<s1>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One wish, and what must be kept of it."""

    style: str  # as typed
    means: str = ""  # the catalogue's key, where the style is in a person's own words
    wish: str
    scene: str
    without: str = ""  # a thing worn that must not be


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one wish. None where it asked for nothing of the kind."""

    valid: bool  # the pet's tokens once each, and nothing that the painter's encoders cannot read
    template: bool  # the model's answer was of no use
    scene: bool
    style: bool
    own_style: bool | None  # the same, of wishes whose style is in own words
    without: bool | None  # not in the prompt, but in its negative


def _read(path: Path) -> dict[str, list[Asked]]:
    """By language; the scenes in turn, so that the first few hold all of them."""
    return {
        language: [asked for _, asked in sorted(_numbered(scenes), key=lambda pair: pair[0])]
        for language, scenes in tomllib.loads(path.read_text("utf-8")).items()
    }


def _numbered(scenes: dict[str, list[dict[str, str]]]) -> Iterator[tuple[int, Asked]]:
    for scene, entries in scenes.items():
        yield from ((number, Asked(scene=scene, **entry)) for number, entry in enumerate(entries))


WISHES = _read(Path(__file__).with_name("wishes.toml"))


def measure(folder: Path, count: int = 200) -> dict[str, object]:
    """Shares of the first `count` / 2 wishes of each language. Leaves every answer in folder/rewriter.jsonl."""
    rewriter = Rewriter(ModelPool(PROFILES["pocket"]), PROFILES["pocket"].rewriting)
    verdicts: dict[str, list[Verdict]] = {}
    with (folder / "rewriter.jsonl").open("w") as log:
        for language, wishes in WISHES.items():
            verdicts[language] = []
            for seed, asked in enumerate(wishes[: count // 2]):
                prompt = rewriter.rewrite(Wish(style=asked.style, text=asked.wish), TOKENS, "dog", seed)
                verdicts[language].append(judge(asked, prompt))
                line = {"asked": asdict(asked), "prompt": asdict(prompt), "verdict": asdict(verdicts[language][-1])}
                log.write(json.dumps(line, ensure_ascii=False) + "\n")
    everything = [verdict for some in verdicts.values() for verdict in some]
    asked = [asked for wishes in WISHES.values() for asked in wishes[: count // 2]]
    unheard = [verdict for one, verdict in zip(asked, everything, strict=True) if not heard(one)]
    return {
        "count": len(everything),
        **shares(everything),
        "unheard": {"count": len(unheard), **shares(unheard)},
        **{key: shares(some) for key, some in verdicts.items()},
    }


def heard(asked: Asked) -> bool:
    """Whether the wish holds a phrase that the training has for its scene."""
    return any(phrase in asked.wish for phrases in PHRASES["scene"][asked.scene].values() for phrase in phrases)


def judge(asked: Asked, prompt: Prompt) -> Verdict:
    """The prompt against the wish."""
    medium = STYLES[asked.means or asked.style].medium
    style = prompt.text.startswith(f"{medium} of ")
    thing = asked.without.removeprefix("a ")
    return Verdict(
        valid=f"{prompt.text}{prompt.negative}".isascii() and all(prompt.text.count(token) == 1 for token in TOKENS),
        template=prompt.source == "template",
        scene=[scene for scene in SCENES if scene in prompt.text] == [asked.scene],
        style=style,
        own_style=style if asked.means else None,
        without=thing not in prompt.text and thing in prompt.negative if thing else None,
    )


def shares(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    """Of the wishes that asked for it."""
    return {key: _share(asdict(verdict)[key] for verdict in verdicts) for key in Verdict.__dataclass_fields__}


def _share(hits: Iterable[bool | None]) -> float | None:
    known = [hit for hit in hits if hit is not None]
    return round(sum(known) / len(known), 4) if known else None
