"""A bot whose models are not complete: the operator reads which, people are asked for nothing, and then it goes on."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cogs.ops.settings import Settings
from gpu.profile import PROFILES
from tests.helpers.bot_env import bot_env, enrolled, named, photos, pressed, private, whole
from tests.helpers.model_repositories import weights


async def test_missing_models_are_told_and_mended_without_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "cogs.shared.models")
    segmenter, dino = tmp_path / "seg", tmp_path / "dino"
    shutil.copytree(PROFILES["pocket"].dino, dino)
    async with bot_env(tmp_path, segmenter=str(segmenter), dino_model=str(dino)) as alive:
        await alive.discord.until(lambda: caplog.records)
        [line] = [record for record in caplog.records if record.levelname == "WARNING"]
        wrong = f"{segmenter} is not on this machine"
        assert line.__dict__["fields"] == {"model": "segmenter", "wrong": wrong, "cure": "make models"}

        mina = alive.discord.person("Mina")
        for given in (named(photos(3)), {}):
            asked = await mina.slash("/enroll", alive.discord.channel, name="Rex", **given)
            answer = await asked.message(25)
            assert "My models are not complete yet, so I kept nothing" in answer["content"]
        assert not (alive.data / "jobs").exists() or not [*(alive.data / "jobs").rglob("*.jpg")]
        assert len(caplog.records) == 1, "the operator is told once"

        shutil.copytree(PROFILES["pocket"].segmenter, segmenter)
        thread = await enrolled(alive, mina)
        assert caplog.records[-1].message == "All models are here and whole"

        (dino / "model.safetensors").write_bytes(weights("lm_head.weight")[:-1])
        refused = await private(await mina.slash("/portrait", thread, style="oil"))
        assert "My models are not complete yet" in refused
        assert "has 212 bytes of 213" in caplog.records[-1].__dict__["fields"]["wrong"]
        assert "DINO_MODEL in .env" in caplog.records[-1].__dict__["fields"]["cure"]
        [portrait] = await whole(alive, thread, 1)
        for what in ("again", "wish"):
            assert "My models are not complete yet" in await pressed(mina, portrait, what)
        shutil.copy(Path(PROFILES["pocket"].dino) / "model.safetensors", dino)
        assert "come to" in await private(await mina.slash("/portrait", thread, style="oil"))


async def test_without_llama_dogs_are_learnt_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """The template writes the prompts; the operator is told."""
    async with bot_env(tmp_path, llama_model=str(tmp_path / "none")) as alive:
        await enrolled(alive, alive.discord.person("Mina"))
        fields = next(one.__dict__["fields"] for one in caplog.records if one.message == "A model cannot be used")
        assert fields["cure"] == "correct LLAMA_MODEL in .env"


async def test_a_form_is_not_shown_for_nothing(tmp_path: Path):
    async with bot_env(tmp_path, segmenter=str(tmp_path)) as alive:
        mina = alive.discord.person("Mina", locale="ko")
        asked = await mina.slash("/enroll", alive.discord.channel, name="보리")
        assert "아직 모델이 다 준비되지 않아서" in await private(asked)


def test_the_bot_looks_where_the_process_that_computes_will(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = Settings(_env_file=None, discord_token="t", hf_home=tmp_path)  # type: ignore[call-arg]
    look = (sys.executable, "-c", "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)")
    seen = subprocess.run(look, env=settings.child_environment(), capture_output=True, text=True, check=True).stdout
    assert settings.hub_cache() == Path(seen.strip()) == tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert settings.hub_cache() is None, "the library's own variable wins, there and here"
