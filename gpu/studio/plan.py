"""The picture as a plan, and the plan as a prompt with the pet's tokens exactly once. No torch.

Knows: the schema of the rewriter's answer, how a plan becomes a prompt, and what to do without one. Does not know: who
makes the plan (rewrite.py), or how the painter reads the prompt.
"""

import json
import re
from typing import Any

from pydantic import BaseModel

from gpu import styles
from gpu.types import Prompt, Wish


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
        "medium": _text(60),
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


def clean(text: str, most: int = 300) -> str:
    """One line without chat-template tokens and without anything that looks like a pet's token; `most` characters."""
    return " ".join(re.sub(r"<\|[^<>]*\|>|<\s*s\d+\s*>", " ", text, flags=re.IGNORECASE).split())[:most]


def join(plan: Plan, wish: Wish, tokens: tuple[str, ...], class_word: str) -> Prompt:
    """The plan as a prompt. The catalogue's words for a known style win over the model's."""
    style = styles.find(wish.style)
    medium = style.medium if style else clean(plan.medium) or clean(wish.style)
    dog = " ".join([*tokens, class_word, _after(clean(plan.subject), class_word)]).strip()
    text = ", ".join(filter(None, [f"{medium} of {dog}", clean(plan.scene), clean(plan.lighting)]))
    negative = ", ".join(filter(None, [style.negative if style else "", clean(plan.negative)]))
    left, top, right, bottom = (percent / 100 for percent in plan.box)
    box = (left, top, right, bottom) if left < right and top < bottom else None
    return Prompt(text=text, negative=negative, thought=clean(plan.thought), box=box)


def _after(subject: str, class_word: str) -> str:
    """What follows the class word, should the model have begun with "a dog" or "the brown dog" all the same."""
    return re.sub(rf"^(an?|the)\s+(\w+\s+)?{re.escape(class_word)}\b[\s,]*", "", subject, flags=re.IGNORECASE)


def template(wish: Wish, tokens: tuple[str, ...], class_word: str) -> Prompt:
    """The prompt without a model: the wish as it is, if the painter's encoders can read its script at all."""
    style = styles.find(wish.style)
    text = clean(wish.text)
    dog = f"{clean(styles.medium(wish.style))} of {' '.join(tokens)} {class_word}"
    prompt = f"{dog}, {text}" if text and text.isascii() else dog
    return Prompt(text=prompt, negative=style.negative if style else "", source="template")
