"""Painting: the same seed gives the same pixels, files load elsewhere, and the base is never touched."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from safetensors import safe_open

from gpu.errors import AdapterMismatch, Cancelled, ModelsMissing, NotFinite
from gpu.outcomes import Progress
from gpu.pets import Adapter
from gpu.portraits import Prompt
from gpu.sampling import Sampling
from gpu.studio import adapter, tokens
from gpu.studio.adapter import apply_adapter
from gpu.studio.generate import generate, noise, pet_pipeline
from gpu.studio.models import ModelPool
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
SAMPLING = tiny_models.SAMPLING
PROMPT = Prompt(text="a photo of <s0> <s1> dog, in a park", negative="a pencil sketch")


def quiet(progress: Progress) -> None:
    pass


def painted(pool: ModelPool, pet: Adapter, seeds: tuple[int, ...], out: Path, prompt: Prompt = PROMPT) -> list[bytes]:
    return [picture.path.read_bytes() for picture in generate(pool, pet, prompt, seeds, SAMPLING, out, quiet)]


def test_the_same_seed_is_the_same_picture_however_many_are_asked(
    pool: ModelPool, pet: Adapter, tmp_path: Path
) -> None:
    (alone,) = painted(pool, pet, (5,), tmp_path)
    _, second = painted(pool, pet, (4, 5), tmp_path)
    *_, fourth = painted(pool, pet, (1, 2, 3, 5), tmp_path)
    assert alone == second == fourth
    assert alone != painted(pool, pet, (6,), tmp_path)[0]


def test_plain_diffusers_paints_the_same_from_the_files(pool: ModelPool, pet: Adapter, tmp_path: Path) -> None:
    painting = replace(pool.profile.painting, guide_to_pet=False)  # which plain diffusers does not know
    seeds, profile = (5, 6, 7), replace(pool.profile, painting=painting)
    ours = list(generate(ModelPool(profile), pet, PROMPT, seeds, SAMPLING, tmp_path, quiet))
    for lora in (adapter.LORA_FILE, adapter.KOHYA_FILE):
        plain = StableDiffusionXLPipeline.from_pretrained(profile.sdxl, dtype=torch.float32, add_watermarker=False)
        plain.load_lora_weights(pet.folder, weight_name=lora)
        rows = tokens.load(pet.folder / adapter.ROWS_FILE)
        for key, encoder, tokenizer in (
            ("clip_l", plain.text_encoder, plain.tokenizer),
            ("clip_g", plain.text_encoder_2, plain.tokenizer_2),
        ):
            plain.load_textual_inversion(
                rows[key], token=list(pet.tokens), text_encoder=encoder, tokenizer=tokenizer, mean_resizing=False
            )
            tokens.fix_eos(encoder, tokenizer)
        theirs = plain(
            PROMPT.text,
            negative_prompt=PROMPT.negative,
            num_images_per_prompt=len(seeds),
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            width=64,
            height=64,
            num_inference_steps=SAMPLING.preset.steps,
            guidance_scale=SAMPLING.preset.guidance,
        ).images
        for mine, their in zip(ours, theirs, strict=True):
            assert Image.open(mine.path).tobytes() == their.tobytes(), lora


def test_guidance_leads_away_from_the_model_without_the_pet(
    pool: ModelPool, pet: Adapter, pipe: StableDiffusionXLPipeline
) -> None:
    assert pool.profile.painting.guide_to_pet
    chance = torch.Generator().manual_seed(3)
    noisy, t = torch.randn(4, 4, 8, 8, generator=chance), torch.tensor(500)
    text = tokens.encode(pipe, [PROMPT.text] * 4)

    @torch.no_grad()
    def noise() -> torch.Tensor:
        added = {"text_embeds": text.pooled, "time_ids": torch.zeros(4, 6)}
        return pipe.unet(noisy, t, encoder_hidden_states=text.hidden, added_cond_kwargs=added).sample

    base = noise()
    with apply_adapter(pipe, pet, pool):
        worn = noise()
    with pet_pipeline(pool, pet):
        mixed = noise()
    assert torch.equal(noise(), base)
    assert not torch.allclose(worn, base, atol=1e-3)
    torch.testing.assert_close(mixed, torch.cat([base[:2], worn[2:]]), rtol=1e-4, atol=1e-5)


def test_the_pet_shows_and_leaves_no_trace(
    pool: ModelPool, pet: Adapter, pipe: StableDiffusionXLPipeline, tmp_path: Path
) -> None:
    def state() -> dict[str, torch.Tensor]:
        parts = (pipe.unet, pipe.vae, pipe.text_encoder, pipe.text_encoder_2)
        return {f"{at}.{name}": p.clone() for at, part in enumerate(parts) for name, p in part.state_dict().items()}

    def hidden() -> torch.Tensor:
        with torch.no_grad():
            return tokens.encode(pipe, [PROMPT.text]).hidden

    before, plain = state(), hidden()
    with apply_adapter(pipe, pet, pool):
        assert not torch.equal(hidden(), plain)
    (first,) = painted(pool, pet, (5,), tmp_path)
    after = state()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(hidden(), plain)
    assert painted(pool, pet, (5,), tmp_path) == [first]


def test_a_cancel_between_two_steps_leaves_the_next_picture_exact(
    pool: ModelPool, pet: Adapter, tmp_path: Path
) -> None:
    before = painted(pool, pet, (5,), tmp_path)

    def cancel(progress: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        list(generate(pool, pet, PROMPT, (8,), SAMPLING, tmp_path, cancel))
    assert painted(pool, pet, (5,), tmp_path) == before
    assert not (tmp_path / "8.png").exists()


def test_steps_are_counted_over_all_batches(pool: ModelPool, pet: Adapter, tmp_path: Path) -> None:
    heard: list[Progress] = []
    list(generate(pool, pet, PROMPT, (1, 2, 3, 4), SAMPLING, tmp_path, heard.append))  # two batches of three
    assert [progress.step for progress in heard] == list(range(1, 2 * SAMPLING.preset.steps + 1))
    assert heard[-1].steps == heard[-1].step
    assert heard[-1].seconds_left == 0


def test_a_prompt_of_any_length_paints(pool: ModelPool, pet: Adapter, tmp_path: Path) -> None:
    long = Prompt(text=PROMPT.text + ", on a beach" * 60)
    assert painted(pool, pet, (5,), tmp_path, long) != painted(pool, pet, (5,), tmp_path)


def test_an_adapters_files_are_the_same_in_every_process(pet: Adapter) -> None:
    """peft keeps the names of layers as a set, whose order each process has for itself."""
    with safe_open(pet.folder / adapter.LORA_FILE, "pt") as file:
        targets = json.loads(file.metadata()["lora_adapter_metadata"])["unet.target_modules"]
    assert targets == sorted(targets)


def test_an_adapter_of_another_base_is_refused(pool: ModelPool, pet: Adapter, tmp_path: Path) -> None:
    with pytest.raises(AdapterMismatch):
        painted(pool, replace(pet, base="another"), (5,), tmp_path)


def test_an_adapter_without_its_files_is_a_clear_error(pool: ModelPool, pet: Adapter, tmp_path: Path) -> None:
    with pytest.raises(ModelsMissing):
        painted(pool, replace(pet, folder=tmp_path / "gone"), (5,), tmp_path)


def test_a_model_without_its_files_is_a_clear_error(pool: ModelPool, tmp_path: Path) -> None:
    bare = ModelPool(replace(pool.profile, sdxl=str(tmp_path), dino=str(tmp_path), segmenter=str(tmp_path)))
    torch.set_num_threads(1)
    for name in ("sdxl", "dino", "yolo"):
        with pytest.raises(ModelsMissing), bare.use(name):
            pass


def test_broken_numbers_never_become_a_picture(
    pool: ModelPool, pet: Adapter, pipe: StableDiffusionXLPipeline, tmp_path: Path
) -> None:
    before = painted(pool, pet, (5,), tmp_path)
    bias = pipe.vae.decoder.conv_out.bias
    kept = bias.detach().clone()
    bias.data.fill_(torch.nan)
    with pytest.raises(NotFinite):
        painted(pool, pet, (9,), tmp_path)
    bias.data.copy_(kept)
    assert painted(pool, pet, (5,), tmp_path) == before


def test_mixed_noise_is_noise_and_without_a_mixture_it_is_the_pipelines_own(pipe: StableDiffusionXLPipeline) -> None:
    square = Sampling(preset=tiny_models.NORMAL, size=(512, 512), batch=1)
    latents, chance = noise(pipe, 5, square)
    own = torch.Generator().manual_seed(5)
    assert torch.equal(latents, torch.randn(latents.shape, generator=own))
    assert torch.equal(chance.get_state(), own.get_state()), "so the steps that draw chance draw the same"
    mixed, _ = noise(pipe, 6, replace(square, around=((5, 0.3),)))
    assert mixed.std().item() == pytest.approx(1.0, abs=0.02)
    assert torch.nn.functional.cosine_similarity(mixed.flatten(), latents.flatten(), dim=0) > 0.8
