"""Training goes on bit for bit: after a kill at any step, and after painting another pet in the middle."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from torch import Tensor

from gpu.errors import ModelsMissing
from gpu.pets import Adapter
from gpu.portraits import Prompt
from gpu.studio import adapter, dataset, objective, tokens, train
from gpu.studio.dataset import Sample
from gpu.studio.generate import generate
from gpu.studio.models import ModelPool
from gpu.studio.state import State
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
STEPS = 6  # of the tiny_models' profile: three for the tokens, three for the LoRA


def begin(pipe: StableDiffusionXLPipeline, seed: int = 7) -> State:
    return State(pipe, tiny_models.pool().profile.learning, adapter.recipe(tiny_models.pool(), (), "dog", seed))


def run(state: State, samples: list[Sample], steps: int = STEPS) -> dict[str, Tensor]:
    """Train up to this step; what was learnt so far."""
    for progress in train.train(state, samples, torch.device("cpu")) if steps else ():
        if progress.step == steps:
            break
    return {name: p.detach().clone() for name, p in (state.rows | state.params).items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def straight(samples: list[Sample]) -> dict[str, Tensor]:
    """What an undisturbed training learns."""
    with tiny_models.pool().use("sdxl") as pipe:
        state = begin(pipe)
        learnt = run(state, samples)
        state.close()
        return learnt


def test_a_batch_in_parts_is_the_same_step_but_for_rounding(
    straight: dict[str, Tensor], pipe: StableDiffusionXLPipeline, samples: list[Sample]
) -> None:
    learnt: list[dict[str, Tensor]] = []
    seen: set[int] = set()
    hook = pipe.unet.register_forward_pre_hook(lambda module, args: seen.add(len(args[0])))
    for _ in range(2):
        state = begin(pipe)
        state.recipe[objective.PARTS] = 2
        learnt.append(run(state, samples))
        state.close()
    hook.remove()
    assert seen == {1}
    assert same(*learnt)
    for name, value in straight.items():
        torch.testing.assert_close(learnt[0][name], value, rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def other_pet(samples: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    with tiny_models.pool().use("sdxl") as pipe:
        state = begin(pipe, seed=99)
        run(state, samples)
        pet = adapter.save(state, tmp_path_factory.mktemp("other") / "adapter")
        state.close()
        return pet


def test_both_phases_learn(straight: dict[str, Tensor], pipe: StableDiffusionXLPipeline) -> None:
    start = tokens.word_rows(pipe, "dog")
    assert not torch.equal(straight["clip_l"], start["clip_l"])
    torch.testing.assert_close(straight["clip_g"].norm(dim=-1), start["clip_g"].norm(dim=-1))
    assert all(bool(value.any()) for name, value in straight.items() if "lora_B" in name)
    assert all(value.dtype == torch.float32 for value in straight.values())


def test_the_seed_decides(straight: dict[str, Tensor], pipe: StableDiffusionXLPipeline, samples: list[Sample]) -> None:
    for seed, expected in ((7, True), (8, False)):
        torch.manual_seed(seed)  # the global state must not matter
        state = begin(pipe, seed)
        assert same(run(state, samples), straight) is expected
        state.close()


@pytest.mark.parametrize("killed_at", range(1, STEPS + 1))
def test_a_kill_at_any_step_changes_nothing(
    killed_at: int,
    straight: dict[str, Tensor],
    pipe: StableDiffusionXLPipeline,
    samples: list[Sample],
    tmp_path: Path,
) -> None:
    state = begin(pipe)
    run(state, samples, killed_at)
    state.save(tmp_path / "training.safetensors")
    state.close()

    state = begin(pipe)
    state.resume(tmp_path / "training.safetensors")
    assert state.step == state.saved == killed_at
    learnt = run(state, samples)
    state.close()
    assert same(learnt, straight)


@pytest.mark.parametrize("paused_at", [1, 3, 5])
def test_painting_another_pet_in_the_middle_changes_nothing(
    paused_at: int,
    straight: dict[str, Tensor],
    other_pet: Adapter,
    pipe: StableDiffusionXLPipeline,
    samples: list[Sample],
    tmp_path: Path,
) -> None:
    state = begin(pipe)
    steps = train.train(state, samples, torch.device("cpu"))
    while next(steps).step < paused_at:
        pass
    prompt = Prompt(text="a photo of <s0> <s1> dog")
    (beside,) = generate(
        tiny_models.pool(), other_pet, prompt, (1,), tiny_models.SAMPLING, tmp_path / "beside", lambda progress: None
    )
    list(steps)
    assert same(run(state, samples), straight)
    state.close()
    (alone,) = generate(
        tiny_models.pool(), other_pet, prompt, (1,), tiny_models.SAMPLING, tmp_path / "alone", lambda progress: None
    )
    assert beside.path.read_bytes() == alone.path.read_bytes()


def test_the_base_stays_bit_identical(pipe: StableDiffusionXLPipeline, samples: list[Sample]) -> None:
    before = {name: p.clone() for name, p in pipe.unet.state_dict().items()}
    state = begin(pipe)
    run(state, samples)
    state.close()
    assert same(before, pipe.unet.state_dict())
    assert not any(p.requires_grad for part in (pipe.unet, pipe.text_encoder) for p in part.parameters())
    assert torch.equal(tokens.rows_of(pipe)["clip_l"], tokens.word_rows(pipe, "dog")["clip_l"])


def test_checkpoints_come_by_the_clock(pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path) -> None:
    state = begin(pipe)
    path = tmp_path / "folder" / "training.safetensors"
    progress = next(train.train(state, samples, torch.device("cpu"), path, checkpoint_every_s=0.0))
    state.close()
    assert progress.checkpoint == progress.step == 1
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["training.safetensors"]


def test_noise_weighs_as_told_at_both_ends() -> None:
    snr = torch.tensor([20.0, 1.0, 0.01])
    assert objective.snr_weights(snr, 5.0).tolist() == pytest.approx([0.25, 1, 1])
    assert objective.snr_weights(snr, 5.0, 0.1).tolist() == pytest.approx([0.25, 1, 10])


def schedule(kind: str, zero_terminal: bool = False) -> DDPMScheduler:
    return DDPMScheduler(prediction_type=kind, rescale_betas_zero_snr=zero_terminal, beta_schedule="scaled_linear")


@pytest.mark.parametrize("zero_terminal", [False, True])
def test_a_base_that_predicts_velocities_is_taught_velocities(
    zero_terminal: bool, pipe: StableDiffusionXLPipeline, samples: list[Sample]
) -> None:
    """What it ought to say gives back picture and noise (Salimans & Ho 2022), and nothing divides by zero."""
    learning, other = tiny_models.pool().profile.learning, copy(pipe)
    other.scheduler = schedule("v_prediction", zero_terminal)
    sampler = objective.BatchSampler(other, learning, samples, torch.device("cpu"))
    pictures, _ = sampler.draw(7, 0, learns_tokens=True)
    signal = other.scheduler.alphas_cumprod[pictures.t][:, None, None, None]
    clean = torch.stack([samples[n].latents for n in pictures.sample])
    back = signal.sqrt() * pictures.noisy - (1 - signal).sqrt() * pictures.target
    torch.testing.assert_close(back, clean, rtol=1e-4, atol=1e-4)
    weights = objective.timestep_weights(other.scheduler, learning)
    assert weights.isfinite().all()
    assert (weights > 0).all()


@pytest.mark.parametrize(("kind", "zero_terminal"), [("sample", False), ("epsilon", True)])
def test_a_base_that_cannot_be_trained_is_refused_by_name(kind: str, zero_terminal: bool) -> None:
    with pytest.raises(ModelsMissing, match=f"it predicts {kind}.*cannot be trained"):
        objective.timestep_weights(schedule(kind, zero_terminal), tiny_models.pool().profile.learning)


def test_a_class_word_of_several_tokens_starts_as_long_as_they_are(pipe: StableDiffusionXLPipeline) -> None:
    [table] = [pipe.text_encoder.get_input_embeddings()]
    ids = pipe.tokenizer("zyxwv", add_special_tokens=False).input_ids
    assert len(ids) > 1
    usual = table.weight[ids].norm(dim=1).mean()
    torch.testing.assert_close(tokens.word_rows(pipe, "zyxwv")["clip_l"][0].norm(), usual)


def test_the_same_training_writes_the_same_bytes(
    pipe: StableDiffusionXLPipeline, samples: list[Sample], tmp_path: Path
) -> None:
    """safetensors itself writes metadata in another order each time; tests/bench/exact.py asks other processes."""
    state = begin(pipe)
    run(state, samples)
    folders = [adapter.save(state, tmp_path / str(n)).folder for n in range(8)]
    state.close()
    for file in folders[0].iterdir():
        assert {(folder / file.name).read_bytes() for folder in folders} == {file.read_bytes()}, file.name


def test_a_caption_is_computed_once_for_all_pictures_of_a_step(
    pipe: StableDiffusionXLPipeline, samples: list[Sample]
) -> None:
    """And the UNet says what it says when each picture brings its own."""
    pictures, _ = objective.BatchSampler(pipe, tiny_models.pool().profile.learning, samples, torch.device("cpu")).draw(
        7, 0, learns_tokens=True
    )
    text, seen = tokens.encode(pipe, ["a photo of a dog"]), list[int]()
    keys = [module.to_k for name, module in pipe.unet.named_modules() if name.endswith("attn2")]
    hooks = [layer.register_forward_pre_hook(lambda module, args: seen.append(len(args[0]))) for layer in keys]
    with torch.no_grad():
        once = objective.predict(pipe, pictures, text)
        for hook in hooks:
            hook.remove()
        each = text._replace(hidden=text.hidden.expand(len(pictures.t), -1, -1))
        torch.testing.assert_close(once, objective.predict(pipe, pictures, each), rtol=1e-4, atol=1e-5)
    assert len(pictures.t) > 1
    assert set(seen) == {1}


def test_a_small_dog_counts_as_much_as_a_large_one() -> None:
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, :, :1, :1] = mask[1, :, :3, :3] = 1
    error = torch.ones(2, 2, 4, 4)
    error[:, :, 3, 3] = 1000  # outside both
    assert objective.mean_over(mask, error).tolist() == [1, 1]


def test_buckets_hold_the_area_and_take_the_nearest_aspect() -> None:
    assert dataset.buckets(128) == [(128, 128)]
    assert all(abs(width * height / 1024**2 - 1) <= 0.1 for width, height in dataset.buckets(1024))
    assert dataset.nearest(1600, 1200, 1024) == (1152, 896)
    assert dataset.nearest(500, 2000, 1024)[0] < dataset.nearest(500, 2000, 1024)[1]


def test_a_dropped_caption_pulls_to_what_the_base_model_says_without_one(
    pipe: StableDiffusionXLPipeline, samples: list[Sample]
) -> None:
    """Where nothing is dog, a LoRA that changes nothing yet is right as it is."""
    learning = replace(tiny_models.pool().profile.learning, caption_dropout=1.0)
    state = State(pipe, learning, adapter.recipe(tiny_models.pool(), (), "dog", 7))
    empty = [replace(sample, mask=torch.zeros_like(sample.mask)) for sample in samples]
    steps = train.train(state, empty, torch.device("cpu"))
    while next(steps).step < STEPS:
        if state.layers:
            assert all(not param.any() for name, param in state.params.items() if "lora_B" in name)
    assert state.layers
    state.close()


def test_float16_learns_what_float32_learns(straight: dict[str, Tensor], samples: list[Sample]) -> None:
    pool = ModelPool(replace(tiny_models.pool().profile, dtype="float16"))
    torch.set_num_threads(1)
    with pool.use("sdxl") as pipe:
        learnt = run(begin(pipe), samples)
    for name, value in straight.items():
        off = (learnt[name].float() - value).abs().mean()
        assert off < 0.05 * value.abs().mean(), name
