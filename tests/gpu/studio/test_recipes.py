"""Every method of the field learns, ends in an adapter that paints, and goes on bit for bit after a kill."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from gpu.learning import Learning, RecipeName, Reminder, recipe
from gpu.portraits import Prompt
from gpu.studio import adapter, class_pictures, objective, tokens, train
from gpu.studio.class_pictures import ClassPictures
from gpu.studio.dataset import Sample
from gpu.studio.generate import generate
from gpu.studio.models import ModelPool
from gpu.studio.reminding import Reminding
from gpu.studio.state import State
from tests.helpers import tiny_models

pytestmark = tiny_models.QUIET
CPU = torch.device("cpu")
TINY = replace(tiny_models.pool().profile.learning, evaluate_every=0)
PRACTICE = Reminder(
    prompts=("an oil painting of {}, on a beach", "a pencil sketch of {}"), steps=1, text="pet", target="base", every=2
)
METHODS: dict[str, Learning] = {name: recipe(TINY, name) for name in get_args(RecipeName)}
METHODS["dreambooth-lora"] = replace(METHODS["dreambooth-lora"], reminder=Reminder(prompts=TINY.captions, steps=1))
METHODS |= {
    "overlapping": replace(TINY, overlap=2),
    "practised": replace(TINY, reminder=PRACTICE),
    "now and then": replace(TINY, background_every=2),
    "no masks": replace(TINY, masked=False),
}


class Run:
    def __init__(self, pipe: StableDiffusionXLPipeline, learning: Learning, samples: list[Sample], kept: Path) -> None:
        pool = tiny_models.pool()
        self.state = State(pipe, learning, adapter.recipe(pool, (), "dog", 7, learning=learning))
        self.state.resume(kept)
        painted = learning.reminder and class_pictures.paint(pool, "dog", learning.reminder)
        self.steps = train.train(self.state, samples, CPU, painted=painted)

    def learnt(self) -> dict[str, Tensor]:
        return {name: param.detach().clone() for name, param in self.state.params.items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_and_paints_and_goes_on_after_a_kill(
    name: str, pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path
) -> None:
    learning, path = METHODS[name], tmp_path / "kept" / "training.safetensors"
    before = {key: value.clone() for key, value in pipe.unet.state_dict().items()}
    run = Run(pipe, learning, samples, path)
    assert [one.step for one in run.steps if not one.painted] == list(range(1, run.state.steps + 1))
    straight, pet = run.learnt(), adapter.save(run.state, tmp_path / "adapter")
    run.state.close()
    assert same(before, pipe.unet.state_dict())
    rows_stay = torch.equal(straight["clip_l"], tokens.word_rows(pipe, "dog")["clip_l"])
    assert rows_stay == (learning.token_steps == 0)
    assert any(value.any() for key, value in straight.items() if "lora_B" in key) == (learning.lora_steps > 0)
    prompt = Prompt(text="a photo of <s0> <s1> dog")
    assert [*generate(tiny_models.pool(), pet, prompt, (1,), tiny_models.SAMPLING, tmp_path / "out", lambda _: None)]

    run = Run(pipe, learning, samples, path)
    while next(run.steps).step < 3:
        pass
    run.state.save(path)
    run.state.close()
    run = Run(pipe, learning, samples, path)
    assert run.state.step == 3
    list(run.steps)
    assert same(run.learnt(), straight)
    run.state.close()


def test_class_pictures_are_painted_once_for_each_base(tmp_path: Path) -> None:
    pool = ModelPool(replace(tiny_models.pool().profile, cache=str(tmp_path / "cache")))
    torch.set_num_threads(1)
    first = [*class_pictures.paint(pool, "dog", PRACTICE)]
    assert [one is None for one in first] == [True, True, False], "a pause may come after each step"
    [again] = class_pictures.paint(pool, "dog", PRACTICE)
    assert isinstance(first[-1], ClassPictures) and again
    assert torch.equal(again.latents, first[-1].latents)
    assert again.latents.shape == (2, 2, 4, 8, 8)
    assert again.masks.shape == (2, 2, 1, 8, 8)
    assert len([*class_pictures.paint(pool, "cat", PRACTICE)]) == 3, "another word, other pictures"


def test_class_pictures_that_cannot_be_kept_are_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    pool = ModelPool(replace(tiny_models.pool().profile, cache=str(tmp_path / "cache")))
    torch.set_num_threads(1)
    *_, pictures = class_pictures.paint(pool, "dog", PRACTICE)
    assert isinstance(pictures, ClassPictures) and "will be painted again" in caplog.text


def test_practice_is_about_what_a_lora_has_changed(pipe: StableDiffusionXLPipeline) -> None:
    """Nothing, as long as it has changed nothing and the tokens mean their word."""
    learning = replace(TINY, token_steps=0, reminder=replace(PRACTICE, every=1))
    *_, pictures = class_pictures.paint(tiny_models.pool(), "dog dog dog", PRACTICE)
    assert pictures
    state = State(pipe, learning, adapter.recipe(tiny_models.pool(), (), "dog", 7))
    state.arrange()
    recipe = state.recipe | {"class_word": "dog dog dog", "tokens": []}  # then both prompts are the same words
    [loss] = Reminding(pipe, learning, PRACTICE, recipe, pictures).losses(state)
    assert loss.item() == 0
    with torch.no_grad():
        for name, param in state.lora.params.items():
            param.add_(0.1 if "lora_B" in name else 0)
    [loss] = Reminding(pipe, learning, PRACTICE, recipe, pictures).losses(state)
    assert loss.item() > 0
    state.close()


def test_dco_learns_only_beyond_the_base(samples: list[Sample], pipe: StableDiffusionXLPipeline) -> None:
    """-log sigmoid(-beta (error - base's error)): its gradient is the plain one's times sigmoid(beta (...))."""
    pictures, _ = objective.BatchSampler(pipe, TINY, samples, CPU).draw(7, 0, learns_tokens=True)
    pictures = pictures._replace(weight=torch.ones_like(pictures.weight))
    base = pictures.target + 0.3
    predicted = (pictures.target + 0.2).requires_grad_()
    gain = objective.mean_over(pictures.mask, (predicted - pictures.target) ** 2 - (base - pictures.target) ** 2)
    objective.dco_losses(pictures, predicted, base, 50.0).sum().backward()
    found, predicted.grad = predicted.grad, None
    (torch.sigmoid(50.0 * gain.detach()) * objective.losses(pictures, predicted)).sum().backward()
    torch.testing.assert_close(found, predicted.grad)
    far = objective.dco_losses(pictures, predicted.detach(), base, 50.0)
    torch.testing.assert_close(far, -F.logsigmoid(-50.0 * gain.detach()) / 50.0)
