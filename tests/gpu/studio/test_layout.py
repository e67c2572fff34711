"""Ways to steer the dog into a box: they act where they should, and leave the pipeline as it was."""

import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from gpu.portraits import Prompt
from gpu.studio import layout
from gpu.studio.attention import Target, attending, looked_up, target
from gpu.studio.generate import embeddings
from gpu.studio.layout import Steering, Way, moved_by
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
PROMPT = Prompt(text="a photo of <s0> <s1> dog, in a park", box=(0.0, 0.0, 0.5, 1.0))
FREE = Steering()
NAMES, SIDE, STEPS = ("<s0>", "<s1>"), 64, 4
WAYS = (layout.biased, layout.regional, layout.drawn, layout.shifted, layout.rolled)


def aim(pipe: StableDiffusionXLPipeline) -> Target:
    return target(pipe, PROMPT, NAMES, (SIDE, SIDE))


def noise() -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def painted(pipe: StableDiffusionXLPipeline, steering: Steering = FREE) -> list[bytes]:
    images = pipe(
        **embeddings(pipe, PROMPT, 2),
        latents=steering.begin(noise()),
        callback_on_step_end=steering.on_step_end,
        num_inference_steps=STEPS,
        guidance_scale=5.0,
        width=SIDE,
        height=SIDE,
    ).images
    return [image.tobytes() for image in images]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_way_changes_the_picture_and_leaves_no_trace(pipe: StableDiffusionXLPipeline, way: Way) -> None:
    before, processors = painted(pipe), {name: id(one) for name, one in pipe.unet.attn_processors.items()}
    with way(pipe, aim(pipe), STEPS) as steering:
        assert painted(pipe, steering) != before
    assert {name: id(one) for name, one in pipe.unet.attn_processors.items()} == processors
    assert painted(pipe) == before


def test_attention_that_is_only_looked_at_paints_the_same(pipe: StableDiffusionXLPipeline) -> None:
    before = painted(pipe)
    with attending(pipe, looked_up):
        assert painted(pipe) == before


def test_the_dogs_words_and_the_box_are_where_they_are(pipe: StableDiffusionXLPipeline) -> None:
    found = aim(pipe)
    ids = [pipe.tokenizer.bos_token_id, *pipe.tokenizer(PROMPT.text, add_special_tokens=False).input_ids]
    said = pipe.tokenizer.convert_ids_to_tokens([ids[at] for at in found.dog])
    assert said[:2] == list(NAMES) and said[2].startswith("d")
    assert found.size == (8, 8)
    assert found.inside(16).view(4, 4).tolist() == [[1.0, 1.0, 0.0, 0.0]] * 4


def test_latents_move_by_whole_places() -> None:
    one = torch.arange(12.0).view(1, 3, 4)
    assert torch.equal(moved_by(one, 1, -1, "circular"), one.roll((1, -1), (1, 2)))
    assert torch.equal(moved_by(one, 0, 1, "reflect")[0, 0], torch.tensor([1.0, 0.0, 1.0, 2.0]))
    assert torch.equal(moved_by(one, 0, 0, "reflect"), one)
