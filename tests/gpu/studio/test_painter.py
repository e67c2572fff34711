"""Presets, shapes, variations, the best of a batch; a recipe paints its picture again, also an older version's."""

import hashlib
import json
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

from gpu.errors import Cancelled, ModelsMissing, OutOfMemory
from gpu.jobs import Paint, PaintOptions
from gpu.outcomes import Progress, Report
from gpu.pets import Adapter
from gpu.portraits import PORTRAIT, Portrait, Prompt, Wish
from gpu.studio import copies
from gpu.studio.adapter import PET, apply_adapter
from gpu.studio.agreement import agreement
from gpu.studio.denoise import embeddings
from gpu.studio.few_step import few_steps
from gpu.studio.generate import pet_pipeline
from gpu.studio.models import ModelPool
from gpu.studio.painter import Painter, _best
from gpu.studio.rewrite import PromptWriter
from gpu.verdicts import ranked
from tests.bench.results import machine
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
PROMPT = Prompt(text="a photo of <s0> <s1> dog, in a park", negative="a pencil sketch")
OLD = json.loads(Path(__file__).with_name("old_recipe.json").read_text())
LORA = "pytorch_lora_weights"


@pytest.fixture(scope="module")
def few_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA of random numbers."""
    folder = tmp_path_factory.mktemp("few_step")
    with tiny_models.pool().use("sdxl") as pipe:
        unet = type(pipe.unet).from_config(pipe.unet.config)
        shapes = {name: layer for name, layer in unet.named_modules() if name.endswith(("to_q", "proj_in"))}
        chance, lora = torch.Generator().manual_seed(2), dict[str, Tensor]()
        for name, layer in shapes.items():
            lora[f"{name}.lora_A.weight"] = torch.randn(2, layer.in_features, generator=chance)
            lora[f"{name}.lora_B.weight"] = torch.randn(layer.out_features, 2, generator=chance)
        pipe.save_lora_weights(folder, unet_lora_layers=lora)
    return folder


@pytest.fixture(scope="module")
def pool(few_step: Path) -> ModelPool:
    """Tiny models, with the scheduler of the pocket ones, which draws chance at every step."""
    pool = ModelPool(replace(tiny_models.pool().profile, few_step=str(few_step), few_step_file=LORA))
    torch.set_num_threads(1)
    with pool.use("sdxl") as pipe:
        pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    return pool


@pytest.fixture(scope="module")
def painter(pool: ModelPool) -> Painter:
    return Painter(pool, PromptWriter(pool))


@pytest.fixture
def job(pet: Adapter, tmp_path: Path) -> Paint:
    cutouts, wish = tiny_models.cutouts(tmp_path / "cutouts"), Wish(style="photo")
    return Paint(job_id="1", folder=tmp_path, adapter=pet, cutouts=cutouts, wish=wish, seeds=(5,), prompt=PROMPT)


def quiet(_: object) -> None:
    pass


def paint(painter: Painter, job: Paint, report: Report = quiet, **options: object) -> tuple[Portrait, ...]:
    return painter.paint(replace(job, options=replace(job.options, **options)), report)


def pixels(portrait: Portrait) -> bytes:
    return Image.open(portrait.path).tobytes()


def recipe(portrait: Portrait) -> PaintOptions:
    """As "exactly the same again" takes it from a recipe (cogs/shared/rerolls.py)."""
    kept = {name: getattr(portrait, name) for name in ("preset", "size", "batch", "around", "placed")}
    return PaintOptions(**kept)


def again(painter: Painter, job: Paint, portrait: Portrait) -> Portrait:
    (one,) = painter.paint(
        replace(job, folder=job.folder / "again", seeds=(portrait.seed,), options=recipe(portrait)), quiet
    )
    return one


# ---- exactly again ---------------------------------------------------------------------------------------------------


def test_any_recipe_paints_its_picture_again(painter: Painter, job: Paint) -> None:
    presets, shapes = tiny_models.pool().profile.painting.presets, tiny_models.pool().profile.painting.shapes
    ways: list[dict[str, object]] = [
        {"preset": presets["draft"], "choose": True},
        {"preset": presets["fine"], "size": shapes["wide"], "choose": True},
        {"size": shapes["portrait"], "around": ((1, 0.3), (2, 0.5)), "batch": 2},
    ]
    for options in ways:
        (portrait,) = paint(painter, job, **options)
        stored = PORTRAIT.validate_json(PORTRAIT.dump_json(portrait))
        assert pixels(again(painter, job, stored)) == pixels(portrait), options


def test_a_recipe_of_an_older_version_paints_what_that_version_painted(
    painter: Painter, pool: ModelPool, job: Paint, pet: Adapter
) -> None:
    """Its call of the pipeline was this one, and its own picture's hash is kept with the recipe."""
    older = PORTRAIT.validate_python(OLD["recipe"])
    assert (older.preset, older.size, older.around, older.placed) == (None, None, (), False)
    assert older.prompt.box, "which nobody read then"
    now = again(painter, replace(job, prompt=older.prompt), older)
    with pet_pipeline(pool, pet) as pipe, torch.no_grad():
        then = pipe(
            **embeddings(pipe, [older.prompt] * older.batch),
            generator=[torch.Generator().manual_seed(seed) for seed in (5, 6, 7)],
            num_inference_steps=tiny_models.NORMAL.steps,
            guidance_scale=tiny_models.NORMAL.guidance,
            width=64,
            height=64,
        ).images[0]
    assert pixels(now) == then.tobytes()
    assert (now.preset, now.size, now.batch) == (tiny_models.NORMAL, (64, 64), 3)


def test_a_job_of_an_older_version_is_read_as_the_usual_one(job: Paint) -> None:
    assert job.options == PaintOptions(), "a row that says nothing of options has these"
    assert not job.options.choose and job.options.preset is None


# ---- shapes, presets and variations ----------------------------------------------------------------------------------


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


# ---- the best of a batch, and memory ---------------------------------------------------------------------------------


def test_what_would_only_fill_the_batch_is_a_candidate_too(painter: Painter, pool: ModelPool, job: Paint) -> None:
    """The best is told by likeness and by agreement with the words."""
    everything = paint(painter, replace(job, seeds=(5, 6, 7)))
    agreed = agreement(pool, [Image.open(one.path) for one in everything], PROMPT, job.adapter.tokens, lambda: None)
    scored = [replace(one, agreement=score) for one, score in zip(everything, agreed, strict=True)]
    (best,) = paint(painter, job, choose=True)
    first = scored[ranked(scored)[0]]
    assert (best.seed, best.likeness, best.agreement) == (first.seed, first.likeness, first.agreement)
    assert [path.name for path in (job.folder / "portraits").glob("*.png")] == [f"{best.seed}.png"]


def test_what_is_judged_is_reported_too_and_may_be_cancelled(painter: Painter, pool: ModelPool, job: Paint) -> None:
    """On a CPU it takes as long as some steps, and a child that says nothing counts as hung."""
    seen: list[Progress] = []
    paint(painter, replace(job, seeds=(5, 6, 7)), seen.append, choose=True)
    told = [one.painted for one in seen if one.painted]
    passes = 2 * 3  # at two times: the whole prompt, and each of its two phrases left out
    assert told == [*range(1, 3 + 3 + passes + 1)], "each picture's dog, its likeness, each pass of the UNet"

    def cancel(one: Progress) -> None:
        if one.painted == told[-1]:
            raise Cancelled

    with pytest.raises(Cancelled):
        paint(painter, replace(job, seeds=(5, 6, 7)), cancel, choose=True)


def test_copies_of_the_photos_are_painted_once_more_and_told(
    painter: Painter, job: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "COPY", -1.0)  # so everything is one
    seen: list[Progress] = []
    (portrait,) = paint(painter, job, seen.append, choose=True)
    assert portrait.copied and portrait.path.is_file()
    steps = [one.step for one in seen if one.phase == "painting" and not one.painted]
    assert steps == [1, 2, 1, 2], "a second batch, and no third"
    monkeypatch.setattr(copies, "COPY", 1.1)
    (portrait,) = paint(painter, replace(job, folder=job.folder / "other"), choose=True)
    assert not portrait.copied


def test_what_does_not_stand_where_it_was_asked_to_is_painted_once_more(
    painter: Painter, job: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    stands = iter([False] * 3 + [True] * 3)
    boxed = replace(job, prompt=replace(PROMPT, box=(0.0, 0.0, 0.5, 0.5)))
    monkeypatch.setattr("gpu.studio.painter.stands_in", lambda box, mask: next(stands))
    (portrait,) = paint(painter, boxed, choose=True)
    assert not portrait.misplaced and portrait.seed > job.seeds[0] + 2, "one of the second batch"
    monkeypatch.setattr("gpu.studio.painter.stands_in", lambda box, mask: True)
    seen: list[Progress] = []
    paint(painter, replace(boxed, folder=job.folder / "other"), seen.append, choose=True)
    assert [one.step for one in seen if one.phase == "painting" and not one.painted] == [1, 2], (
        "where one stands right, that is all"
    )


def test_fine_tries_more_and_a_seed_that_was_asked_for_is_painted_alone(painter: Painter, job: Paint) -> None:
    fine, steps = tiny_models.pool().profile.painting.presets["fine"], list[int]()
    (best,) = paint(painter, job, lambda progress: steps.append(progress.steps), preset=fine, choose=True)
    assert steps[-1] == 2 * fine.steps, "five tries are two batches of three"
    assert best.seed in range(5, 11)
    (own,) = paint(painter, job, preset=fine)
    assert own.seed == 5


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


@pytest.mark.skipif(machine()["cpu"] != OLD["cpu"], reason="another processor may round in another way")
def test_the_older_versions_own_picture(painter: Painter, job: Paint) -> None:
    older = PORTRAIT.validate_python(OLD["recipe"])
    now = again(painter, replace(job, prompt=older.prompt), older)
    assert hashlib.sha256(pixels(now)).hexdigest() == OLD["sha256"]


def scored(folder: Path, seed: int, likeness: float | None = 0.9, **faults: bool) -> Portrait:
    """A portrait with its file, whose pet's photos score 1."""
    path = folder / f"{seed}.png"
    path.touch()
    return Portrait(
        path=path, seed=seed, prompt=Prompt(text=""), likeness=likeness, photos_likeness=1.0, agreement=0.5,
        profile="tiny", batch=4, versions=(), seconds=1.0, **faults,
    )  # fmt: skip


def test_what_stands_right_and_is_the_pet_is_shown_before_what_scores_more(tmp_path: Path) -> None:
    some = [
        scored(tmp_path, 1, 1.0, copied=True),
        scored(tmp_path, 2, 0.99, misplaced=True),
        scored(tmp_path, 3, 0.5),
        scored(tmp_path, 4, 0.8),
        scored(tmp_path, 5, 0.6, misplaced=True),
    ]
    assert [one.seed for one in _best(some, 1)] == [4]
    assert {path.name for path in tmp_path.iterdir()} == {"4.png"}
    for many, shown in ((2, [2, 4]), (3, [2, 3, 4]), (4, [2, 3, 4, 5])):
        for one in some:
            one.path.touch()
        assert [one.seed for one in _best(some, many)] == shown
    imported = [scored(tmp_path, 1, None, misplaced=True), scored(tmp_path, 2, None)]
    assert [one.seed for one in _best(imported, 1)] == [2]
