"""The pet in the words of a prompt: the same words of any dog, of one that wears nothing, and with a phrase left out.

Knows: how a prompt is put together (plan.py): phrases between commas, "wearing" or "dressed in" before what is worn.
Does not know: who asks, pictures, models. No torch.
"""

import re
from collections.abc import Iterator

WEARING = re.compile(r" (?:and )?(?:wearing|dressed (?:in|as)) [^,]*")


def of_any(part: str, names: tuple[str, ...]) -> str:
    """Words of a prompt, about "a dog" in the place of the pet, whose tokens are `names`."""
    for name in names:
        part = part.replace(name, "a" if name == names[0] else "")
    return " ".join(part.split())


def wearing_nothing(text: str) -> str:
    """The prompt without what the pet wears; the same where it wears nothing."""
    return WEARING.sub("", text)


def scene_alone(text: str, names: tuple[str, ...]) -> str:
    """The prompt without the pet: the medium, and all that is said of the picture around it."""
    about = re.compile(rf"( of)? *{re.escape(names[0])}[^,]*")
    return ", ".join(filter(None, (about.sub("", part).strip() for part in text.split(","))))


def phrases(text: str, names: tuple[str, ...]) -> tuple[str, list[str]]:
    """The prompt about any dog, and the same with each of its phrases left out in turn: the medium is the first one.

    A phrase is what stands between commas; in the one about the dog also what it wears, each thing by itself.
    """
    said = [part for part in text.split(",") if part.strip()]
    about = next((at for at, part in enumerate(said) if names[0] in part), 0)
    _, of, dog = said[about].partition(f" of {names[0]}")
    parts = [of_any(part, names) for part in said]
    less = [of_any(f"{names[0]}{dog}", names)] if of else []  # without the medium
    rest = [", ".join(parts[:at] + parts[at + 1 :]) for at in range(len(parts))]
    rest[about : about + 1] = [
        ", ".join([*parts[:about], subject, *parts[about + 1 :]]) for subject in (*less, *_less_worn(parts[about]))
    ]
    return ", ".join(parts), rest


def _less_worn(subject: str) -> Iterator[str]:
    """What is said of the dog, without each thing that it wears."""
    said, wearing, worn = subject.partition(" wearing ")
    things = re.split(r" and ", worn) if wearing else []
    for at in range(len(things)):
        left = " and ".join(things[:at] + things[at + 1 :])
        yield said + wearing + left if left else said
