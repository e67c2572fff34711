"""Leading the dog to a box: the picture moves as it should, keeps its noise, and does so for each by itself."""

from collections.abc import Sequence

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from gpu.portraits import Box, Prompt
from gpu.studio.denoise import embeddings, foreseen, predicted
from gpu.studio.layout import Placing, bounds, moved_to, stands_in
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
PROMPT = Prompt(text="a photo of <s0> <s1> dog, in a park")
BOX: Box = (0.0, 0.0, 0.5, 0.5)
SIDE, STEPS, GUIDANCE = 64, 4, 5.0


def painted(pipe: StableDiffusionXLPipeline, found: Sequence[Box | None] = (), *, count: int = 2) -> list[bytes]:
    """`found`: where the dog is seen in each picture half-way, None: nowhere; without, no box was asked for."""
    texts = embeddings(pipe, [PROMPT] * count)
    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))[-count:]
    how: dict[str, object] = {"latents": noise}
    if found:
        placing = Placing(
            BOX, STEPS // 2, GUIDANCE, texts, lambda images: [mask_of(found[n]) for n in range(len(images))]
        )
        how = {"latents": placing.begin(noise), "callback_on_step_end": placing.on_step_end}
    images = pipe(
        **texts, **how, num_inference_steps=STEPS, guidance_scale=GUIDANCE, width=SIDE, height=SIDE
    ).images  # fmt: skip
    return [image.tobytes() for image in images]


def mask_of(box: Box | None) -> Image.Image:
    """White where the dog is; all white where there is none."""
    mask = Image.new("L", (SIDE, SIDE), 0 if box else 255)
    if box:
        left, top, right, bottom = (round(share * SIDE) for share in box)
        mask.paste(255, (left, top, right, bottom))
    return mask


@pytest.mark.parametrize("scheduler", [EulerDiscreteScheduler, DDIMScheduler])
def test_moving_one_dog_changes_no_other_picture(
    pipe: StableDiffusionXLPipeline, scheduler: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "scheduler", scheduler.from_config(pipe.scheduler.config))
    seen: Box = (0.5, 0.5, 1.0, 1.0)
    one, other = painted(pipe, [seen, None])
    assert [one, other] != painted(pipe) and painted(pipe, [None, None])[1] == other
    assert painted(pipe, [seen], count=1) != painted(pipe, [None], count=1)
    assert painted(pipe, [seen, None])[0] == one


def test_what_is_moved_comes_to_the_box() -> None:
    """A square of four latents, from the lower right to the upper left."""
    picture = torch.zeros(1, 16, 16)
    picture[:, 10:14, 10:14] = 1
    moved = moved_to((0.0, 0.0, 0.5, 0.5), picture, (10 / 16, 10 / 16, 14 / 16, 14 / 16))
    rows, columns = (torch.nonzero(moved[0].sum(axis) > 0.5).flatten().float() for axis in (1, 0))
    assert (float(rows.mean()) + 0.5, float(columns.mean()) + 0.5) == (4.0, 4.0)
    assert len(rows) == len(columns) == 6, "as much larger as a dog may become"


def test_a_dog_that_is_in_its_box_or_nowhere_stays() -> None:
    picture = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(2))
    assert torch.equal(moved_to(BOX, picture, None), picture)
    assert torch.allclose(moved_to(BOX, picture, BOX), picture, atol=1e-5)


def test_a_picture_is_finished_as_ddim_of_diffusers_finishes_it(pipe: StableDiffusionXLPipeline) -> None:
    """From the same latents, in as many steps."""
    ddim = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="leading", clip_sample=False)
    ddim.set_timesteps(STEPS)
    texts = embeddings(pipe, [PROMPT])
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3))
    x: Tensor = noise
    with torch.no_grad():
        for t in ddim.timesteps:
            x = ddim.step(predicted(pipe, x, t, texts, GUIDANCE), t, x).prev_sample
        ours = foreseen(pipe, noise, ddim.timesteps, texts, GUIDANCE)
    assert torch.allclose(ours, x, atol=1e-3)


def test_what_says_where_a_dog_is_moves_with_it() -> None:
    mask = torch.zeros(1, 16, 16)
    mask[:, 8:, 8:] = 1
    moved = moved_to((0.0, 0.0, 0.5, 0.5), mask, (0.5, 0.5, 1.0, 1.0), "zeros")
    assert moved[:, :8, :8].mean() > 0.9 and moved[:, 9:, 9:].max() == 0, "and nothing of it stays"


@pytest.mark.parametrize("box", [(0.25, 0.5, 0.75, 1.0), None])
def test_bounds_are_shares_of_the_picture(box: Box | None) -> None:
    assert bounds(mask_of(box)) == box


def test_a_dog_stands_where_its_middle_is() -> None:
    right = mask_of((0.5, 0.25, 1.0, 1.0))
    assert stands_in((0.55, 0.2, 1.0, 1.0), right) and not stands_in((0.0, 0.2, 0.45, 1.0), right)
    assert not stands_in((0.0, 0.2, 0.45, 1.0), mask_of(None))
