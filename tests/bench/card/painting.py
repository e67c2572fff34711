"""Portraits in many steps and in few, with the VAE; and one pet after another.

Knows: the product's way from a prompt to a file. Does not know: pipelines.
"""

from functools import partial

from gpu.outcomes import Progress
from gpu.pets import Adapter
from gpu.portraits import Preset, Prompt
from gpu.studio.adapter import apply_adapter
from gpu.studio.generate import Sampling, generate
from tests.bench.card.bench import Bench, Figures, middle

PROMPT = Prompt(text="an oil painting of <s0> <s1> dog, on a beach", negative="a photo")
FOUR = Preset(steps=4, guidance=1.0, few_step=True)  # at 1 there is no guidance


def portrait(bench: Bench) -> Figures:
    """As the profile paints a normal one."""
    return _painted(bench, bench.pool.profile.painting.presets["normal"])


def few_step(bench: Bench) -> Figures:
    """A draft by the profile of `sdxl`, and the four steps without guidance that others publish."""
    steps = bench.pool.profile.painting.presets["draft"].steps
    draft = Preset(steps=steps, guidance=6.0, few_step=True)
    return {"draft": _painted(bench, draft), "four": _painted(bench, FOUR)}


def _painted(bench: Bench, preset: Preset) -> Figures:
    """`painting`: the steps and the VAE of a picture; `whole`: also its texts, LoRAs and file."""
    sampling = Sampling(preset=preset, size=bench.pool.profile.painting.shapes["square"], batch=1)
    painting, whole, pet = list[float](), list[float](), bench.pets[0]
    bench.clock.peak()  # without what it took to learn the pet
    for number in range(1 + bench.scale.rounds):
        whole.append(bench.clock.seconds(partial(_paint, bench, pet, sampling, number, painting)))
    return {
        "steps": preset.steps,
        "guidance": preset.guidance,
        "painting": middle(painting[1:], "s"),
        "whole": middle(whole[1:], "s"),
        "first_s": round(whole[0], 3),
        **bench.clock.peak(),
    }


def _paint(bench: Bench, pet: Adapter, sampling: Sampling, seed: int, seconds: list[float]) -> None:
    pictures = generate(bench.pool, pet, PROMPT, (seed,), sampling, bench.folder / "portraits", _nobody)
    seconds += [picture.seconds for picture in pictures]


def _nobody(progress: Progress) -> None:
    """Nobody wants to know."""


def switch(bench: Bench) -> Figures:
    """One pet put on in place of another, whose LoRA waits in host memory; the first time it is read."""
    pets = bench.pets
    with bench.pool.use("sdxl"):
        bench.pool.lora.cache_clear()
        first = [bench.clock.seconds(partial(_put_on, bench, pet)) for pet in pets]
        turns = [pets[number % 2] for number in range(bench.scale.switches)]
        times = [bench.clock.seconds(partial(_put_on, bench, pet)) for pet in turns]
    return {**middle(times), "first_ms": round(1000 * max(first), 1)}


def _put_on(bench: Bench, pet: Adapter) -> None:
    """And off again: that the next can come belongs to a switch."""
    with bench.pool.use("sdxl") as pipe, apply_adapter(pipe, pet, bench.pool):
        pass
