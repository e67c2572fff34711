"""The page in a pet's zip: its lines are for the models that the pet was learnt with, and can be run as they stand."""

import ast
import re
from dataclasses import replace

import pytest

from gpu.adapter_files import Recipe
from gpu.adapter_page import page
from gpu.profile import PROFILES, SDXL, Profile

RECIPE = Recipe(
    base="b" * 64, profile="sdxl", dtype="torch.float16", tokens=("<s0>", "<s1>"), class_word="cat", steps=700
)
HUB = (
    'from_pretrained("stabilityai/stable-diffusion-xl-base-1.0", '
    'revision="462165984030d82259a11f4367a4eed129e94a7b", dtype=torch.float16, variant="fp16"'
)


@pytest.mark.parametrize(
    ("profile", "loads"),
    [
        (SDXL, HUB),
        (replace(SDXL, sdxl="/home/mina/models/mine.safetensors"), 'from_single_file("mine.safetensors", dtype='),
        (PROFILES["pocket"], 'from_pretrained("sdxl", dtype=torch.float16'),
    ],
    ids=["hub", "one file", "folder"],
)
def test_the_lines_name_the_models_and_no_place_of_this_machine(profile: Profile, loads: str) -> None:
    told = page("rex-3f9a1c", RECIPE, profile)
    [lines] = re.findall(r"```python\n(.*?)```", told, re.DOTALL)
    ast.parse(lines)
    assert loads in lines and "/home" not in told and "$" not in told
    assert ('pipe.vae = AutoencoderKL.from_pretrained("madebyollin/sdxl-vae-fp16-fix"' in lines) == bool(profile.vae)
    assert "a photo of embedding:rex-3f9a1c cat, in a park" in told
    assert "<lora:rex-3f9a1c:1> a photo of rex-3f9a1c cat, in a park" in told
    assert ("its own differ" in told) == profile.painting.guide_to_pet
