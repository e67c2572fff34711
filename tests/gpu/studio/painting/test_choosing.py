"""The best of a batch: by likeness and words, no copy of a photo, where it was asked to stand."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from gpu.errors import Cancelled
from gpu.jobs import Paint
from gpu.outcomes import Progress
from gpu.portraits import Portrait, Prompt
from gpu.studio import copies
from gpu.studio.agreement import agreement
from gpu.studio.models import ModelPool
from gpu.studio.painter import Painter, _best
from gpu.verdicts import ranked
from tests.helpers import tiny_models
from tests.helpers.paintings import PROMPT, paint

pytestmark = tiny_models.QUIET


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
