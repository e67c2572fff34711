"""A recipe paints its picture again, also an older version's."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gpu.jobs import Paint, PaintOptions
from gpu.pets import Adapter
from gpu.portraits import PORTRAIT
from gpu.studio.denoise import embeddings
from gpu.studio.generate import pet_pipeline
from gpu.studio.models import ModelPool
from gpu.studio.painter import Painter
from tests.bench.results import machine
from tests.helpers import tiny_models
from tests.helpers.paintings import again, paint, pixels

pytestmark = tiny_models.QUIET
OLD = json.loads(Path(__file__).with_name("old_recipe.json").read_text())


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


@pytest.mark.skipif(machine()["cpu"] != OLD["cpu"], reason="another processor may round in another way")
def test_the_older_versions_own_picture(painter: Painter, job: Paint) -> None:
    older = PORTRAIT.validate_python(OLD["recipe"])
    now = again(painter, replace(job, prompt=older.prompt), older)
    assert hashlib.sha256(pixels(now)).hexdigest() == OLD["sha256"]
