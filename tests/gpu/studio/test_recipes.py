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
from gpu.studio.dataset import Sample
from gpu.studio.generate import generate
from gpu.studio.models import ModelPool
from gpu.studio.reminding import Reminding
from gpu.studio.state import State
from tests.helpers import tiny_models

pytestmark = tiny_models.QUIET
CPU = torch.device("cpu")
TINY = replace(tiny_models.pool().profile.learning, evaluate_every=0)
PRIOR = Reminder(prompts=("an oil painting of {}, on a beach", "a pencil sketch of {}"), steps=1)
METHODS: dict[str, Learning] = {name: recipe(TINY, name) for name in get_args(RecipeName)}
METHODS["dreambooth-lora"] = replace(METHODS["dreambooth-lora"], reminder=Reminder(prompts=TINY.captions, steps=1))
METHODS |= {
    "overlapping": replace(TINY, overlap=2),
    "pivotal with a prior": replace(TINY, reminder=PRIOR),
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
    first = [*class_pictures.paint(pool, "dog", PRIOR)]
    assert [one is None for one in first] == [True, True, False], "a pause may come after each step"
    [again] = class_pictures.paint(pool, "dog", PRIOR)
    assert again is not None and torch.equal(again, first[-1])
    assert again.shape == (2, 2, 4, 8, 8)
    assert len([*class_pictures.paint(pool, "cat", PRIOR)]) == 3, "another word, other pictures"


def test_class_pictures_that_cannot_be_kept_are_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    pool = ModelPool(replace(tiny_models.pool().profile, cache=str(tmp_path / "cache")))
    torch.set_num_threads(1)
    *_, pictures = class_pictures.paint(pool, "dog", PRIOR)
    assert pictures is not None and "will be painted again" in caplog.text


def test_the_prior_is_learnt_by_the_lora_alone_with_the_class_word(pipe: StableDiffusionXLPipeline) -> None:
    """Its loss is the plain one of a picture of the class, whatever the pet's tokens mean."""
    learning = replace(TINY, reminder=PRIOR)
    *_, pictures = class_pictures.paint(tiny_models.pool(), "dog", PRIOR)
    assert pictures is not None
    state = State(pipe, learning, adapter.recipe(tiny_models.pool(), (), "dog", 7))
    assert not [*Reminding(pipe, learning, PRIOR, state.recipe, pictures).losses(state)], "tokens learn nothing of it"
    state.begin_lora()
    [loss] = Reminding(pipe, learning, PRIOR, state.recipe, pictures).losses(state)
    tokens.put_rows(pipe, {name: torch.zeros_like(rows) for name, rows in state.rows.items()})
    [same_loss] = Reminding(pipe, learning, PRIOR, state.recipe, pictures).losses(state)
    assert loss.item() == same_loss.item() > 0
    [double] = Reminding(pipe, learning, replace(PRIOR, weight=2.0), state.recipe, pictures).losses(state)
    assert double.item() == 2 * loss.item()
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
