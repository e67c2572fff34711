"""Whatever is wrong with Llama, a picture is painted: the template speaks, the recipe says so, the operator is told."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gpu.jobs import Paint
from gpu.pets import Adapter
from gpu.portraits import PORTRAIT, Portrait, Wish
from gpu.profile import Profile
from gpu.studio import studio
from gpu.studio.studio import Studio
from tests.contracts.studio import Listener
from tests.helpers import tiny_models as tiny_models

pytestmark = tiny_models.QUIET
WISH = Wish(style="oil", text="at a lake")
SAYS = "an oil painting of <s0> <s1> dog, at a lake"


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """With a Llama of its own, which may be broken."""
    whole = tiny_models.pool().profile
    shutil.copytree(whole.llama, tmp_path / "llama")
    return replace(whole, llama=str(tmp_path / "llama"))


def build(profile: Profile) -> Studio:
    one = studio.build(profile)
    torch.set_num_threads(1)
    return one


def painted(one: Studio, pet: Adapter, folder: Path) -> Portrait:
    """One portrait, as its stored recipe has it."""
    cutouts = tiny_models.cutouts(folder / "cutouts")
    job = Paint(job_id="1", folder=folder, adapter=pet, cutouts=cutouts, wish=WISH, seeds=(5,))
    (portrait,) = one.paint(job, Listener()).portraits
    assert portrait.path.is_file()
    return PORTRAIT.validate_json(PORTRAIT.dump_json(portrait))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """About the template."""
    told = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    return [words for words in told if "by the template, not by Llama" in words]


def cut_off(name: str) -> Callable[[Path], None]:
    def cut(llama: Path) -> None:
        (llama / name).write_bytes((llama / name).read_bytes()[:-100])

    return cut


def lose(*names: str) -> Callable[[Path], None]:
    return lambda llama: [(llama / name).unlink() for name in names] and None


def unreadable(llama: Path) -> None:
    """A folder in its place: who runs the tests as root may read every file."""
    (llama / "model.safetensors").unlink()
    (llama / "model.safetensors").mkdir()


def no_chat(llama: Path) -> None:
    """A base model, as the hub has beside each Instruct model."""
    (llama / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((llama / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (llama / "tokenizer_config.json").write_text(json.dumps(config))


BROKEN: dict[str, Callable[[Path], None]] = {
    "gone": shutil.rmtree,
    "empty": lambda llama: [path.unlink() for path in llama.iterdir()] and None,
    "without weights": lose("model.safetensors"),
    "without a tokenizer": lose("tokenizer.json", "tokenizer_config.json"),
    "unreadable": unreadable,
    "weights cut off": cut_off("model.safetensors"),
    "configuration cut off": cut_off("config.json"),
    "tokenizer cut off": cut_off("tokenizer.json"),
    "no chat model": no_chat,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_llama_costs_no_prompt(
    broken: Callable[[Path], None], profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    broken(Path(profile.llama))
    one = build(profile)
    for seed in (1, 2):
        prompt = one.rewriter.rewrite(WISH, ("<s0>", "<s1>"), "dog", seed)
        assert (prompt.source, prompt.text) == ("template", SAYS)
    [words] = warnings(caplog)
    assert "llama: " in words and "REWRITE=template" in words


def test_a_broken_llama_costs_no_picture(profile: Profile, pet: Adapter, tmp_path: Path) -> None:
    cut_off("model.safetensors")(Path(profile.llama))
    prompt = painted(build(profile), pet, tmp_path).prompt
    assert (prompt.source, prompt.text) == ("template", SAYS)


def test_a_llama_that_is_mended_speaks_again(profile: Profile, pet: Adapter, tmp_path: Path) -> None:
    good = Path(profile.llama)
    away = good.rename(tmp_path / "away")
    one = build(profile)
    assert one.rewriter.rewrite(WISH, pet.tokens, "dog", 1).source == "template"
    away.rename(good)
    assert one.rewriter._llama()


@pytest.mark.parametrize("at", ["the instruction", "the answer"])
def test_a_llama_that_lacks_memory_costs_no_picture(
    at: str, profile: Profile, pet: Adapter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, lacking = build(profile), True
    with one.pool.use("llama") as llama:
        pass
    one.pool.evict("llama")

    def lack(module: torch.nn.Module, args: tuple[object, ...]) -> None:
        if lacking and (at != "the answer" or one.rewriter._rewriter):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    llama.model.register_forward_pre_hook(lack)
    assert painted(one, pet, tmp_path).prompt.source == "template"
    assert one.rewriter.rewrite(WISH, pet.tokens, "dog", 2).source == "template"
    assert "llama" not in one.pool.on_device()
    [words] = warnings(caplog)
    assert "Tried to allocate" in words and "REWRITE=template" in words
    lacking = False
    one.rewriter._llama().ask({"role": "user", "content": "a wish"}, 1)  # and with memory it is asked again


def test_a_plan_without_room_for_llama_leaves_it_alone(
    profile: Profile, pet: Adapter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(profile.llama)
    one = build(profile)
    one.pool.plan = replace(one.pool.plan, llama=None)
    assert painted(one, pet, tmp_path).prompt.source == "template"
    [words] = warnings(caplog)
    assert "by the memory plan" in words


def test_the_template_by_choice_needs_no_llama_and_warns_of_nothing(
    profile: Profile, pet: Adapter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(profile.llama)
    prompt = painted(build(replace(profile, rewrite="template")), pet, tmp_path).prompt
    assert (prompt.source, prompt.text) == ("template", SAYS)
    assert not warnings(caplog)
