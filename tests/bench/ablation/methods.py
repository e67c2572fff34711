"""The methods that are compared, each a value of Learning. All have the same photos and pictures a step, and as many
steps where their name does not say otherwise.

Knows: what each one changes. Does not know: how anything is learnt or judged. `default` is what the profile has.
"""

from dataclasses import replace

from gpu.learning import Learning, recipe
from gpu.profile import PROFILES

POCKET = PROFILES["pocket"]
DEFAULT = replace(POCKET.learning, evaluate_every=0)  # nothing is looked at, so all of the time is learning
LORA = recipe(DEFAULT, "lora")
HALF = replace(DEFAULT, token_steps=DEFAULT.token_steps // 2, lora_steps=DEFAULT.lora_steps // 2)
THREE_FIFTHS = replace(DEFAULT, token_steps=DEFAULT.token_steps * 3 // 5, lora_steps=DEFAULT.lora_steps * 3 // 5)

METHODS: dict[str, Learning] = {
    "untrained": replace(DEFAULT, token_steps=0, lora_steps=0),  # its tokens mean "dog"
    "default": DEFAULT,
    "lora": LORA,
    "textual-inversion": recipe(DEFAULT, "textual-inversion"),
    "dreambooth-lora": recipe(DEFAULT, "dreambooth-lora"),
    "dco": recipe(DEFAULT, "dco"),
    "no masks": replace(LORA, masked=False),
    "no pull": replace(DEFAULT, background_weight=0.0),
    "half the steps": HALF,
    "three fifths of the steps": THREE_FIFTHS,
    "lora, half the steps": recipe(HALF, "lora"),
    "rank 4": replace(DEFAULT, lora_rank=4),
    "attention alone": replace(DEFAULT, lora_targets=("to_q", "to_k", "to_v", "to_out.0")),
    "both from the start": replace(DEFAULT, overlap=DEFAULT.token_steps),
}
PLAIN = "lora"  # what the default has to beat
