"""How long a training step takes in either phase: ours alone, and ours beside the straightforward loop.

Knows: blocks of steps, in turns. Does not know: what a step is, ours or theirs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gpu.studio import adapter
from gpu.studio.state import State
from gpu.studio.train import train
from tests.bench.card.bench import Bench, Figures, middle
from tests.bench.card.plain import PlainLoop

PHASES = ("token", "lora")


@contextmanager
def begun(bench: Bench, steps: int) -> Iterator[Callable[[], object]]:
    """A training with so many steps in either phase; each call takes one."""
    pool = bench.pool_for(steps, steps)
    with pool.use("sdxl") as pipe:
        state = State(pipe, pool.profile.learning, adapter.recipe(pool, (), "dog", 1))
        taken = train(state, bench.samples, pool.device)
        try:
            yield lambda: next(taken)
        finally:
            taken.close()
            state.close()


def training(bench: Bench) -> Figures:
    """Ours alone; of each phase the first step, what a step takes then, and the memory."""
    rounds, block = bench.scale.rounds, bench.scale.block
    found: Figures = {}
    with begun(bench, 1 + (1 + rounds) * block) as step:
        for phase in PHASES:
            bench.clock.peak()
            first = bench.clock.seconds(step)
            bench.clock.seconds(step, block)  # to get warm
            times = [bench.clock.seconds(step, block) for _ in range(rounds)]
            found[phase] = {**middle(times), "first_ms": round(1000 * first, 1), **bench.clock.peak()}
    return found


def against_plain(bench: Bench) -> Figures:
    """Ours and the straightforward loop in turns: with everything made anew at each step, and with latents kept."""
    rounds, block, clock = bench.scale.rounds, bench.scale.block, bench.clock
    with bench.pool.use("sdxl") as pipe:
        plain = PlainLoop(pipe, bench.pool.profile.learning)  # before our LoRA stands in the UNet
    found: Figures = {}
    with begun(bench, (1 + rounds) * block) as step:
        for phase in PHASES:
            lanes = {"ours": step, "plain": plain.step, "plain_latents_kept": plain.step_with_latents_kept}
            taken = [{name: clock.seconds(lane, block) for name, lane in lanes.items()} for _ in range(1 + rounds)]
            warm = taken[1:]
            found[phase] = _compared({name: middle(each[name] for each in warm) for name in lanes})
    return found


def _compared(times: Figures) -> Figures:
    """And how many times as long the others take."""
    ours = times["ours"]["ms"]
    return times | {f"{name}_times": round(each["ms"] / ours, 2) for name, each in times.items() if name != "ours"}
