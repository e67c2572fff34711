"""An adapter's files without models: small, whole, and another's for another seed. Nothing can be painted with them.

Knows: what gpu/adapter_files.py checks. Does not know: torch, or who has learnt it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from gpu.adapter_files import KOHYA_FILE, LORA_FILE, RECIPE_FILE, ROWS_FILE, write_kohya

BASE = "b" * 64  # the hash of the base model that the fake studio has
LAYERS = {"down_blocks.1.attentions.0.attn1.to_q": (8, 8), "mid_block.resnets.0.conv1": (8, 8, 3, 3)}
RANK = 2


def write_adapter(folder: Path, seed: int, steps: int, class_word: str = "dog", base: str = BASE) -> None:
    """Into a folder that is there and empty."""
    chance = np.random.default_rng((seed, steps))
    lora: dict[str, Any] = {}
    for layer, (out, width, *kernel) in LAYERS.items():
        lora[f"unet.{layer}.lora_A.weight"] = chance.standard_normal((RANK, width, *kernel), np.float32)
        lora[f"unet.{layer}.lora_B.weight"] = chance.standard_normal((out, RANK, *(1 for _ in kernel)), np.float32)
    rows = {key: chance.standard_normal((2, width), np.float32) for key, width in (("clip_l", 8), ("clip_g", 16))}
    save_file(lora, folder / LORA_FILE, {"format": "pt"})
    save_file(rows, folder / ROWS_FILE)
    write_kohya(folder, folder / KOHYA_FILE)
    learnt = {"base": base, "profile": "light", "dtype": "torch.float32", "tokens": ["<s0>", "<s1>"]}
    learnt |= {"class_word": class_word, "steps": steps, "seed": seed}
    (folder / RECIPE_FILE).write_text(json.dumps(learnt))
