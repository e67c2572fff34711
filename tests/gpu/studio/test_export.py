"""A pet taken along: what other programs read, the lines of the page, and the same pixels once it is brought back."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils import convert_state_dict_to_kohya
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from gpu import adapter_files, adapter_zip
from gpu.adapter_page import page
from gpu.errors import AdapterMismatch
from gpu.jobs import Enroll, Paint, PaintOptions
from gpu.outcomes import Cause, Failed
from gpu.pets import Adapter
from gpu.portraits import Prompt, Wish
from gpu.studio import adapter, studio
from gpu.studio.generate import generate
from gpu.studio.models import ModelPool
from gpu.studio.studio import Studio
from gpu.worker.control import JobControl, run_job
from tests.contracts.studio import Listener
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
SAMPLING = tiny_models.SAMPLING


@pytest.fixture(scope="module")
def pet(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    """After so many steps as it was not trained for."""
    filled = tiny_models.pet(tmp_path_factory.mktemp("pet"))
    changed_recipe(filled.folder, steps=6)
    return adapter.load(filled.folder)


def packed(pet: Adapter, folder: Path, name: str = "Rex") -> tuple[str, Path]:
    """What its files are called, and the zip."""
    called = adapter_zip.file_name(pet.folder, name)
    words = page(called, adapter_files.recipe(pet.folder), tiny_models.pool().profile)
    adapter_zip.pack(pet.folder, called, words, folder / f"{called}.zip")
    return called, folder / f"{called}.zip"


def unzipped(pet: Adapter, folder: Path) -> tuple[str, Path]:
    called, made = packed(pet, folder)
    with adapter_zip.zipfile.ZipFile(made) as given:
        given.extractall(folder / "out")
    return called, folder / "out"


def test_kohyas_file_is_the_one_that_diffusers_makes(pet: Adapter, tmp_path: Path) -> None:
    theirs = convert_state_dict_to_kohya(load_file(pet.folder / adapter_files.LORA_FILE))
    assert_equal(load_file(pet.folder / adapter_files.KOHYA_FILE), theirs)


def assert_equal(some: dict[str, Tensor], others: dict[str, Tensor]) -> None:
    assert some.keys() == others.keys()
    for name, tensor in some.items():
        assert tensor.dtype == others[name].dtype and torch.equal(tensor, others[name]), name


def test_the_bundle_has_all_of_both_files(pet: Adapter, tmp_path: Path) -> None:
    called, out = unzipped(pet, tmp_path)
    lora, rows = load_file(out / f"lora/{called}.safetensors"), load_file(out / f"embeddings/{called}.safetensors")
    both = load_file(out / f"bundle/{called}-bundle.safetensors")
    assert_equal(both, lora | {f"bundle_emb.{called}.{key}": row for key, row in rows.items()})


def test_the_lines_of_the_page_paint_the_bots_own_pixels(
    pet: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines as they stand there, but for the place of the base model and the prompt."""
    painting = replace(tiny_models.pool().profile.painting, guide_to_pet=False)  # which plain diffusers does not know
    profile = replace(tiny_models.pool().profile, painting=painting)
    called, out = unzipped(pet, tmp_path)
    words = (out / "README.md").read_text()
    [lines] = re.findall(r"```python\n(.*?)```", words, re.DOTALL)
    assert 'from_pretrained("sdxl"' in lines, "nobody learns where the models of this machine lie"
    lines = lines.replace('from_pretrained("sdxl"', f'from_pretrained("{profile.sdxl}"')
    [prompt] = re.findall(r'prompt, negative, seed = "(.*?)", "", 1\n', lines)
    monkeypatch.chdir(out)
    done: dict[str, Any] = {}
    asked = Prompt(text=prompt, negative="")
    ours = list(generate(ModelPool(profile), pet, asked, (1, 2, 3), SAMPLING, tmp_path / "ours", lambda _: None))
    exec(lines, done)
    assert [Image.open(one.path).tobytes() for one in ours] == [image.tobytes() for image in done["images"]]
    assert Image.open(out / f"{called}.png").tobytes() == done["images"][0].tobytes()


def test_what_the_page_does_beyond_diffusers_own_lines_is_needed(pet: Adapter, tmp_path: Path) -> None:
    called, out = unzipped(pet, tmp_path)

    def pooled(fixed: bool) -> torch.Tensor:
        plain = StableDiffusionXLPipeline.from_pretrained(tiny_models.pool().profile.sdxl, add_watermarker=False)
        rows = load_file(out / f"embeddings/{called}.safetensors")
        both = {"text_encoder": plain.text_encoder_2, "tokenizer": plain.tokenizer_2}
        plain.load_textual_inversion(rows["clip_g"], list(pet.tokens), **both)
        plain.load_textual_inversion(
            rows["clip_l"], list(pet.tokens), text_encoder=plain.text_encoder, tokenizer=plain.tokenizer
        )
        if fixed:
            plain.text_encoder_2.text_model.eos_token_id = plain.tokenizer_2.eos_token_id
        one, other = (plain.encode_prompt(f"<s0> <s1> dog {words}")[2] for words in ("in a park", "on a beach"))
        return one - other

    assert not pooled(False).any(), "every word after the new tokens is lost"
    assert pooled(True).abs().max() > 0.01
    plain = StableDiffusionXLPipeline.from_pretrained(tiny_models.pool().profile.sdxl, add_watermarker=False)
    (_, none, *_), (_, empty, *_) = (plain.encode_prompt("a dog", negative_prompt=words) for words in (None, ""))
    assert not none.any() and empty.any(), "no negative prompt is not the empty one"


@pytest.fixture(scope="module")
def built() -> Studio:
    made = studio.build(tiny_models.pool().profile)
    torch.set_num_threads(1)
    return made


def imported(zipped: Path, folder: Path) -> Enroll:
    """As the bot puts it in line."""
    adapter_zip.unpack(zipped, folder / "adapter")
    return Enroll(
        job_id="import", folder=folder, photos=(), wish=Wish(style="photo"), class_word="dog", seed=3, imported=True
    )


def painted(one: Studio, pet: Adapter, folder: Path) -> list[bytes]:
    preset, prompt = one.profile.painting.presets["normal"], Prompt(text="a photo of <s0> <s1> dog, in a park")
    job = Paint(
        job_id="paint", folder=folder, adapter=pet, cutouts=(), wish=Wish(style="photo"), seeds=(5, 6, 7),
        prompt=prompt, options=PaintOptions(preset=preset),
    )  # fmt: skip
    return [portrait.path.read_bytes() for portrait in one.paint(job, Listener()).portraits]


def test_what_is_brought_back_paints_the_same_pixels(built: Studio, pet: Adapter, tmp_path: Path) -> None:
    before = painted(built, pet, tmp_path / "before")
    called, made = packed(pet, tmp_path)
    listener = Listener()
    back = built.enroll(imported(made, tmp_path / "back"), listener)
    assert not listener.learnt and [progress.learnt for progress in listener.heard if progress.learnt]
    assert back.sheet is None and back.cutouts == () and len(back.portraits) == 1
    assert back.portraits[0].likeness is None and not back.portraits[0].copied
    assert painted(built, back.adapter, tmp_path / "after") == before
    for name in adapter_files.GIVEN:
        assert (back.adapter.folder / name).read_bytes() == (pet.folder / name).read_bytes(), name
    (tmp_path / "again").mkdir()
    assert packed(back.adapter, tmp_path / "again")[1].read_bytes() == made.read_bytes(), called


def test_the_best_of_several_is_found_without_photos(built: Studio, pet: Adapter, tmp_path: Path) -> None:
    preset = replace(built.profile.painting.presets["fine"], tries=3)
    job = Paint(
        job_id="fine", folder=tmp_path, adapter=pet, cutouts=(), wish=Wish(style="photo"), seeds=(5,),
        prompt=Prompt(text="a photo of <s0> <s1> dog"), options=PaintOptions(preset=preset, choose=True),
    )  # fmt: skip
    (best,) = built.paint(job, Listener()).portraits
    assert best.agreement is not None and best.likeness is None


def changed_recipe(folder: Path, **values: Any) -> None:
    path = folder / adapter_files.RECIPE_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def other_base(folder: Path) -> None:
    changed_recipe(folder / "adapter", base="0" * 64)


def wider_layer(folder: Path) -> None:
    path = folder / "adapter" / adapter_files.LORA_FILE
    tensors = load_file(path)
    name = next(name for name in tensors if ".lora_B" in name)
    save_file(tensors | {name: torch.cat([tensors[name], tensors[name]])}, path)


def strange_layer(folder: Path) -> None:
    path = folder / "adapter" / adapter_files.LORA_FILE
    save_file({name.replace("mid_block", "no_block"): tensor for name, tensor in load_file(path).items()}, path)


def one_token(folder: Path) -> None:
    """Which torch would copy into both rows."""
    path = folder / "adapter" / adapter_files.ROWS_FILE
    save_file({key: rows[:1].clone() for key, rows in load_file(path).items()}, path)
    changed_recipe(folder / "adapter", tokens=["<s0>"])


@pytest.mark.parametrize("change", [other_base, wider_layer, strange_layer, one_token])
def test_what_does_not_fit_the_models_here_is_refused(change: Any, built: Studio, pet: Adapter, tmp_path: Path) -> None:
    """With the sentence for it, and before anything is kept as learnt."""
    job = imported(packed(pet, tmp_path)[1], tmp_path / "back")
    change(job.folder)
    listener = Listener()
    outcome = run_job(built, job, JobControl(), listener)
    assert isinstance(outcome, Failed) and outcome.cause is Cause.ADAPTER_MISMATCH
    assert not [progress for progress in listener.heard if progress.learnt]


def test_what_was_refused_leaves_nothing_in_the_models(built: Studio, pet: Adapter, tmp_path: Path) -> None:
    before = painted(built, pet, tmp_path / "before")
    job = imported(packed(pet, tmp_path)[1], tmp_path / "back")
    wider_layer(job.folder)
    with pytest.raises(AdapterMismatch):
        built.enroll(job, Listener())
    assert painted(built, pet, tmp_path / "after") == before
