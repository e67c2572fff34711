"""The real child on pocket: what breaks after a dog is learnt costs its first portrait at most.

One of the faults of tests/bench/lost_trainings.py, which tries them all.
"""

from pathlib import Path

from gpu.outcomes import Cause
from tests.bench.lost_trainings import bench


async def test_no_training_of_the_real_child_is_lost(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        trial = await one.trial("dino", "missing")
    assert (trial.state, trial.adapter, trial.cause, trial.attempts) == ("ready", True, Cause.MODELS_MISSING, 1)
    assert trial.learnt_once and trial.painted_later


async def test_a_child_that_dies_of_its_previews_does_without_them(tmp_path: Path) -> None:
    async with bench(tmp_path, "dino", "death") as one:
        trial = await one.trial("dino", "death")
    assert (trial.state, trial.adapter, trial.cause) == ("ready", True, Cause.WORKER_DIED)
    assert trial.learnt_once
