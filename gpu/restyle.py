"""The same picture in another style: a prompt whose medium is replaced, and nothing else.

Knows: that a prompt begins "<medium> of <s0>", and that its negative begins with the style's (gpu/studio/plan.py).
Does not know: who asks for it, or how it is painted.
"""

from dataclasses import replace

from gpu import styles
from gpu.types import Prompt

OF = " of <s0>"  # what stands between the medium and the rest


def restyled(prompt: Prompt, old: str, new: str) -> Prompt:
    """The prompt in the style `new` (a key or own words), which was in the style `old`; scene and box stay."""
    _, of, rest = prompt.text.partition(OF)
    before, after = (style.negative if style else "" for style in map(styles.find, (old, new)))
    negative = ", ".join(filter(None, [after, prompt.negative.removeprefix(before).removeprefix(", ")]))
    return replace(prompt, text=f"{styles.medium(new)}{of}{rest}", negative=negative)
