"""What people are told about the time a painting takes, on a machine whose every step takes the same."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from cogs.progress.eta import standings
from gpu.jobs import Paint, PaintOptions
from gpu.line.line import Line
from gpu.outcomes import Done, Painted
from gpu.portraits import Prompt, Quality, Wish
from gpu.profile import PROFILES, Painting
from gpu.sampling import candidates, sampling
from storage.jobs import JobRow
from tests.helpers.fake_studio import FakeStudio
from tests.helpers.inline_executor import InlineExecutor
from tests.helpers.storage_env import CHANNEL, OWNER, THREAD, StorageEnv, portrait

THINKING_S, LOADING_S, DECODING_S, PASS_S = 8.0, 0.5, 0.3, 0.05
FORESIGHT = 5  # steps, to find the dog before it is painted
"""Of a prompt, of each job, of each picture; of the UNet."""
PROMPT = Prompt(text="a photo of <s0> dog")
WAYS: tuple[tuple[Quality, int, Prompt | None], ...] = (
    ("draft", 1, None), ("normal", 1, None), ("fine", 1, None), ("normal", 4, None), ("fine", 2, PROMPT),
    ("draft", 1, PROMPT), ("normal", 2, PROMPT),
)  # fmt: skip


@pytest.fixture
async def env(tmp_path: Path) -> AsyncGenerator[StorageEnv]:
    one = await StorageEnv.open(tmp_path)
    yield one
    await one.db.close()


async def asked(env: StorageEnv, painting: Painting, way: tuple[Quality, int, Prompt | None]) -> JobRow:
    quality, count, prompt = way
    pet = await env.pet("Mochi") or await env.ready()
    return await env.jobs.accept_paint(
        pet=pet, user_id=OWNER, channel_id=CHANNEL, thread_id=THREAD, wish=Wish(style="oil"), locale="en",
        seeds=tuple(range(count)), prompt=prompt,
        options=PaintOptions(preset=painting.presets[quality], choose=True),
    )  # fmt: skip


def seconds(job: Paint, painting: Painting) -> tuple[float, float]:
    """What it takes, and what one candidate of it does."""
    how = sampling(job, painting)
    count = len(candidates(job, how))
    passes = 3 * (how.preset.steps + FORESIGHT) if how.preset.surroundings else 2 * how.preset.steps
    picture = passes * PASS_S + DECODING_S
    judging = 10 * PASS_S * count if count > 1 else 0.0
    return LOADING_S + (0.0 if job.prompt else THINKING_S) + picture * count + judging, picture


async def painted(env: StorageEnv, row: JobRow, painting: Painting) -> float:
    """It is done; how long it took."""
    claim = await env.claim(row.id)
    assert isinstance(claim.job, Paint)
    whole, picture = seconds(claim.job, painting)
    env.clock.now += whole
    made = tuple(replace(portrait(claim.job.folder, seed), seconds=picture) for seed in claim.job.seeds)
    assert await env.journal.settle(claim, Done(result=Painted(portraits=made), seconds=whole))
    return whole


async def told(env: StorageEnv, row: JobRow, painting: Painting) -> float | None:
    async def heard(*_: object) -> None: ...

    line = Line(InlineExecutor(FakeStudio()), env.journal, heard, heard)
    [standing] = [one for one in await standings(line, env.jobs, painting) if one.job.id == row.id]
    return standing.left


@pytest.mark.parametrize("profile", ["pocket", "sdxl"])
@pytest.mark.parametrize("known", [WAYS[:1], WAYS[1:2], WAYS[2:3], WAYS[3:6]], ids=["draft", "normal", "fine", "some"])
async def test_a_painting_of_any_quality_takes_about_as_long_as_is_told_before(
    env: StorageEnv, profile: str, known: tuple[tuple[Quality, int, Prompt | None], ...]
):
    painting = PROFILES[profile].painting
    for way in known:
        await painted(env, await asked(env, painting, way), painting)
    for way in WAYS:
        row = await asked(env, painting, way)
        left = await told(env, row, painting)
        took = await painted(env, row, painting)
        assert left == pytest.approx(took, rel=0.25, abs=1.0), way  # a second is what nobody waits for


async def test_nothing_is_told_where_nothing_was_painted_yet(env: StorageEnv):
    painting = PROFILES["pocket"].painting
    assert await told(env, await asked(env, painting, WAYS[0]), painting) is None
