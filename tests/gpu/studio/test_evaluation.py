"""A training that is marked as it goes: it ends where there is no gain, with its best, and with the same bytes."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from gpu.errors import OutOfMemory
from gpu.outcomes import Progress
from gpu.studio import adapter, evaluation
from gpu.studio.evaluation import Evaluator
from gpu.studio.state import Mark
from tests.helpers import tiny_models
from tests.helpers.tiny_training import LEARNING, Run

pytestmark = tiny_models.QUIET
CPU = torch.device("cpu")


def curve(*marks: float, copied: tuple[int, ...] = ()) -> list[Mark]:
    return [Mark(step=n + 1, likeness=mark, copied=n in copied) for n, mark in enumerate(marks)]


def test_of_few_photos_all_are_learnt_and_of_more_some_are_held_out(tmp_path: Path) -> None:
    photos = tiny_models.cutouts(tmp_path, 10)
    assert evaluation.split(photos[:5], LEARNING, 7) == (photos[:5], ())
    for count, held_out in ((6, 1), (9, 1), (10, 2)):
        learnt, held = evaluation.split(photos[:count], LEARNING, 7)
        assert (len(held), {*learnt, *held}) == (held_out, {*photos[:count]})
        assert evaluation.split(photos[:count], LEARNING, 7) == (learnt, held)
    assert len({evaluation.split(photos, LEARNING, seed)[1] for seed in range(20)}) > 5


def test_the_best_is_the_first_that_is_not_clearly_surpassed_and_no_copy() -> None:
    assert evaluation.best(curve(0.5, 0.6, 0.601, 0.59)) == 1
    assert evaluation.best(curve(0.5, 0.6, 0.7, copied=(2,))) == 1
    assert evaluation.best(curve(0.9, 0.5, copied=(0,))) == 1


def test_it_is_over_where_the_last_marks_brought_nothing() -> None:
    assert not evaluation.is_over(curve(), 2)
    assert not evaluation.is_over(curve(0.5, 0.4), 2)
    assert evaluation.is_over(curve(0.5, 0.4, 0.5), 2)
    assert not evaluation.is_over(curve(0.5, 0.4, 0.5), 0), "never"


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[Progress]]:
    with tiny_models.pool().use("sdxl") as pipe:
        run = Run(pipe, tmp_path_factory.mktemp("straight"))
        heard = list(run.steps)
        files = run.files()
        run.state.close()
        return files, heard


def test_its_previews_are_shown_and_its_curve_is_in_the_recipe(
    straight: tuple[dict[str, bytes], list[Progress]],
) -> None:
    files, heard = straight
    shown = [*dict.fromkeys(progress.picture for progress in heard if progress.picture)]
    steps = [progress.step for progress in heard if not progress.painted]
    assert [path.name for path in shown] == [f"{step}.png" for step in steps]
    assert all(path.is_file() for path in shown)
    first = next(n for n, progress in enumerate(heard) if progress.picture)
    assert all(progress.picture for progress in heard[first:]), "it hangs in the message until the next one"
    assert files[adapter.RECIPE_FILE].count(b'"curve"') == 1


def test_killed_at_any_moment_also_within_a_mark_it_ends_in_the_same_bytes(
    straight: tuple[dict[str, bytes], list[Progress]], pipe: StableDiffusionXLPipeline, tmp_path: Path
) -> None:
    files, heard = straight
    assert heard[-1].step < heard[-1].steps, "it ended by itself"
    run = Run(pipe, tmp_path)
    for after in (3, 1, 2, 1):
        assert run.kill(after), "it was interrupted four times"
        run = Run(pipe, tmp_path)
    list(run.steps)
    assert run.files() == files
    run.state.close()


def test_it_ends_with_what_was_the_best(
    pipe: StableDiffusionXLPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks as if the second were the best: it ends two later, and what the second step had learnt is saved."""
    marks = iter(curve(0.5, 0.9, 0.8, 0.7, 0.6, 0.5))
    monkeypatch.setattr(Evaluator, "_mark", lambda *_: next(marks))
    run = Run(pipe, tmp_path, replace(LEARNING, token_steps=1, lora_steps=5))
    learnt: dict[int, dict[str, Tensor]] = {}
    for progress in run.steps:
        if not progress.painted:
            learnt[progress.step] = {name: param.detach().clone() for name, param in run.state.params.items()}
    assert max(learnt) == 4
    assert all(torch.equal(param, learnt[2][name]) for name, param in run.state.params.items())
    assert any(not torch.equal(param, learnt[3][name]) for name, param in learnt[2].items())
    run.state.close()


def test_marks_from_before_the_lora_end_nothing_and_may_be_the_best(
    pipe: StableDiffusionXLPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets its chance; and where the best came before it, the pet is its tokens alone, as they were marked."""
    marks = iter(curve(0.9, 0.5, 0.5, 0.6, 0.5, 0.4))
    monkeypatch.setattr(Evaluator, "_mark", lambda *_: next(marks))
    run = Run(pipe, tmp_path, replace(LEARNING, token_steps=3, lora_steps=6))
    first = [progress.step for progress in run.steps if not progress.painted]
    assert max(first) == 6, "the third mark of the LoRA is the second without a gain"
    assert all(not param.any() for name, param in run.state.lora.params.items() if "lora_B" in name)
    run.state.close()


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_mark_that_cost_the_process_its_life_twice_is_the_last(
    deaths: int, pipe: StableDiffusionXLPipeline, tmp_path: Path
) -> None:
    run = Run(pipe, tmp_path)
    (tmp_path / "previews").mkdir()
    (tmp_path / "previews" / "trying").write_text(str(deaths))
    heard = list(run.steps)
    assert bool(run.state.curve) is (deaths == 1)
    assert (heard[-1].step == heard[-1].steps) is (deaths == 2), "without marks nothing ends it early"
    assert (tmp_path / "previews" / "trying").exists() is (deaths == 2)
    run.state.close()


def test_a_disk_without_room_for_a_preview_does_not_end_the_training(
    pipe: StableDiffusionXLPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(evaluation, "whole", full)
    run = Run(pipe, tmp_path)
    heard = list(run.steps)
    assert heard[-1].step == heard[-1].steps and not run.state.curve
    run.state.close()


def test_previews_that_memory_does_not_hold_do_not_end_the_training(
    pipe: StableDiffusionXLPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def too_large(*_: object) -> NoReturn:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 8.00 GiB.")

    run = Run(pipe, tmp_path)
    heard = [next(one for one in run.steps if run.state.curve)]
    monkeypatch.setattr(evaluation, "decoded", too_large)
    heard += list(run.steps)
    assert heard[-1].step == heard[-1].steps
    assert "No previews from step 2 on: CUDA out of memory" in caplog.text
    assert not run.state.curve and not run.state.best, "no later process looks for the best of half a curve"
    run.state.close()


def test_models_that_fail_at_a_mark_leave_sdxl_where_the_training_needs_it(
    pipe: StableDiffusionXLPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a small card the others had it move to the host."""
    pool, used = tiny_models.pool(), list[str]()
    use = pool.use

    def noted(name: Any) -> Any:
        used.append(name)
        return use(name)

    def broken(*_: object) -> NoReturn:
        raise OutOfMemory("no room for DINO")

    monkeypatch.setattr(pool, "use", noted)
    monkeypatch.setattr(evaluation.likeness, "of_cutouts", broken)
    run = Run(pipe, tmp_path)
    heard = list(run.steps)
    assert heard[-1].step == heard[-1].steps and not run.state.curve
    assert used[-1] == "sdxl"
    run.state.close()


def test_previews_that_are_nearly_photos_are_told_in_the_log(
    pipe: StableDiffusionXLPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    marks = iter(curve(0.5, 0.9, 0.8, copied=(1,)))
    monkeypatch.setattr(Evaluator, "_mark", lambda *_: next(marks))
    run = Run(pipe, tmp_path, replace(LEARNING, token_steps=1, lora_steps=2))
    list(run.steps)
    assert [record.getMessage() for record in caplog.records if "nearly photos" in record.getMessage()] == [
        "Step 2: most previews are nearly photos that are learnt"
    ]
    run.state.close()
