"""Presets, shapes, few steps, variations, places; a batch that memory does not hold."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerAncestralDiscreteScheduler, StableDiffusionXLPipeline
from peft.tuners.lora.layer import LoraLayer
from PIL import Image
from torch import Tensor

from gpu.errors import ModelsMissing, OutOfMemory
from gpu.jobs import Paint
from gpu.portraits import Portrait
from gpu.studio.adapter import PET, apply_adapter
from gpu.studio.few_step import few_steps
from gpu.studio.models import ModelPool
from gpu.studio.painter import Painter
from gpu.studio.rewrite import PromptWriter
from tests.helpers import tiny_models
from tests.helpers.paintings import LORA, PROMPT, again, paint, pixels

pytestmark = tiny_models.QUIET


def test_each_shape_is_painted_and_the_unet_is_told_its_size(
    painter: Painter, job: Paint, pipe: StableDiffusionXLPipeline
) -> None:
    told: list[list[float]] = []

    def listen(_: object, args: object, kwargs: dict[str, dict[str, Tensor]]) -> None:
        told.append(kwargs["added_cond_kwargs"]["time_ids"][0].tolist())

    hook = pipe.unet.register_forward_pre_hook(listen, with_kwargs=True)
    for width, height in tiny_models.pool().profile.painting.shapes.values():
        (portrait,) = paint(painter, job, size=(width, height))
        with Image.open(portrait.path) as picture:
            assert picture.size == portrait.size == (width, height)
        assert told[-1] == [height, width, 0, 0, height, width], "original size, crop, target size; heights first"
    hook.remove()


def test_few_steps_are_taken_with_their_own_scheduler_and_leave_no_trace(
    painter: Painter, pool: ModelPool, job: Paint, pipe: StableDiffusionXLPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguided = replace(pool.profile.painting, guide_to_pet=False)  # as in profile `sdxl`, whose drafts are few-step
    monkeypatch.setattr(pool, "profile", replace(pool.profile, painting=unguided))
    before = pixels(*paint(painter, job))
    modules = [type(one) for one in pipe.unet.modules()]
    preset, seen = replace(tiny_models.NORMAL, few_step=True), list[object]()
    (fast,) = paint(painter, job, lambda one: None if one.painted else seen.append(type(pipe.scheduler)), preset=preset)
    assert seen[-1] == DDIMScheduler and fast.preset == preset
    faster = pixels(fast)
    plain = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing", clip_sample=False)
    own, pipe.scheduler = pipe.scheduler, plain
    (without,) = paint(painter, job)
    pipe.scheduler = own
    assert len({before, faster, pixels(without)}) == 3, "both the scheduler and the LoRA make a difference"
    assert [type(one) for one in pipe.unet.modules()] == modules
    assert isinstance(pipe.scheduler, EulerAncestralDiscreteScheduler)
    assert pixels(*paint(painter, job)) == before


def test_a_few_step_lora_that_memory_does_not_hold_leaves_nothing_in_the_pet(
    pool: ModelPool, pipe: StableDiffusionXLPipeline, job: Paint, few_step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, calls = LoraLayer.update_layer, count()

    def scarce(self: LoraLayer, *args: Any, **others: Any) -> None:
        if next(calls) == 3:
            raise torch.OutOfMemoryError
        update(self, *args, **others)

    with apply_adapter(pipe, job.adapter, pool):
        monkeypatch.setattr(LoraLayer, "update_layer", scarce)
        with pytest.raises(torch.OutOfMemoryError), few_steps(pipe, few_step / f"{LORA}.safetensors"):
            pass
        layers = [layer for layer in pipe.unet.modules() if isinstance(layer, LoraLayer)]
        assert next(calls) > 3 and layers
        assert {name for layer in layers for name in layer.lora_A} == {PET}


def test_without_its_lora_a_draft_takes_plain_steps_and_an_exact_one_is_refused(job: Paint, tmp_path: Path) -> None:
    pool = ModelPool(replace(tiny_models.pool().profile, few_step=str(tmp_path / "none"), few_step_file=LORA))
    torch.set_num_threads(1)
    painter, preset = Painter(pool, PromptWriter(pool)), replace(tiny_models.NORMAL, few_step=True)
    (portrait,) = paint(painter, job, preset=preset)
    assert portrait.preset == tiny_models.NORMAL
    with pytest.raises(ModelsMissing):
        paint(painter, job, preset=preset, batch=3)


def test_a_variation_is_the_nearer_the_less_noise_is_new(painter: Painter, job: Paint) -> None:
    def distance(one: Portrait, other: bytes) -> int:
        return sum(abs(a - b) for a, b in zip(pixels(one), other, strict=True))

    root = pixels(*paint(painter, job))
    near, far = (
        distance(paint(painter, replace(job, seeds=(6,)), around=((5, share),))[0], root) for share in (0.1, 0.5)
    )
    assert 0 < near < far < distance(paint(painter, replace(job, seeds=(6,)))[0], root)


def test_a_box_decides_where_the_dog_stands_and_its_recipe_paints_it_again(painter: Painter, job: Paint) -> None:
    """Wherever in a batch it stood; a prompt without one is painted as ever."""
    boxed = replace(job, seeds=(4, 5), prompt=replace(PROMPT, box=(0.0, 0.0, 0.5, 0.5)))
    _, portrait = paint(painter, boxed)
    placed = pixels(portrait)
    assert portrait.placed and pixels(again(painter, boxed, portrait)) == placed
    (free,) = paint(painter, replace(boxed, seeds=(5,)), placed=False)
    without = pixels(free)
    assert not free.placed and without != placed
    (plain,) = paint(painter, job)
    assert not plain.placed and pixels(plain) == without


def test_a_batch_that_memory_does_not_hold_is_painted_in_halves_once(
    painter: Painter, job: Paint, pipe: StableDiffusionXLPipeline
) -> None:
    def hold(most: int) -> torch.utils.hooks.RemovableHandle:
        def check(_: object, args: tuple[Tensor, ...]) -> None:
            if len(args[0]) > 2 * most:  # guided: each picture twice
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

        return pipe.unet.register_forward_pre_hook(check)

    (whole,) = paint(painter, job)
    small = hold(1)
    (halved,) = paint(painter, job)
    assert (whole.batch, halved.batch) == (3, 1)
    with pytest.raises(OutOfMemory):
        again(painter, job, whole)  # its recipe's batch is part of its pixels
    small.remove()
    assert pixels(again(painter, job, halved)) == pixels(halved)
