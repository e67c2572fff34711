"""Agreement, likeness of held-out photos, and copies: exact where they can be, on tiny models and drawn photos."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from PIL import Image, ImageFilter

from gpu.pets import Cutout
from gpu.portraits import Prompt
from gpu.studio import adapter, copies, likeness
from gpu.studio import agreement as agreeing
from gpu.studio.agreement import agreement, phrases
from gpu.studio.state import State
from tests.helpers import tiny_models as tiny_models
from tests.helpers.drawn_photos import photos

pytestmark = tiny_models.QUIET
NAMES = ("<s0>", "<s1>")


def quiet() -> None:
    """Listens to nothing."""


def test_each_phrase_is_left_out_in_turn_and_the_dog_is_any_dog() -> None:
    whole, without = phrases("an oil painting of <s0> <s1> dog wearing a hat and glasses, on the left, in snow", NAMES)
    assert whole == "an oil painting of a dog wearing a hat and glasses, on the left, in snow"
    assert without == [
        "a dog wearing a hat and glasses, on the left, in snow",
        "an oil painting of a dog wearing glasses, on the left, in snow",
        "an oil painting of a dog wearing a hat, on the left, in snow",
        "an oil painting of a dog wearing a hat and glasses, in snow",
        "an oil painting of a dog wearing a hat and glasses, on the left",
    ]


def test_the_medium_is_what_stands_before_the_pet_whatever_else_is_of_a_thing() -> None:
    _, without = phrases("an oil painting of <s0> <s1> dog on top of a car, in a park", NAMES)
    assert without == ["a dog on top of a car, in a park", "an oil painting of a dog on top of a car"]


def test_a_place_may_stand_first_and_a_prompt_may_be_short() -> None:
    assert phrases("in snow, a photo of <s0> <s1> dog", NAMES)[1] == ["a photo of a dog", "in snow, a dog"]
    assert phrases("<s0> <s1> dog", NAMES) == ("a dog", [])


def test_agreement_does_not_depend_on_what_is_judged_beside_it() -> None:
    pool, chance = tiny_models.pool(), np.random.default_rng(0)
    pictures = [Image.fromarray(chance.integers(0, 255, (64, 64, 3), np.uint8)) for _ in range(4)]
    prompt = Prompt(text="a photo of <s0> <s1> dog, in a park")
    scores = agreement(pool, pictures, prompt, NAMES, quiet)
    assert all(-1 <= score <= 1 for score in scores)
    assert agreement(pool, pictures[3:], prompt, NAMES, quiet) == pytest.approx(scores[3:], abs=1e-4)
    assert len(set(scores)) > 1


def test_of_a_prompt_without_phrases_nothing_is_missing() -> None:
    pool = tiny_models.pool()
    assert agreement(pool, [Image.new("RGB", (64, 64))], Prompt(text="<s0> <s1> dog"), NAMES, quiet) == [1.0]


def test_a_paused_training_is_no_judge(pipe: StableDiffusionXLPipeline) -> None:
    pool, prompt = tiny_models.pool(), Prompt(text="a photo of <s0> <s1> dog, in a park")
    pictures = [Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))]
    before = agreement(pool, pictures, prompt, NAMES, quiet)
    state = State(pipe, pool.profile.learning, adapter.recipe(pool, (), "dog", 9))
    state.begin_lora()
    with torch.no_grad():
        for param in state.lora.params.values():
            param.add_(0.1)
    assert agreement(pool, pictures, prompt, NAMES, quiet) == before
    state.close()


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_picture_whose_prediction_comes_true_agrees_whatever_is_predicted(
    kind: str, pipe: StableDiffusionXLPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = DDPMScheduler.from_config(pipe.scheduler.config, prediction_type=kind)
    monkeypatch.setattr(pipe, "scheduler", schedule)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    latents = agreeing._latents(pipe, [picture])
    noise = torch.randn(latents.shape[1:], generator=torch.Generator().manual_seed(agreeing.SEED))[None]
    said = iter(range(100))

    def predict(_: object, noisy: torch.Tensor, t: torch.Tensor, *others: object) -> torch.Tensor:
        """The truth with all words, nothing without the last ones."""
        wanted = noise if kind == "epsilon" else schedule.get_velocity(latents, noise, t[None])
        return wanted if next(said) % 2 == 0 else torch.zeros_like(wanted)

    monkeypatch.setattr(agreeing, "_predict", predict)
    prompt = Prompt(text="<s0> <s1> dog, in a park")
    assert agreement(tiny_models.pool(), [picture], prompt, NAMES, quiet) == pytest.approx([1.0], abs=1e-3)


def test_photos_score_by_those_beside_them() -> None:
    one, other = torch.eye(2)
    assert likeness.look(torch.stack([one, one, one])).photos == pytest.approx(1)
    assert likeness.look(torch.stack([one, other])).photos == pytest.approx(0)
    assert likeness.look(one[None]).photos == pytest.approx(1)
    assert torch.allclose(likeness.look(torch.stack([one, one])).mean, one)


def test_a_photo_again_is_a_copy_and_another_photo_of_the_same_dog_is_none(tmp_path: Path) -> None:
    drawn = photos([0, 1, 2])
    cutouts = list[Cutout]()
    for number, one in enumerate(drawn[:2]):
        paths = tmp_path / f"{number}.png", tmp_path / f"{number}.mask.png"
        one.image.save(paths[0])
        Image.fromarray(one.pet).save(paths[1])
        cutouts.append(Cutout(image=paths[0], mask=paths[1], photo=str(number), share=0.3))
    again = drawn[0].image.resize((128, 128)).filter(ImageFilter.GaussianBlur(0.6)).point(lambda v: min(255, v * 1.06))
    assert copies.is_copy(again, Image.fromarray(drawn[0].pet).resize((128, 128)), cutouts)
    assert not copies.is_copy(drawn[2].image, Image.fromarray(drawn[2].pet), cutouts)
