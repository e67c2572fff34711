"""The pocket models that are in the repository: each opens by its library alone, does its work, and all are small."""

from statistics import fmean

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionXLPipeline
from PIL import Image
from transformers import AutoTokenizer, Dinov2Model, LlamaForCausalLM

from gpu.pocket.world.styling import MEDIA
from gpu.profile import PROFILES, WEIGHTS
from gpu.studio.candidates import see
from gpu.studio.segmenter import load
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
MOST_BYTES = 40e6
SIX = 6


@pytest.fixture
def pipe() -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline.from_pretrained(WEIGHTS / "sdxl", dtype=torch.float32)


def lcm(pipe: StableDiffusionXLPipeline) -> StableDiffusionXLPipeline:
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    pipe.load_lora_weights(WEIGHTS / "fewstep")
    return pipe


def seeds(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def paint(pipe: StableDiffusionXLPipeline, steps: int) -> list[Image.Image]:
    captions = [f"{medium} of a brown dog, on a beach" for medium in list(MEDIA.values())[:SIX]]
    return pipe(captions, num_inference_steps=steps, guidance_scale=1.0, generator=seeds(SIX)).images


def contrast(pictures: list[Image.Image]) -> float:
    return fmean(np.asarray(picture).std() for picture in pictures)


def with_a_dog(pictures: list[Image.Image]) -> int:
    segmenting = PROFILES["pocket"].segmenting
    yolo = load(WEIGHTS / "yolo", torch.device("cpu"))
    seen = [see(yolo, picture, segmenting).animals for picture in pictures]
    return sum(any(one.score(0) >= segmenting.confidence for one in animals) for animals in seen)


def test_all_together_they_are_small() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) <= MOST_BYTES


def test_language_and_likeness_open_by_their_library() -> None:
    llama = LlamaForCausalLM.from_pretrained(WEIGHTS / "llama", dtype=torch.float32)
    assert AutoTokenizer.from_pretrained(WEIGHTS / "llama").chat_template
    assert llama.num_parameters() > 1e6
    assert Dinov2Model.from_pretrained(WEIGHTS / "dino").num_parameters() > 5e5


def test_the_few_step_lora_paints_dogs_in_four_steps(pipe: StableDiffusionXLPipeline) -> None:
    assert with_a_dog(paint(lcm(pipe), steps=4)) >= SIX - 1


def test_its_pictures_are_not_faded(pipe: StableDiffusionXLPipeline) -> None:
    """Four steps without it average over what a dog could look like; with it the colours are those of forty steps."""
    whole, faded = contrast(paint(pipe, steps=40)), contrast(paint(pipe, steps=4))
    few = contrast(paint(lcm(pipe), steps=4))
    assert abs(few - whole) < abs(faded - whole) / 2
