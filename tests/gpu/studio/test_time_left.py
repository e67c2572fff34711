"""How long a painting still takes is told rightly, from its first step on, on a steady machine."""

import pytest
import torch

from gpu.outcomes import Progress
from gpu.studio.generate import StepReporter

STEP_S, DECODING_S = 0.1, 0.4


@pytest.mark.parametrize(("rounds", "steps"), [(1, 12), (1, 40), (2, 40), (8, 30)])
@pytest.mark.parametrize("after", [0, 5, 40])
def test_the_time_left_while_painting(rounds: int, steps: int, after: int) -> None:
    now, told = 0.0, list[tuple[float, Progress]]()
    reporter = StepReporter(lambda progress: told.append((now, progress)), rounds, steps, after, clock=lambda: now)
    for _ in range(rounds):
        reporter.begin_round()
        for step in range(steps):
            now += STEP_S
            reporter.on_step_end(None, step, torch.tensor(0), {})
        now += DECODING_S
    end = now + after * STEP_S
    assert [one.step for _, one in told] == list(range(1, rounds * steps + 1))
    for at, progress in told:
        unseen = 1.01 * DECODING_S  # of the last picture, which is not seen before it is over
        assert progress.seconds_left == pytest.approx(end - at, rel=0.25, abs=unseen), progress
