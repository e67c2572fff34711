"""A recipe tells all that decides what is learnt, in the words of every version before."""

from dataclasses import replace
from typing import Any

import pytest

from gpu.profile import PROFILES
from gpu.studio import adapter
from gpu.studio.models import ModelPool
from tests.helpers import tiny_models

LEARNING: dict[str, dict[str, Any]] = {
    "sdxl": {
        "size_px": 1024,
        "token_count": 2,
        "token_steps": 300,
        "token_lr": 0.0005,
        "lora_steps": 700,
        "overlap": 0,
        "lora_rank": 16,
        "lora_lr": 0.0001,
        "lora_targets": ["to_q", "to_k", "to_v", "to_out.0"],
        "train_batch": 1,
        "snr_gamma": 5.0,
        "snr_floor": 0.0,
        "background_weight": 0.1,
        "background_every": 4,
        "masked": True,
        "dco_beta": 0.0,
        "reminder": None,
        "caption_dropout": 0.1,
        "held_out_from": 6,
        "evaluate_every": 125,
        "previews": 1,
        "preview_steps": 12,
        "patience": 3,
        "captions": ["a photo of {}", "a good photo of {}", "a close-up photo of {}", "a photograph of {}"],
    },
    "pocket": {
        "size_px": 128,
        "token_count": 2,
        "token_steps": 60,
        "token_lr": 0.005,
        "lora_steps": 400,
        "overlap": 0,
        "lora_rank": 16,
        "lora_lr": 0.0016,
        "lora_targets": ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2"],
        "train_batch": 4,
        "snr_gamma": 5.0,
        "snr_floor": 0.1,
        "background_weight": 0.1,
        "background_every": 4,
        "masked": True,
        "dco_beta": 0.0,
        "reminder": None,
        "caption_dropout": 0.1,
        "held_out_from": 6,
        "evaluate_every": 115,
        "previews": 2,
        "preview_steps": 12,
        "patience": 3,
        "captions": ["a photo of {}"],
    },
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_training_that_an_older_version_began_goes_on(name: str) -> None:
    """A checkpoint is used only if its recipe is equal. Where a number is changed on purpose, change it here too."""
    pool = ModelPool(replace(tiny_models.pool().profile, learning=PROFILES[name].learning))
    recipe = adapter.recipe(pool, (), "dog", 7)
    assert recipe["learning"] == LEARNING[name]
    assert recipe.keys() == {
        "base", "profile", "dtype", "tokens", "class_word", "seed", "photos", "held_out", "learning", "versions",
    }  # fmt: skip
