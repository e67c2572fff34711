"""The same picture in another style: a prompt whose medium is replaced, and nothing else.

Knows: that a prompt is "<medium> of <s0> ..., <the style's details>", and that its negative begins with the style's
(gpu/studio/plan.py). Does not know: who asks for it, or how it is painted.
"""

from dataclasses import replace

from gpu import styles
from gpu.portraits import Prompt, Wish

OF = " of <s0>"  # what stands between the medium and the rest


def restyled(prompt: Prompt, old: Wish, new: Wish) -> Prompt:
    """The prompt of the wish `old` in the style of `new`; scene, place and box stay, and what else it must not show."""
    medium, of, rest = prompt.text.partition(OF)
    was, now = styles.find(medium) or styles.find(old.style), styles.find(new.style)
    words = _without_details(rest, was.details) if was else rest
    before, after = was.negative if was else old.negative, now.negative if now else new.negative
    negative = prompt.negative.removeprefix(before).removeprefix(", ")
    return replace(
        prompt,
        text=", ".join(filter(None, [f"{styles.medium(new.style)}{of}{words}", now.details if now else ""])),
        negative=", ".join(filter(None, [after, negative])),
    )


def _without_details(words: str, details: str) -> str:
    """Without the style's own phrases at the end, also those of which the window or a refusal left only a part."""
    phrases, known = words.split(", "), [set(phrase.split()) for phrase in details.split(", ")]
    for _ in known:
        if len(phrases) > 1 and any(phrase.issuperset(phrases[-1].split()) for phrase in known):
            phrases.pop()
    return ", ".join(phrases)
