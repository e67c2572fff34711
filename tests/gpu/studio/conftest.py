"""Tiny models, photos and a pet, for tests that learn or paint. A file whose models differ has a `pool` of its own."""

from collections.abc import Iterator

import pytest
from diffusers import StableDiffusionXLPipeline

from gpu.pets import Adapter
from gpu.studio import dataset
from gpu.studio.dataset import Sample
from gpu.studio.models import ModelPool
from tests.helpers import tiny_models


@pytest.fixture(scope="module")
def pool() -> ModelPool:
    return tiny_models.pool()


@pytest.fixture
def pipe(pool: ModelPool) -> Iterator[StableDiffusionXLPipeline]:
    with pool.use("sdxl") as pipe:
        yield pipe


@pytest.fixture(scope="module")
def pet(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return tiny_models.pet(tmp_path_factory.mktemp("pet"))


@pytest.fixture(scope="module")
def samples(pool: ModelPool, tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    with pool.use("sdxl") as pipe:
        return dataset.samples(pipe, tiny_models.cutouts(tmp_path_factory.mktemp("cutouts")), 64)
