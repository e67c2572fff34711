"""The methods that are compared: how a dog is learnt, and how it is painted. All take as many steps of both.

Knows: what each one changes. Does not know: how anything is learnt or judged. `default` is what the profile has.
"""

from dataclasses import dataclass, replace

from gpu.learning import Learning, Reminder, recipe
from gpu.pocket.world.scenes import SCENES
from gpu.pocket.world.styling import MEDIA
from gpu.profile import PROFILES

POCKET = PROFILES["pocket"]
DEFAULT = replace(POCKET.learning, evaluate_every=0)  # nothing is looked at, so all of the time is learning
LORA = recipe(DEFAULT, "lora")
DRAWN = [medium for style, medium in MEDIA.items() if style != "photo"]
STYLED = tuple(f"{medium} of {{}}, {SCENES[n % len(SCENES)]}" for n, medium in enumerate(DRAWN))
PRACTICE = Reminder(prompts=STYLED, each=4, text="pet", target="base", inside=0.1, every=2, weight=0.5)


@dataclass(frozen=True, slots=True)
class Method:
    """`base_steps`: of a painting, before the pet's LoRA joins."""

    learning: Learning
    base_steps: int = POCKET.painting.presets["normal"].base_steps


METHODS: dict[str, Method] = {
    "untrained": Method(replace(DEFAULT, token_steps=0, lora_steps=0)),  # its tokens mean "dog"
    "default": Method(DEFAULT),
    "lora": Method(LORA),
    "textual-inversion": Method(recipe(DEFAULT, "textual-inversion")),
    "dreambooth-lora": Method(recipe(DEFAULT, "dreambooth-lora")),
    "dco": Method(recipe(DEFAULT, "dco")),
    "no masks": Method(replace(LORA, masked=False)),
    "joining at once": Method(DEFAULT, 0),
    "joining after 4": Method(DEFAULT, 4),
    "joining after 8": Method(DEFAULT, 8),
    "learnt and joining below 0.8": Method(replace(DEFAULT, lora_below=0.8), 8),
    "no pull": Method(replace(DEFAULT, background_weight=0.0)),
    "rank 4": Method(replace(DEFAULT, lora_rank=4)),
    "attention alone": Method(replace(DEFAULT, lora_targets=("to_q", "to_k", "to_v", "to_out.0"))),
    "both from the start": Method(replace(DEFAULT, overlap=DEFAULT.token_steps)),
    "class kept": Method(replace(DEFAULT, reminder=replace(PRACTICE, text="class", inside=1.0))),
    "practised": Method(replace(DEFAULT, background_weight=0.0, reminder=PRACTICE)),
    "practised, and the pull": Method(replace(DEFAULT, reminder=PRACTICE)),
}
PLAIN = "lora"  # what the default has to beat
