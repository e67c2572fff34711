"""Every setting: what it may be, how a wrong one is told, and what of it the process that computes is given."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cogs.ops.redaction import RedactingFormatter
from cogs.ops.settings import Settings, explain
from gpu.profile import PROFILE, PROFILES, SDXL

ROOT = Path(__file__).parents[2]


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **{"discord_token": "t"} | values)  # type: ignore[call-arg]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/api/v10", "http://[::1]:1/api", "https://discord.com/api/v10"])
def test_the_token_goes_to_discord_or_to_this_machine(url: str):
    assert settings(discord_api=url).discord_api == url


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/api",
        "http://discord.com/api",
        "https://discord.com.example.com/api",
        "https://evildiscord.com/api",
        "http://10.0.0.1/api",
        "https://discord.com@example.com/api",
        "file:///etc",
    ],
)
def test_and_nowhere_else(url: str):
    with pytest.raises(ValidationError):
        settings(discord_api=url)
    with pytest.raises(ValidationError):
        settings(discord_gateway=url.replace("http", "ws"))


def test_the_example_is_complete_and_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    example = (ROOT / ".env.example").read_text()
    written = {line.partition("=")[0] for line in example.splitlines() if line and not line.startswith("#")}
    assert written == {name.upper() for name in Settings.model_fields}
    copy = tmp_path / ".env"
    copy.write_text(example.replace("DISCORD_TOKEN=", "DISCORD_TOKEN=t"))
    loaded = Settings(_env_file=copy)  # type: ignore[call-arg]
    assert loaded == settings()


def test_what_is_set_in_a_file_reaches_the_process_that_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("HF_TOKEN", "HF_HOME", "CUDA_VISIBLE_DEVICES", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISCORD_TOKEN", "bot.secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not yours")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / ".env").write_text(f"HF_TOKEN=hf_mine\nHF_HOME={tmp_path}\nCUDA_VISIBLE_DEVICES=1\n")
    given = Settings(_env_file=tmp_path / ".env").child_environment()  # type: ignore[call-arg]
    assert given["HF_TOKEN"] == "hf_mine" and given["HF_HOME"] == str(tmp_path) and given["CUDA_VISIBLE_DEVICES"] == "1"
    assert given["PATH"] and given["OMP_NUM_THREADS"] == "1" and "HF_ENDPOINT" not in given
    assert not {"bot.secret", "not yours"} & set(given.values())


def test_models_of_ones_own_take_the_place_of_the_profiles(tmp_path: Path):
    profile = settings(
        sdxl_model=str(tmp_path), vae_model="me/vae@abc", segmenter="models/mine", rewrite="template", allow_cpu="1"
    ).studio_profile()
    assert (profile.sdxl, profile.sdxl_revision) == (str(tmp_path), None)
    assert (profile.vae, profile.vae_revision) == ("me/vae", "abc")
    assert (profile.segmenter, profile.rewrite, profile.allow_cpu) == ("models/mine", "template", True)
    assert profile.llama == SDXL.llama and profile.timeouts == SDXL.timeouts
    assert PROFILE.validate_json(PROFILE.dump_json(profile)) == profile
    kept = str(Path("data", "cache"))
    assert settings().studio_profile() == replace(SDXL, cache=kept)
    assert settings(profile="pocket").studio_profile() == replace(PROFILES["pocket"], cache=kept)


def test_secrets_are_not_logged():
    formatter = RedactingFormatter(*settings(discord_token="my.secret.token", hf_token="hf_mine").secrets())
    text = "my.secret.token hf_mine /webhooks/12/aW50ZXI_x?wait=1 /interactions/34/dG9r-en/callback"
    record = logging.LogRecord("x", logging.INFO, "", 0, text, None, None)
    line = formatter.format(record)
    assert "[redacted] [redacted] /webhooks/[redacted]?wait=1 /interactions/[redacted]/callback" in line


NUMBERS = {
    "guild_id": (1, 2**63 - 1),
    "pets_each": (1, 1000),
    "jobs_each": (1, 1000),
    "jobs_total": (1, 10_000),
    "photos_days": (0, 36_500),
    "portraits_days": (0, 36_500),
    "look_minutes": (0, 1440),
    "failed_photos_hours": (0, 8760),
    "tidy_hour": (0, 23),
    "metrics_port": (1, 65535),
}


def test_every_number_has_limits():
    kinds = {name: str(field.annotation) for name, field in Settings.model_fields.items()}
    assert {name for name, kind in kinds.items() if "int" in kind} == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_outside_its_limits_is_one_sentence(name: str):
    least, most = NUMBERS[name]
    for good in (least, most):
        assert settings(**{name: str(good)}).model_dump()[name] == good
    for bad in (str(least - 1), str(most + 1), "-3", "many", "1.5"):
        with pytest.raises(ValidationError) as refused:
            settings(**{name: bad})
        assert explain(refused.value) == (
            f"{name.upper()} must be a whole number from {least} to {most}, not '{bad}': "
            "change it in .env or in the environment."
        )
