"""What a training does when its numbers are no good: a step is left out, or it goes back, or it names the photo."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from gpu.errors import NotFinite
from gpu.studio import dataset, objective, step, train
from gpu.studio.dataset import Sample
from gpu.studio.state import HALVED, State
from tests.gpu.studio.test_checkpoint import CPU, begin
from tests.helpers import tiny_models


def spoilt(samples: list[Sample], value: float, photo: str = "") -> list[Sample]:
    return [replace(one, latents=one.latents * value, photo=photo) for one in samples]


def test_one_step_without_numbers_is_left_out(
    pipe: StableDiffusionXLPipeline, samples: list[Sample], caplog: pytest.LogCaptureFixture
) -> None:
    state, given = begin(pipe), list(samples)
    training = train.train(state, given, CPU)
    next(training)
    before = {name: param.clone() for name, param in state.params.items()}
    given[:] = spoilt(samples, torch.inf)
    next(training)
    assert all(torch.equal(param, before[name]) for name, param in state.params.items())
    assert "Step 1 gave no good numbers and is left out" in caplog.text
    given[:] = samples
    assert [progress.step for progress in training][-1] == state.steps
    assert state.skipped == 0
    state.close()


def test_two_of_them_lead_back_to_the_checkpoint_and_on_at_half_the_rate(
    pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "folder" / "training.safetensors"
    state, given = begin(pipe), list(samples)
    training = train.train(state, given, CPU, path, checkpoint_every_s=1e9)  # one checkpoint, after the first step
    next(training), next(training)
    given[:] = spoilt(samples, torch.inf)
    next(training)
    with pytest.raises(NotFinite, match="also at half the rate"):
        list(training)
    assert state.slowed == HALVED
    assert "The numbers ran away at step 3: back to step 1, at half the rate" in caplog.text
    state.close()


@pytest.mark.parametrize("pull", [0.1, 0.0])
def test_a_loss_that_grows_far_beyond_the_base_models_is_no_good_either(
    pipe: StableDiffusionXLPipeline,
    samples: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pull: float,
) -> None:
    """It is asked at every second step here, with a pull or without one, and also right after one that was no good."""
    path, state = tmp_path / "folder" / "training.safetensors", begin(pipe)
    state.learning = replace(state.learning, background_weight=pull, background_every=2)
    monkeypatch.setattr(step, "WATCHED_EVERY", 100 if pull else 2)
    training = train.train(state, samples, CPU, path, checkpoint_every_s=1e9)
    next(training), next(training)
    monkeypatch.setattr(objective, "RUNAWAY", 0.0)
    assert (next(training).step, state.skipped) == (3, 1)
    with pytest.raises(NotFinite, match="step 3: no numbers, also at half the rate"):
        list(training)
    assert state.slowed == HALVED
    state.close()


def test_a_picture_ran_away_where_it_is_five_times_as_wrong_as_for_the_base_model(
    pipe: StableDiffusionXLPipeline, samples: list[Sample]
) -> None:
    state = begin(pipe)
    pictures, _ = objective.BatchSampler(pipe, state.learning, samples, CPU).draw(1, 0, learns_tokens=True)
    error = torch.ones_like(pictures.target)
    base = pictures.target + error
    worse = torch.tensor([2.0, 2.3, 1.0]).view(-1, 1, 1, 1)  # squared: 4, 5.29 and 1 times
    found = objective.ran_away(pictures, pictures.target + worse[: len(error)] * error, base)
    assert found.tolist() == [False, True, False][: len(error)] and len(error) > 1
    state.close()


def test_half_the_rate_holds_to_the_end_also_after_a_kill(
    pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers run away once, and are good again from the checkpoint on."""
    path, go_back = tmp_path / "folder" / "training.safetensors", train._go_back
    state, given = begin(pipe), list(samples)

    def mended(*args: Any) -> None:
        go_back(*args)
        given[:] = samples

    monkeypatch.setattr(train, "_go_back", mended)
    training = train.train(state, given, CPU, path, checkpoint_every_s=1e9)  # one checkpoint, after the first step
    next(training), next(training)
    given[:] = spoilt(samples, torch.inf)
    next(training)
    assert (next(training).step, last_rate(state)) == (2, HALVED * state.tokens.rate(1))
    state.save(path)
    state.close()
    again = begin(pipe)
    again.resume(path)
    training = train.train(again, samples, CPU)
    assert (next(training).step, last_rate(again)) == (3, HALVED * again.tokens.rate(2))
    assert [progress.step for progress in training][-1] == again.steps
    again.close()


def test_a_step_without_numbers_is_never_kept(
    pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path
) -> None:
    """From there a killed training would come to the same numbers, with no good checkpoint to go back to."""
    path = tmp_path / "folder" / "training.safetensors"
    state, given = begin(pipe), list(samples)
    training = train.train(state, given, CPU, path, checkpoint_every_s=0.0)
    next(training)
    good = path.read_bytes()
    given[:] = spoilt(samples, torch.inf)
    next(training)
    train.keep(state, path)  # as after a pause
    assert path.read_bytes() == good
    state.close()


def last_rate(state: State) -> float:
    """With which the tokens were learnt last."""
    assert state.tokens.optimiser
    return state.tokens.optimiser.param_groups[0]["lr"]


def test_a_photo_that_gives_no_numbers_is_named(pipe: StableDiffusionXLPipeline, samples: list[Sample]) -> None:
    """Whichever others are in its batches."""
    state = begin(pipe)
    with pytest.raises(NotFinite) as failed:
        list(train.train(state, [*samples[:2], *spoilt(samples[2:], torch.nan, "f" * 64)], CPU))
    assert [rejected.photo for rejected in failed.value.rejected] == ["f" * 64]
    state.close()


def test_a_photo_that_the_vae_has_no_numbers_for_is_named_before_the_first_step(
    pipe: StableDiffusionXLPipeline, tmp_path: Path
) -> None:
    bias = pipe.vae.quant_conv.bias
    before = bias.detach().clone()
    try:
        bias.data.fill_(torch.nan)
        with pytest.raises(NotFinite) as failed:
            dataset.samples(pipe, tiny_models.cutouts(tmp_path), 64)
    finally:
        bias.data.copy_(before)
    assert [(one.photo, one.reason) for one in failed.value.rejected] == [(f"{0:064}", "not_finite")]
